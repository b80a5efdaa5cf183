//! Armv7-M: multiplication with addition and to 64 bits, loads of bytes with their signs.
//!
//! Patches hold the elements of the four pixels, as `i16` each, one group after the other.

mod add;
mod block;
mod output;
mod quads;
mod strips;
mod widen;

pub(super) use add::{add_terms, scale_sums};
pub(crate) use block::dot_patch_block;
pub(super) use block::{convolve_block, dot_patches};
pub(super) use output::{keep, scale};
pub(crate) use quads::fully_connect;
pub(super) use strips::convolve_strips;
pub(crate) use widen::clear_patch;
pub(super) use widen::{Widen, widen_words};

/// Whether loads of words may start at any address.
pub(super) const LOADS_UNALIGNED: bool = true;
