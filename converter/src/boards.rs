//! Does a model fit a board? The boards of `firmware/boards` are built in, so that no source tree is needed to ask.

use crate::bench::Board;
use serde::Serialize;
use std::path::{Path, PathBuf};

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/boards.rs"));
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

/// A model's needs and what a board has for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fit {
    /// Name of the board.
    pub board: String,
    /// One line about it.
    pub description: String,
    /// Bytes that the arena needs.
    pub arena_bytes: u64,
    /// Bytes of RAM that the board's firmware gives to the arena.
    pub arena_limit_bytes: u64,
    /// Bytes of the model file.
    pub flash_bytes: u64,
    /// Bytes of flash that the board's firmware leaves for the file.
    pub flash_limit_bytes: u64,
    /// Bytes of arena that are missing.
    pub arena_over_bytes: u64,
    /// Bytes of flash that are missing.
    pub flash_over_bytes: u64,
    /// Both fit.
    pub fits: bool,
}

impl Fit {
    /// Compares.
    pub fn of(board: &Board, arena_bytes: u64, flash_bytes: u64) -> Self {
        let (arena_limit_bytes, flash_limit_bytes) = (board.memory.arena_bytes.into(), board.memory.model_bytes.into());
        Self {
            board: board.name.clone(),
            description: board.description.clone(),
            arena_bytes,
            arena_limit_bytes,
            flash_bytes,
            flash_limit_bytes,
            arena_over_bytes: arena_bytes.saturating_sub(arena_limit_bytes),
            flash_over_bytes: flash_bytes.saturating_sub(flash_limit_bytes),
            fits: arena_bytes <= arena_limit_bytes && flash_bytes <= flash_limit_bytes,
        }
    }
}

/// All boards that are built in, sorted by name.
pub fn all() -> Vec<Board> {
    embedded::BOARD_FILES.iter().filter_map(|text| toml::from_str(text).ok()).collect()
}

/// The board of that name or alias, or the one that the `board.toml` at that path describes.
pub fn find(name: &str) -> Result<Board, BoardError> {
    if name.ends_with(".toml") {
        let path = Path::new(name);
        let text = std::fs::read_to_string(path).map_err(|source| BoardError::Read { path: path.into(), source })?;
        return toml::from_str(&text).map_err(|e| BoardError::Parse { path: path.into(), source: Box::new(e) });
    }
    let boards = all();
    let known = boards.iter().map(|b| format!("{} ({})", b.name, b.aliases.join(", "))).collect();
    let matches = |b: &Board| b.name == name || b.aliases.iter().any(|a| a == name);
    boards.into_iter().find(matches).ok_or_else(|| BoardError::Unknown { name: name.into(), known })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{Probe, ProbeError};

    #[test]
    fn every_embedded_file_parses() {
        assert_eq!(all().len(), embedded::BOARD_FILES.len());
        assert!(!all().is_empty());
    }

    #[test]
    fn arena_and_file_are_compared_with_their_own_limits() {
        let board = find("qemu-cortex-m4").unwrap();
        let (arena, flash) = (board.memory.arena_bytes.into(), board.memory.model_bytes.into());
        assert!(Fit::of(&board, arena, flash).fits);
        let over = |fit: Fit| (fit.fits, fit.arena_over_bytes, fit.flash_over_bytes);
        assert_eq!(over(Fit::of(&board, arena + 1, flash)), (false, 1, 0));
        assert_eq!(over(Fit::of(&board, arena, flash + 7)), (false, 0, 7));
    }

    #[test]
    fn real_boards_take_models_that_fit_through_their_probes() {
        let real: Vec<Board> = all().into_iter().filter(|board| board.qemu.is_none()).collect();
        let names: Vec<&str> = real.iter().map(|board| board.name.as_str()).collect();
        assert_eq!(names, ["esp32-c3-devkitm", "esp32-c6-devkitc", "nrf52840-dk", "nucleo-l4r5zi", "pico", "pico2"]);
        for board in real {
            let slot = board.store.unwrap().slot_bytes.into();
            assert!(Fit::of(&board, 100_000, slot).fits && !Fit::of(&board, 100_000, slot + 1).fits, "{}", board.name);
            assert!(Probe::of(&board, slot).is_ok(), "{}", board.name);
            assert!(matches!(Probe::of(&board, slot + 1), Err(ProbeError::TooLarge { .. })), "{}", board.name);
        }
    }

    #[test]
    fn unknown_board_error_names_the_known_ones() {
        let error = find("no-such-board").unwrap_err().to_string();
        assert!(error.contains("no-such-board") && error.contains("qemu-cortex-m4"), "{error}");
    }
}
