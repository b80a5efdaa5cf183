//! Why a measurement failed.

use super::stream::StreamError;
use std::path::PathBuf;
use std::time::Duration;

/// Why a model could not be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// There is no firmware to build.
    #[error("no firmware sources: no folder `firmware/boards` here or above, nor where mote was built")]
    NoFirmware,
    /// `MOTE_FIRMWARE` is wrong.
    #[error("MOTE_FIRMWARE is {folder}, which has no `boards` folder and Cargo.toml")]
    NotFirmware {
        /// What it names.
        folder: PathBuf,
    },
    /// A file or folder cannot be read or written.
    #[error("{path}: {error}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A `board.toml` is not one.
    #[error("{path}: {error}")]
    BoardFile {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        error: toml::de::Error,
    },
    /// A file of figures is not one.
    #[error("{path}: not a file of figures: {error}")]
    Figures {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        error: serde_json::Error,
    },
    /// The image lacks a function that the measurement hangs on.
    #[error("{path}: there is no function whose symbol holds `{symbol}`, so that cycles cannot be attributed")]
    NoSymbol {
        /// The image.
        path: PathBuf,
        /// What was looked for.
        symbol: &'static str,
    },
    /// There is no instruction timing for the board's core.
    #[error("cycles of `{board}` cannot be estimated: there is no timing model of its core")]
    NoCycleModel {
        /// Which board.
        board: String,
    },
    /// The cycle model did not work.
    #[error("no cycles from the plugin `{plugin}` in {qemu}: {why}")]
    Cycles {
        /// The plugin.
        plugin: PathBuf,
        /// The emulator.
        qemu: String,
        /// What it said.
        why: String,
    },
    /// No such board.
    #[error("no board `{name}`; there are {}", known.join(", "))]
    UnknownBoard {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The board is a real one.
    #[error("board `{board}` is not emulated")]
    NotEmulated {
        /// Which.
        board: String,
    },
    /// A program could not be started.
    #[error("cannot start `{program}`: {error}")]
    Start {
        /// Which.
        program: String,
        /// Why.
        error: std::io::Error,
    },
    /// Rust's library for the board's instruction set is not installed.
    #[error("Rust has no library for `{target}` here")]
    MissingTarget {
        /// Which.
        target: String,
    },
    /// The image does not build.
    #[error("building the firmware of `{board}` failed:\n{output}")]
    Build {
        /// Which board.
        board: String,
        /// What cargo said.
        output: String,
    },
    /// The image cannot be understood.
    #[error("{path}: not an ELF image: {error}")]
    Image {
        /// Which.
        path: PathBuf,
        /// Why.
        error: object::Error,
    },
    /// The model or its inputs do not fit the board's memory.
    #[error("the {what} is {needed} bytes; board `{board}` has room for {got}")]
    TooLarge {
        /// Model, or inputs.
        what: &'static str,
        /// Which board.
        board: String,
        /// Bytes needed.
        needed: usize,
        /// Bytes there.
        got: u32,
    },
    /// The host's runtime refuses the file.
    #[error("not a model that this version can run: {0:?}")]
    Load(mote_runtime::LoadError),
    /// The host's engine refuses its arena.
    #[error("the engine cannot start: {0:?}")]
    Engine(mote_runtime::EngineError),
    /// A sample does not fit the model.
    #[error("sample {sample}, input {input}: the model takes {needed} values, got {got}")]
    Sample {
        /// Which sample.
        sample: usize,
        /// Which input.
        input: usize,
        /// Values it takes.
        needed: usize,
        /// Values given.
        got: usize,
    },
    /// The file cannot be described.
    #[error(transparent)]
    Inspect(#[from] crate::inspect::InspectError),
    /// It did not end.
    #[error("`{board}` did not finish within {} s; its last words:\n{output}", limit.as_secs())]
    TimeLimit {
        /// Which board.
        board: String,
        /// How long it had.
        limit: Duration,
        /// What it had printed.
        output: String,
    },
    /// What it printed is not a whole report.
    #[error("board `{board}`: {error}")]
    Report {
        /// Which board.
        board: String,
        /// What is wrong.
        error: StreamError,
    },
}

impl BenchError {
    /// What to try next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoFirmware | Self::NotFirmware { .. } => {
                Some("run mote inside its source tree, or set MOTE_FIRMWARE to the `firmware` folder of one".into())
            }
            Self::Start { program, .. } if program.starts_with("qemu") => {
                // Where Debian and Ubuntu have it; some of their releases call the package `qemu-system-riscv`.
                let package = if program.contains("riscv") { "qemu-system-misc" } else { "qemu-system-arm" };
                Some(format!("install QEMU (Debian, Ubuntu: `sudo apt install {package}`), or run ./setup.sh"))
            }
            Self::NotEmulated { .. } => Some(
                "measure it where it is: flash its firmware, then `mote bench FILE --port PORT`; `--all-targets` are the \
                 emulated ones"
                    .into(),
            ),
            Self::Start { program, .. } if program == "cargo" => Some("install Rust from https://rustup.rs".into()),
            Self::Cycles { .. } => Some(
                "plugins need QEMU 9.1 or later, named by MOTE_QEMU; `benches/cycles/setup.sh` fetches one and builds the \
                 plugin"
                    .into(),
            ),
            Self::MissingTarget { target } => Some(format!("`rustup target add {target}`, or run ./setup.sh")),
            _ => None,
        }
    }
}
