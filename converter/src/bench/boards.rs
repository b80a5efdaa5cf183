//! The boards that firmware exists for: each folder under `firmware/boards` with a `board.toml`.

use super::BenchError;
use serde::Deserialize;
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

/// Where a board's firmware keeps models: two slots, then the log. Addresses are those of the processor.
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
    /// Name for `-M`.
    pub machine: String,
    /// Instructions between two ticks of the firmware's clock, under `-icount shift=0`.
    pub instructions_per_tick: u64,
}

impl Board {
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
mod tests {
    use super::*;

    fn shipped() -> Vec<Board> {
        Board::all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../firmware")).unwrap()
    }

    #[test]
    fn names_and_aliases_are_unique_and_the_folder_is_a_name() {
        let boards = shipped();
        let mut names: Vec<_> = boards.iter().flat_map(Board::names).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
        for board in &boards {
            assert_eq!(board.folder.file_name().and_then(|n| n.to_str()), Some(board.name.as_str()));
        }
        assert!(names.contains(&"qemu-cortex-m4"));
    }

    #[test]
    fn board_files_agree_with_linker_scripts_and_sources() {
        for board in shipped() {
            let linker = std::fs::read_to_string(board.folder.join("memory.x")).unwrap();
            let memory = board.memory;
            let at = |region: &str, origin: u32, bytes: u32| {
                let line = linker.lines().find(|l| l.trim_start().starts_with(region)).unwrap();
                assert!(line.contains(&format!("ORIGIN = 0x{origin:08x}")), "{}: {line}", board.name);
                assert!(line.ends_with(&format!("LENGTH = {}M", bytes >> 20)), "{}: {line}", board.name);
            };
            if board.qemu.is_some() {
                at("MODEL", memory.model_address, memory.model_bytes);
                at("JOB", memory.job_address, memory.job_bytes);
            }
            let main = std::fs::read_to_string(board.folder.join("src/main.rs")).unwrap();
            assert!(main.contains(&format!("ARENA_BYTES: usize = 0x{:08x};", memory.arena_bytes)), "{}", board.name);
            assert!(main.contains(&format!("\"{}\"", board.name)), "{}", board.name);
            let config = std::fs::read_to_string(board.folder.join(".cargo/config.toml")).unwrap();
            assert!(config.contains(&format!("target = \"{}\"", board.target)), "{}", board.name);
        }
    }

    #[test]
    fn the_service_has_the_store_and_the_clock_that_board_files_say() {
        for board in shipped().into_iter().filter(|board| board.qemu.is_some()) {
            let (store, clock, qemu) = (board.store.unwrap(), board.clock.unwrap(), board.qemu.unwrap());
            let number = |name: &str, files: &[&str]| {
                let start = format!("const {name}: u32 = ");
                let text: String =
                    files.iter().map(|f| std::fs::read_to_string(board.folder.join(f)).unwrap()).collect();
                let digits =
                    text.lines().find_map(|line| line.trim_start().strip_prefix(&start)?.strip_suffix(';')).unwrap();
                let digits = digits.replace('_', "");
                let hex = digits.strip_prefix("0x").map(|digits| u32::from_str_radix(digits, 16));
                hex.unwrap_or_else(|| digits.parse()).unwrap()
            };
            let says = |name: &str| number(name, &["../mps2-common/src/service.rs"]);
            // The image's own, or that of most.
            let hz = number("TICKS_PER_SECOND", &["src/bin/service.rs", "../mps2-common/src/lib.rs"]);
            assert_eq!(store.address, board.memory.model_address, "{}", board.name);
            assert_eq!((store.slot_bytes, store.log_bytes), (says("SLOT_BYTES"), says("LOG_BYTES")), "{}", board.name);
            assert!(
                store.log_address() + store.log_bytes <= store.address + board.memory.model_bytes,
                "{}",
                board.name
            );
            assert_eq!(clock.hz, hz, "{}", board.name);
            // An instruction takes a nanosecond.
            assert_eq!(qemu.instructions_per_tick * u64::from(clock.hz), 1_000_000_000, "{}", board.name);
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let text = Board::find("esp99").unwrap_err().to_string();
        assert!(text.contains("esp99") && text.contains("qemu-cortex-m4"), "{text}");
    }
}
