//! Running an image in QEMU.

use super::{Actions, BenchError, Board, BoardMemory, DeviceReport, Image, Job, build_image};
use std::ffi::OsString;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What time means inside the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// An instruction takes a nanosecond: slower, and the same counts every time.
    Instructions,
    /// As fast as it goes; ticks mean nothing.
    Free,
}

/// Enough for the largest networks that microcontrollers run, on a slow host.
pub const DEFAULT_TIME_LIMIT: Duration = Duration::from_secs(300);

/// What [`run`] leaves as it is.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    /// Where the image looks for the model.
    pub model_address: u32,
    /// Room for it there.
    pub model_bytes: u32,
    /// More options.
    pub arguments: Vec<OsString>,
}

/// Runs `job` with the model `blob` on an emulated board, and ends the machine if it takes longer than `limit`.
pub fn run(
    board: &Board,
    image: &Image,
    blob: &[u8],
    job: Job<'_>,
    clock: Clock,
    limit: Duration,
) -> Result<DeviceReport, BenchError> {
    let BoardMemory { model_address, model_bytes, .. } = board.memory;
    run_with(board, image, blob, job, clock, limit, &Setup { model_address, model_bytes, arguments: Vec::new() })
}

/// As [`run`], with another setup.
pub(super) fn run_with(
    board: &Board,
    image: &Image,
    blob: &[u8],
    job: Job<'_>,
    clock: Clock,
    limit: Duration,
    setup: &Setup,
) -> Result<DeviceReport, BenchError> {
    let machine = board.emulated()?;
    let job = job.to_bytes();
    let memory = &board.memory;
    fits(board, "model", blob.len(), setup.model_bytes)?;
    fits(board, "inputs' data", job.len(), memory.job_bytes)?;

    let folder = tempfile::tempdir().map_err(|error| BenchError::Unreadable { path: std::env::temp_dir(), error })?;
    let mut command = Command::new(machine.command());
    command.args(&machine.options).args([
        "-M",
        &machine.machine,
        "-display",
        "none",
        "-monitor",
        "none",
        "-serial",
        "stdio",
        "-semihosting",
    ]);
    if clock == Clock::Instructions {
        command.args(["-icount", "shift=0"]);
    }
    for (name, bytes, address) in [("model", blob, setup.model_address), ("job", &job, memory.job_address)] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).map_err(|error| BenchError::Unreadable { path: path.clone(), error })?;
        command.arg("-device").arg(format!("loader,file={},addr={address:#x},force-raw=on", option_value(&path)));
    }
    command.arg("-kernel").arg(&image.path).args(&setup.arguments);
    let output = output_within(command, board, limit)?;
    // QEMU's own words matter only where the report is none.
    let report = DeviceReport::parse(&output.stdout).or_else(|_| DeviceReport::parse(&output.both()));
    report.map_err(|error| BenchError::Report { board: board.name.clone(), error })
}

/// Builds `board`'s image if needed and runs `samples` (bytes as stored, see [`super::stored_samples`]) on it, with the
/// self-test and the memory measurements, without counting instructions.
pub fn run_inputs(board: &Board, blob: &[u8], samples: &[Vec<u8>]) -> Result<DeviceReport, BenchError> {
    let image = build_image(board)?;
    let actions = Actions { self_test: true, measure: true, profile: false, outputs: true };
    let job = Job { actions, timed_runs: 0, samples };
    run(board, &image, blob, job, Clock::Free, DEFAULT_TIME_LIMIT)
}

fn fits(board: &Board, what: &'static str, needed: usize, got: u32) -> Result<(), BenchError> {
    if needed <= got as usize {
        Ok(())
    } else {
        Err(BenchError::TooLarge { what, board: board.name.clone(), needed, got })
    }
}

/// QEMU splits options at commas; a doubled comma stands for one.
pub(super) fn option_value(path: &Path) -> String {
    path.to_string_lossy().replace(',', ",,")
}

/// What a program said.
struct Said {
    stdout: String,
    stderr: String,
}

impl Said {
    fn both(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

fn output_within(mut command: Command, board: &Board, limit: Duration) -> Result<Said, BenchError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let start = |error| BenchError::Start { program: program.clone(), error };
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(start)?;
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let in_time = wait(&mut child, Instant::now() + limit);
    // The status says no more than the report: the firmware exits with 1 exactly if the report says so.
    let said = Said { stdout: stdout.join().unwrap_or_default(), stderr: stderr.join().unwrap_or_default() };
    if in_time {
        Ok(said)
    } else {
        Err(BenchError::TimeLimit { board: board.name.clone(), limit, output: said.both() })
    }
}

/// Reads on a thread of its own, so that a full pipe cannot stop the machine.
fn collect(stream: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            // What came before an error is still worth reading.
            let _ = stream.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// True if `child` ended by itself.
fn wait(child: &mut Child, deadline: Instant) -> bool {
    loop {
        if matches!(child.try_wait(), Ok(Some(_))) {
            return true;
        }
        if Instant::now() >= deadline {
            // Killing fails only if it has just ended.
            let _ = child.kill();
            let _ = child.wait();
            return false;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any_board() -> Board {
        Board::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../firmware/boards/qemu-mps2-an386")).unwrap()
    }

    #[test]
    fn a_hang_is_ended_and_its_words_are_kept() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo alive; sleep 60 >/dev/null 2>&1"]);
        let started = Instant::now();
        let error = output_within(command, &any_board(), Duration::from_millis(300)).err().unwrap();
        assert!(started.elapsed() < Duration::from_secs(30));
        assert!(matches!(&error, BenchError::TimeLimit { output, .. } if output.contains("alive")), "{error}");
    }

    #[test]
    fn a_model_larger_than_the_partition_is_refused_with_both_sizes() {
        let board = any_board();
        let error = fits(&board, "model", board.memory.model_bytes as usize + 1, board.memory.model_bytes);
        let text = error.unwrap_err().to_string();
        assert!(text.contains("8388609") && text.contains("8388608"), "{text}");
    }

    #[test]
    fn commas_in_paths_survive() {
        assert_eq!(option_value(Path::new("/tmp/a,b")), "/tmp/a,,b");
    }
}
