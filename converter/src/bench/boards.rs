//! The boards that firmware exists for: each folder under `firmware/boards` with a `board.toml`.

use super::BenchError;
use serde::Deserialize;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// One board, as its `board.toml` describes it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Board {
    /// Name of its folder.
    pub name: String,
    /// Other names that the command line takes.
    pub aliases: Vec<String>,
    /// One line for tables.
    pub description: String,
    /// Rust's name of its instruction set.
    pub target: String,
    /// Package, and name of the image.
    pub package: String,
    /// Sizes and addresses.
    pub memory: BoardMemory,
    /// Present if it is emulated.
    pub qemu: Option<QemuMachine>,
    /// Where its firmware keeps models that a host sends.
    pub store: Option<BoardStore>,
    /// Present if a debug probe reaches it.
    pub probe: Option<BoardProbe>,
    /// What its firmware measures time with.
    pub clock: Option<BoardClock>,
    /// Where it is.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// Sizes and addresses of a board's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoardMemory {
    /// For code and constants.
    pub flash_bytes: u32,
    /// For static data and the stack.
    pub ram_bytes: u32,
    /// What the firmware gives to the engine.
    pub arena_bytes: u32,
    /// Where the model is put.
    pub model_address: u32,
    /// Room for it.
    pub model_bytes: u32,
    /// Where the inputs are put, if the firmware takes them from memory.
    #[serde(default)]
    pub job_address: u32,
    /// Room for them; 0 if it does not.
    #[serde(default)]
    pub job_bytes: u32,
}

/// Where a board's firmware keeps models: two slots, then the log. Addresses are those that a debug probe uses: the processor's, but
/// for flash that it sees through a table of pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoardStore {
    /// Of the first slot.
    pub address: u32,
    /// Bytes of each slot.
    pub slot_bytes: u32,
    /// Bytes of the log.
    pub log_bytes: u32,
}

impl BoardStore {
    /// Of the log.
    pub fn log_address(&self) -> u32 {
        self.address.saturating_add(self.slot_bytes.saturating_mul(2))
    }
}

/// How a debug probe calls a board.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoardProbe {
    /// Name of the chip, as `probe-rs chip list` spells it.
    pub chip: String,
}

/// What a board's firmware measures time with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoardClock {
    /// Ticks a second.
    pub hz: u32,
}

/// How a board is emulated.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QemuMachine {
    /// Which of QEMU's programs has it.
    #[serde(default = "arm_program")]
    pub program: String,
    /// Name for `-M`.
    pub machine: String,
    /// More options.
    #[serde(default)]
    pub options: Vec<String>,
    /// Instructions between two ticks of the firmware's clock, under `-icount shift=0`.
    pub instructions_per_tick: u64,
}

fn arm_program() -> String {
    "qemu-system-arm".into()
}

impl QemuMachine {
    /// What to start: what an environment variable says, `MOTE_QEMU` for `qemu-system-arm`, `MOTE_QEMU_RISCV32` for
    /// `qemu-system-riscv32`; else the one on the path.
    pub fn command(&self) -> OsString {
        let core = self.program.rsplit('-').next().unwrap_or_default();
        let variable = match core {
            "arm" => "MOTE_QEMU".to_owned(),
            other => format!("MOTE_QEMU_{}", other.to_ascii_uppercase()),
        };
        std::env::var_os(variable).unwrap_or_else(|| self.program.clone().into())
    }
}

impl Board {
    /// How it is emulated.
    ///
    /// # Errors
    /// If it is not.
    pub fn emulated(&self) -> Result<&QemuMachine, BenchError> {
        self.qemu.as_ref().ok_or_else(|| BenchError::NotEmulated { board: self.name.clone() })
    }

    /// Every board under `firmware`, sorted by name.
    pub fn all(firmware: &Path) -> Result<Vec<Self>, BenchError> {
        let folder = firmware.join("boards");
        let unreadable = |error| BenchError::Unreadable { path: folder.clone(), error };
        let mut boards = Vec::new();
        for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.join("board.toml").is_file() {
                boards.push(Self::read(&path)?);
            }
        }
        boards.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(boards)
    }

    /// The board called `name`: its folder's name or an alias.
    pub fn find(name: &str) -> Result<Self, BenchError> {
        let boards = Self::all(&firmware_folder()?)?;
        let known = || boards.iter().map(|b| format!("{} ({})", b.name, b.aliases.join(", "))).collect();
        let exact = boards.iter().find(|b| b.names().any(|n| n == name));
        exact.cloned().ok_or_else(|| BenchError::UnknownBoard { name: name.to_owned(), known: known() })
    }

    /// Reads one board's folder.
    pub fn read(folder: &Path) -> Result<Self, BenchError> {
        let path = folder.join("board.toml");
        let text =
            std::fs::read_to_string(&path).map_err(|error| BenchError::Unreadable { path: path.clone(), error })?;
        let board: Self = toml::from_str(&text).map_err(|error| BenchError::BoardFile { path, error })?;
        Ok(Self { folder: folder.to_owned(), ..board })
    }

    /// The shortest of its names: `m4`.
    pub fn short_name(&self) -> &str {
        self.names().min_by_key(|name| name.len()).unwrap_or(&self.name)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.name).chain(&self.aliases).map(String::as_str)
    }
}

/// Where the firmware sources are: `MOTE_FIRMWARE`, or `firmware` in this folder or one above it, or beside the sources
/// that this program was built from.
pub fn firmware_folder() -> Result<PathBuf, BenchError> {
    if let Some(folder) = std::env::var_os("MOTE_FIRMWARE") {
        let folder = PathBuf::from(folder);
        return if is_firmware(&folder) { Ok(folder) } else { Err(BenchError::NotFirmware { folder }) };
    }
    let here = std::env::current_dir().unwrap_or_default();
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR"));
    let candidates = here.ancestors().chain(built_from.parent()).map(|folder| folder.join("firmware"));
    candidates.into_iter().find(|folder| is_firmware(folder)).ok_or(BenchError::NoFirmware)
}

fn is_firmware(folder: &Path) -> bool {
    folder.join("boards").is_dir() && folder.join("Cargo.toml").is_file()
}

#[cfg(test)]
mod tests;
