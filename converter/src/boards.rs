//! The boards that models are checked against: one `board.toml` each, those of `firmware/boards` built in.

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/boards.rs"));
}

/// One board, as its `board.toml` describes it. Keys that other tools need are left alone.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Board {
    /// Name of its folder.
    pub name: String,
    /// Other names by which it can be asked for.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// One line for people.
    #[serde(default)]
    pub description: String,
    /// Rust target triple.
    pub target: String,
    /// Clock of the core; 0 where it has no meaning (emulated boards).
    #[serde(default)]
    pub clock_hz: u64,
    /// What there is room for.
    pub memory: Memory,
    /// How to emulate it.
    #[serde(default)]
    pub qemu: Option<Qemu>,
}

/// Sizes in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Memory {
    /// Code and constants; the model too, unless `model_bytes` is there.
    pub flash_bytes: u64,
    /// Static data and stack; the arena is part of it.
    pub ram_bytes: u64,
    /// What the board's firmware gives to the engine, if that is fixed.
    #[serde(default)]
    pub arena_bytes: Option<u64>,
    /// A region of its own for the model, if there is one.
    #[serde(default)]
    pub model_bytes: Option<u64>,
}

/// An emulated board.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Qemu {
    /// `-machine`.
    pub machine: String,
}

/// Why there is no such board.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum BoardError {
    #[error("unknown board `{name}`; known are {}", .known.join(", "))]
    Unknown { name: String, known: Vec<String> },
    #[error("cannot read `{path}`")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("`{path}` is not a board description")]
    Parse { path: PathBuf, source: Box<toml::de::Error> },
}

/// RAM that the firmware needs beside the arena: stack, statics. The demo firmware's, rounded up.
pub const FIRMWARE_RAM_BYTES: u64 = 8 * 1024;
/// Flash that the firmware needs beside the model: kernels and application. The demo firmware's, rounded up.
pub const FIRMWARE_FLASH_BYTES: u64 = 64 * 1024;

/// Whether a model fits a board.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fit {
    /// Name of the board.
    pub board: String,
    /// Bytes that the arena needs.
    pub arena_bytes: u64,
    /// Bytes that the arena may have.
    pub arena_limit_bytes: u64,
    /// Bytes of the model file.
    pub model_bytes: u64,
    /// Bytes that the file may have.
    pub model_limit_bytes: u64,
    /// Both fit.
    pub fits: bool,
}

impl Board {
    /// All boards that are built in, sorted by name.
    pub fn all() -> Vec<Self> {
        embedded::BOARD_FILES.iter().filter_map(|text| toml::from_str(text).ok()).collect()
    }

    /// The board of that name or alias, or the one described by the file at that path.
    pub fn find(name: &str) -> Result<Self, BoardError> {
        if name.ends_with(".toml") {
            return Self::read(Path::new(name));
        }
        let boards = Self::all();
        let known = boards.iter().map(|b| b.name.clone()).collect();
        let matches = |b: &Self| b.name == name || b.aliases.iter().any(|a| a == name);
        boards.into_iter().find(matches).ok_or_else(|| BoardError::Unknown { name: name.into(), known })
    }

    /// Reads a description.
    pub fn read(path: &Path) -> Result<Self, BoardError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| BoardError::Read { path: path.into(), source })?;
        toml::from_str(&text).map_err(|e| BoardError::Parse { path: path.into(), source: Box::new(e) })
    }

    /// Compares a model's needs with what the board has.
    pub fn fit(&self, arena_bytes: u64, model_bytes: u64) -> Fit {
        let arena_limit_bytes =
            self.memory.arena_bytes.unwrap_or_else(|| self.memory.ram_bytes.saturating_sub(FIRMWARE_RAM_BYTES));
        let model_limit_bytes =
            self.memory.model_bytes.unwrap_or_else(|| self.memory.flash_bytes.saturating_sub(FIRMWARE_FLASH_BYTES));
        let fits = arena_bytes <= arena_limit_bytes && model_bytes <= model_limit_bytes;
        Fit { board: self.name.clone(), arena_bytes, arena_limit_bytes, model_bytes, model_limit_bytes, fits }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_file_parses_and_names_are_unique() {
        assert_eq!(Board::all().len(), embedded::BOARD_FILES.len());
        let mut names: Vec<String> = Board::all().into_iter().flat_map(|b| [vec![b.name], b.aliases].concat()).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn arena_and_stack_share_ram_and_model_and_code_share_flash() {
        let text = "name = 'b'\ntarget = 't'\n[memory]\nflash_bytes = 262144\nram_bytes = 65536\n[other]\nkey = 1\n";
        let board: Board = toml::from_str(text).unwrap();
        assert!(board.fit(65536 - 8192, 262144 - 65536).fits);
        assert!(!board.fit(65536 - 8191, 1).fits);
        assert!(!board.fit(1, 262144 - 65535).fits);
    }

    #[test]
    fn unknown_board_error_names_the_argument() {
        let error = Board::find("no-such-board").unwrap_err().to_string();
        assert!(error.starts_with("unknown board `no-such-board`; known are"), "{error}");
    }
}
