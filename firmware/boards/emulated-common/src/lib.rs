//! What emulated boards have in common, whatever their processor: memory that the host fills before the machine starts, RAM in the
//! place of flash, how deep the stack gets, and last words.
#![no_std]

#[cfg(feature = "service")]
mod flash;
pub mod last_words;
#[cfg(feature = "service")]
mod line;
pub mod memory;
pub mod stack;

#[cfg(feature = "service")]
pub use flash::{LAYOUT, RamFlash};
#[cfg(feature = "service")]
pub use line::Line;
