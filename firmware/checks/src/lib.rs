//! Looks into what was linked for devices: panics, allocators, size. The checks themselves are in `tests/`.
#![forbid(unsafe_code)]

mod archive;
mod budget;
mod build;
mod symbols;

pub use archive::{Archive, Reached, Site};
pub use budget::Budgets;
pub use build::{build_board, build_board_with, build_engine_run, emulated_boards, firmware_folder};
pub use symbols::{is_allocator, is_panic, names, stored_bytes};
