//! Armv6-M: multiplication gives 32 bits, loads extend no signs, and most instructions see eight registers.
//!
//! In patches, element `k` of all pixels takes words `2 * k` and `2 * k + 1`, each of which holds two pixels as the *sum*
//! `x0 + (x1 << 16)`. One multiplication with a weight then makes two products, of 17 bits at most. The upper one is read
//! off by shifting with rounding, the lower one is known from the sum of both. Slots are written in order.

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
pub(super) const LOADS_UNALIGNED: bool = false;
