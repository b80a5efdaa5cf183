//! Inner loops for Armv6-M and Armv7-M: one product at a time, as many of them in registers as there are.
//!
//! Bit-equal to [`portable`](super::portable), which handles what is out of the ordinary. What both have in common is
//! here; [`isa`] has the assembly. Its functions are called, not inlined: they need every register, and Rust lends neither
//! r6 nor r7.

#[cfg(kernel_armv6m)]
#[path = "armv6m/mod.rs"]
mod isa;
#[cfg(kernel_armv7m)]
#[path = "armv7m/mod.rs"]
mod isa;

mod add;
mod block;
mod limits;
mod strips;
mod widen;

pub(crate) use add::add_tflite;
pub(crate) use block::{convolve_block, dot_patches};
pub(crate) use isa::{clear_patch, dot_patch_block, fully_connect};
pub(crate) use strips::convolve_quad;
pub(crate) use widen::{widen_patch, widen_rows, widen_strip};

/// Whether words at this address can be loaded.
fn is_loadable(address: usize) -> bool {
    isa::LOADS_UNALIGNED || address.is_multiple_of(4)
}
