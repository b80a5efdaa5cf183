//! The text that the firmware sends, read back. `firmware/app/src/app.rs` has the table of lines.

use super::Outputs;
use mote_runtime::format::Crc32;
use mote_runtime::{EngineError, LoadError, SelfTestFailure};
use std::str::SplitWhitespace;

/// Everything that a board said about one model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceReport {
    /// Name that the firmware gives itself.
    pub board: String,
    /// Bytes of the model file.
    pub file_bytes: u32,
    /// Arena bytes that the file asks for.
    pub planned_arena_bytes: u32,
    /// Ticks of `Model::load`.
    pub load_ticks: u64,
    /// Stack that it needs.
    pub load_stack_bytes: u32,
    /// Ticks of `Engine::new`.
    pub new_ticks: u64,
    /// Self-test vectors that passed, if they were asked for.
    pub self_tests: Option<u32>,
    /// One past the highest arena byte that a run writes, if measured.
    pub arena_high_water_bytes: Option<u32>,
    /// If measured.
    pub stack: Option<StackUsed>,
    /// Ticks of each timed run.
    pub run_ticks: Vec<u64>,
    /// Ticks of each instruction, in order.
    pub instruction_ticks: Vec<u64>,
    /// The instruction of every time reported, of which those that run in bands have several.
    pub instruction_order: Vec<usize>,
    /// For each sample of the job.
    pub outputs: Outputs,
}

/// Depths of the stack in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct StackUsed {
    /// What `Engine::run` needs.
    pub run_bytes: u32,
    /// What the whole firmware needed until then.
    pub total_bytes: u32,
}

/// What is wrong with a report.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// It has no end.
    #[error("its report has no end; it says:\n{output}")]
    NoEnd {
        /// The text.
        output: String,
    },
    /// Count or checksum do not match.
    #[error("its report is damaged: {lines} lines with CRC-32 {crc:08x}, the last line says `{says}`")]
    Damaged {
        /// Lines that came.
        lines: usize,
        /// Their checksum.
        crc: u32,
        /// The last line.
        says: String,
    },
    /// A line makes no sense.
    #[error("its report has an unknown line `{line}`")]
    Line {
        /// Which.
        line: String,
    },
    /// The firmware refused the model or the job, or a self-test failed.
    #[error("it reports: {why}")]
    Failed {
        /// In words, or in the firmware's numbers if this version does not know them.
        why: String,
    },
    /// It stopped by itself.
    #[error("it stopped: {why}")]
    Stopped {
        /// The panic or fault line.
        why: String,
    },
}

impl DeviceReport {
    /// Reads a whole report.
    pub fn parse(text: &str) -> Result<Self, StreamError> {
        if let Some(line) = text.lines().find(|l| l.starts_with("panic") || l.starts_with("fault")) {
            return Err(StreamError::Stopped { why: line.to_owned() });
        }
        let (body, end) = split_end(text).ok_or_else(|| StreamError::NoEnd { output: text.to_owned() })?;
        let (lines, crc) = (body.lines().count(), Crc32::of(body.as_bytes()));
        if end != format!("end {lines} {crc:08x}") {
            return Err(StreamError::Damaged { lines, crc, says: end.to_owned() });
        }
        let mut report = Self::default();
        for line in body.lines() {
            if let Some(why) = line.strip_prefix("status failed ") {
                return Err(StreamError::Failed { why: in_words(why).unwrap_or_else(|| why.to_owned()) });
            }
            report.line(line).ok_or_else(|| StreamError::Line { line: line.to_owned() })?;
        }
        Ok(report)
    }

    fn line(&mut self, line: &str) -> Option<()> {
        let mut words = line.split_whitespace();
        match words.next()? {
            "mote-report" => {
                (words.next()? == "1").then_some(())?;
                self.board = words.next()?.to_owned();
            }
            "model" => {
                self.file_bytes = number(&mut words)?;
                self.planned_arena_bytes = number(&mut words)?;
            }
            "load" => {
                self.load_ticks = number(&mut words)?;
                self.load_stack_bytes = number(&mut words)?;
            }
            "new" => self.new_ticks = number(&mut words)?,
            "selftest" => self.self_tests = Some(number(&mut words)?),
            "arena" => self.arena_high_water_bytes = Some(number(&mut words)?),
            "stack" => {
                let (run_bytes, total_bytes) = (number(&mut words)?, number(&mut words)?);
                self.stack = Some(StackUsed { run_bytes, total_bytes });
            }
            "run" => self.run_ticks.push(number(&mut words)?),
            "op" => {
                // One line an instruction, in order; those that run in bands have one for each band.
                let (index, ticks) = (number::<usize>(&mut words)?, number(&mut words)?);
                self.instruction_order.push(index);
                match self.instruction_ticks.get_mut(index) {
                    Some(sum) => *sum += ticks,
                    None => {
                        (index == self.instruction_ticks.len()).then_some(())?;
                        self.instruction_ticks.push(ticks);
                    }
                }
            }
            "out" => self.output(&mut words)?,
            "status" => (words.next()? == "ok").then_some(())?,
            _ => return None,
        }
        Some(())
    }

