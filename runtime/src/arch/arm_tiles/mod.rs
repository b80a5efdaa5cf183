//! Winograd's convolution for Armv7-M, and for Armv7E-M and Armv8-M with the DSP extension.
//!
//! The loops are the same; [`isa`] has what differs: products, and arithmetic on two 16-bit elements in a word.

#[cfg(kernel_armv7m)]
#[path = "armv7m.rs"]
mod isa;
#[cfg(kernel_arm_dsp)]
#[path = "dsp.rs"]
mod isa;

mod inputs;
mod products;

pub(crate) use inputs::transform_inputs;
pub(crate) use products::convolve_tiles;
