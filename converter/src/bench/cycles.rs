//! Estimated cycles: the plugin `cyclesim` in QEMU counts what each executed instruction takes on the core, with flash
//! that makes it wait.
//!
//! The plugin charges for what it takes as flash, the first 512 MiB, so the model must lie there as it does on a device.
//! An image of its own is linked that looks for the model behind the code.

use super::cargo::build_image_with;
use super::qemu::{Setup, option_value, run_with};
use super::{Actions, BenchError, Board, Clock, Image, Job};
use object::{Object, ObjectSymbol};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How cycles are estimated.
#[derive(Clone, Debug)]
pub struct CycleModel {
    /// `cyclesim.so`.
    pub plugin: PathBuf,
    /// Cycles that a flash read takes beyond one; 0 is memory without wait states.
    pub flash_wait_states: u32,
}

/// The estimate for one run.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Cycles {
    /// Of the whole run, but for the decoding of the first instruction.
    pub total: u64,
    /// Of each instruction of the program.
    pub per_instruction: Vec<u64>,
}

/// A run begins where its first instruction does.
const BEGIN: &str = "8dispatch11run_decoded";
/// It ends where its time is written to the report, and so does each instruction under observation.
const END: &str = "Report$LT$B$GT$5value";
/// The first run fills the caches, the second is measured.
const RUNS: u32 = 2;

impl CycleModel {
    /// True if the estimate means something on the board's core. The flash is that of an STM32L4: other cores than the
    /// Cortex-M4 are estimated without wait states only.
    pub fn covers(&self, board: &Board) -> bool {
        core(board).is_some_and(|core| core == "m4" || self.flash_wait_states == 0)
    }
}

/// Estimates a run of the model `blob` on `board`, with `sample` (bytes as stored) as its input.
pub fn estimate_cycles(
    board: &Board,
    blob: &[u8],
    sample: &[u8],
    model: &CycleModel,
    limit: Duration,
) -> Result<Cycles, BenchError> {
    let core = core(board).ok_or_else(|| BenchError::NoCycleModel { board: board.name.clone() })?;
    // Behind the code, which is far smaller than a quarter of the flash.
    let (address, end) = (board.memory.flash_bytes / 4, board.memory.flash_bytes);
    let moved = [format!("--defsym=_model_start={address:#x}"), format!("--defsym=_model_end={end:#x}")];
    let image = build_image_with(board, Path::new("target/cycles"), &moved)?;
    let (begin, stop) = (symbol(&image, BEGIN)?, symbol(&image, END)?);

    let folder = tempfile::tempdir().map_err(|error| BenchError::Unreadable { path: std::env::temp_dir(), error })?;
    let report = folder.path().join("cycles.txt");
    let plugin = format!(
        "{},cpu={core},flashws={},begin={begin},end={stop},top=0,elf={},out={}",
        option_value(&model.plugin),
        model.flash_wait_states,
        option_value(&image.path),
        option_value(&report)
    );
    let arguments = vec!["-plugin".into(), plugin.into()];
    let setup = Setup { model_address: address, model_bytes: end - address, arguments };
    let actions = Actions { profile: true, ..Actions::default() };
    let job = Job { actions, timed_runs: RUNS, samples: &[sample.to_vec()] };
    let qemu = board.emulated()?.command();
    let failed = |why: String| BenchError::Cycles {
        plugin: model.plugin.clone(),
        qemu: qemu.to_string_lossy().into_owned(),
        why,
    };
    let device = run_with(board, &image, blob, job, Clock::Instructions, limit, &setup);
    let device = device.map_err(|error| match error {
        BenchError::Report { error, .. } => failed(error.to_string()),
        other => other,
    })?;
    let text = std::fs::read_to_string(&report).map_err(|error| failed(error.to_string()))?;
    of_spans(&spans(&text), &device.instruction_order).ok_or_else(|| failed(text))
}

/// What the plugin calls the core, if it knows it.
fn core(board: &Board) -> Option<&'static str> {
    match board.short_name() {
        "m4" => Some("m4"),
        "m3" => Some("m3"),
        "m0plus" => Some("m0+"),
        _ => None,
    }
}

/// The whole name of the one function whose name holds `part`.
fn symbol(image: &Image, part: &'static str) -> Result<String, BenchError> {
    let path = &image.path;
    let bytes = std::fs::read(path).map_err(|error| BenchError::Unreadable { path: path.clone(), error })?;
    let file = object::File::parse(&*bytes).map_err(|error| BenchError::Image { path: path.clone(), error })?;
    let functions = file.symbols().filter(|symbol| symbol.kind() == object::SymbolKind::Text);
    let mut names = functions.filter_map(|symbol| symbol.name().ok()).filter(|name| name.contains(part));
    let missing = || BenchError::NoSymbol { path: path.clone(), symbol: part };
    names.next().map(str::to_owned).ok_or_else(missing)
}

/// Cycles of each `span N insns I cycles C ...`.
fn spans(report: &str) -> Vec<u64> {
    let cycles = |line: &str| {
        let mut words = line.strip_prefix("span ")?.split_whitespace();
        words.find(|&word| word == "cycles")?;
        words.next()?.parse().ok()
    };
    report.lines().filter_map(cycles).collect()
}

/// The spans are the timed runs, then the instructions of one observed run, `order` says which: those that run in bands come
/// several times.
fn of_spans(spans: &[u64], order: &[usize]) -> Option<Cycles> {
    let (runs, each) = spans.split_at_checked(RUNS as usize)?;
    let total = *runs.last()?;
    let mut per_instruction = vec![0; order.iter().max().map_or(0, |last| last + 1)];
    order.iter().zip(each).for_each(|(&index, cycles)| per_instruction[index] += cycles);
    (each.len() == order.len()).then_some(Cycles { total, per_instruction })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flash_of_another_core_is_not_made_up() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../firmware/boards");
        let covers = |flash_wait_states, board: &str| {
            let model = CycleModel { plugin: PathBuf::new(), flash_wait_states };
            model.covers(&Board::read(&folder.join(board)).unwrap())
        };
        assert!(covers(5, "qemu-mps2-an386") && covers(0, "qemu-mps2-an385-m0plus"));
        assert!(!covers(5, "qemu-mps2-an385-m0plus") && !covers(0, "qemu-mps2-an500"));
    }

    const REPORT: &str = "cyclesim cpu cortex-m4 flashws 5 spans 4\n\
                          span 1 insns 10 cycles 30 lo 1 hi 2 cpi 3\nspan 2 insns 10 cycles 29 lo 1 hi 2 cpi 3\n\
                          span 3 insns 6 cycles 18 lo 1 hi 2 cpi 3\nspan 4 insns 4 cycles 11 lo 1 hi 2 cpi 3\n\
                          total insns 30 cycles 88\n";

    #[test]
    fn the_warm_run_counts_and_instructions_follow() {
        let found = of_spans(&spans(REPORT), &[0, 1]).unwrap();
        assert_eq!(found, Cycles { total: 29, per_instruction: vec![18, 11] });
        assert_eq!(of_spans(&[5, 5, 1, 2, 3, 4], &[0, 1, 2, 1]).unwrap().per_instruction, [1, 6, 3]);
    }

    #[test]
    fn spans_that_are_not_those_of_the_job_are_refused() {
        assert_eq!(of_spans(&spans(REPORT), &[0, 1, 2]), None);
        assert_eq!(of_spans(&[1], &[]), None);
    }
}