    /// Pieces of outputs come in order.
    fn output(&mut self, words: &mut SplitWhitespace<'_>) -> Option<()> {
        let (sample, output, offset) = (number(words)?, number(words)?, number::<usize>(words)?);
        let sample = entry(&mut self.outputs, sample)?;
        let bytes = entry(sample, output)?;
        (bytes.len() == offset).then_some(())?;
        for pair in words.next()?.as_bytes().chunks(2) {
            let pair = std::str::from_utf8(pair).ok().filter(|p| p.len() == 2)?;
            bytes.push(u8::from_str_radix(pair, 16).ok()?);
        }
        Some(())
    }
}

/// The entry at `index`, which may be the next new one.
fn entry<T: Default>(list: &mut Vec<T>, index: usize) -> Option<&mut T> {
    if index == list.len() {
        list.push(T::default());
    }
    list.get_mut(index)
}

/// What a failure's numbers mean; `Failure` in `firmware/app/src/failure.rs` writes them.
fn in_words(why: &str) -> Option<String> {
    let mut words = why.split_whitespace();
    let part = words.next()?;
    let numbers = [number(&mut words)?, number(&mut words)?, number(&mut words)?];
    match part {
        "load" => LoadError::from_numbers(numbers).map(|error| error.to_string()),
        "engine" => EngineError::from_numbers(numbers).map(|error| error.to_string()),
        "selftest" => SelfTestFailure::from_numbers(numbers).map(|failure| failure.to_string()),
        "job" => match numbers {
            [0, needed, got] => Some(format!("the job needs {needed} bytes, its memory has {got}")),
            [1, ..] => Some("the job is damaged".to_owned()),
            [2, needed, got] => Some(format!("the model's inputs are {needed} bytes, the job's samples {got}")),
            _ => None,
        },
        _ => None,
    }
}

fn number<T: std::str::FromStr>(words: &mut SplitWhitespace<'_>) -> Option<T> {
    words.next()?.parse().ok()
}

/// Everything before the last line, and the last line, if that is a whole `end` line.
fn split_end(text: &str) -> Option<(&str, &str)> {
    let whole = text.strip_suffix('\n')?;
    let at = whole.rfind('\n')? + 1;
    let (body, end) = (text.get(..at)?, whole.get(at..)?);
    end.starts_with("end ").then_some((body, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(body: &str) -> String {
        format!("{body}end {} {:08x}\n", body.lines().count(), Crc32::of(body.as_bytes()))
    }

    const BODY: &str = "mote-report 1 b\nmodel 9 8 2 1 1\nload 7 300\nnew 1\nselftest 3\narena 8 64\nstack 5 6\n\
                        run 40\nop 0 30\nop 1 10\nout 0 0 0 00ff\nout 0 0 2 7f\nout 1 0 0 01\nstatus ok\n";

    #[test]
    fn a_whole_report_is_read() {
        let report = DeviceReport::parse(&sealed(BODY)).unwrap();
        assert_eq!(report.board, "b");
        assert_eq!((report.file_bytes, report.planned_arena_bytes, report.load_ticks, report.new_ticks), (9, 8, 7, 1));
        assert_eq!((report.self_tests, report.arena_high_water_bytes), (Some(3), Some(8)));
        assert_eq!(report.stack, Some(StackUsed { run_bytes: 5, total_bytes: 6 }));
        assert_eq!(report.run_ticks, [40]);
        assert_eq!(report.instruction_ticks, [30, 10]);
        assert_eq!(report.outputs, [vec![vec![0, 255, 127]], vec![vec![1]]]);
    }

    #[test]
    fn every_truncation_is_noticed() {
        let text = sealed(BODY);
        for end in 0..text.len() {
            assert!(DeviceReport::parse(&text[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn a_missing_line_is_noticed() {
        let text = sealed(BODY).replace("load 7 300\n", "");
        assert!(matches!(DeviceReport::parse(&text), Err(StreamError::Damaged { .. })));
    }

    #[test]
    fn a_panic_is_quoted() {
        let text = "mote-report 1 b\n\npanic src/x.rs:1:2\n";
        assert_eq!(DeviceReport::parse(text), Err(StreamError::Stopped { why: "panic src/x.rs:1:2".into() }));
    }

    #[test]
    fn a_refusal_is_put_into_words() {
        let why = |line: &str| match DeviceReport::parse(&sealed(&format!("mote-report 1 b\nstatus failed {line}\n"))) {
            Err(StreamError::Failed { why }) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(why("load 1 0 0"), LoadError::Magic.to_string());
        assert_eq!(why("engine 0 88 64"), "the model needs 88 bytes of arena, got 64");
        assert!(why("selftest 3 1 7").contains("vector 3"));
        assert!(why("job 2 40 39").contains("40 bytes"));
        assert_eq!(why("load 99 0 0"), "load 99 0 0");
    }

    #[test]
    fn an_output_with_a_gap_is_refused() {
        let text = sealed("mote-report 1 b\nout 0 0 32 00\nstatus ok\n");
        assert!(matches!(DeviceReport::parse(&text), Err(StreamError::Line { .. })));
    }
}
