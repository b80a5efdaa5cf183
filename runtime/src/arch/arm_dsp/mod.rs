//! Kernels for Armv7E-M and Armv8-M with the DSP extension: two 16-bit products an instruction.
//!
//! Bit-equal to [`portable`](super::portable), which handles what is left over at the edges. The loops are whole
//! functions in assembly, down to the stored outputs: they need every register.

mod add;
mod block;
mod full;
mod rows;
mod strips;
mod widen;

pub(crate) use add::add_tflite;
pub(crate) use block::convolve_block;
pub(crate) use full::fully_connect;
pub(crate) use rows::widen_rows;
pub(crate) use strips::convolve_quad;
pub(crate) use widen::{widen_patch, widen_strip};

use super::Store;

/// Clamps outputs that the assembly stored over the full range of `i8`.
#[inline]
fn clamp(y: &mut [i8], store: Store) {
    if (store.min, store.max) != (i8::MIN, i8::MAX) {
        clamp_to(y, store);
    }
}

#[inline(never)]
fn clamp_to(y: &mut [i8], store: Store) {
    y.iter_mut().for_each(|y| *y = (*y).max(store.min).min(store.max));
}

/// Ends of a channel's way from sum to stored output, by rounding. Registers: multiplier in `r3`, addend in `r4`, shift
/// in `r5`; see [`Channel`](super::Channel).
macro_rules! single {
    ($sum:literal) => {
        concat!(
            "smmla ",
            $sum,
            ", ",
            $sum,
            ", r3, r4\n",
            "asr ",
            $sum,
            ", ",
            $sum,
            ", r5\n",
            "ssat ",
            $sum,
            ", #8, ",
            $sum,
            "\n"
        )
    };
}

/// As [`single`], for `Rounding::Tflite`: the high half of the doubled sum's product, rounded, less 1 if negative.
/// Changes `lr`.
macro_rules! tflite {
    ($sum:literal) => {
        concat!(
            "add ",
            $sum,
            ", ",
            $sum,
            ", ",
            $sum,
            "\n",
            "smmlar lr, ",
            $sum,
            ", r3, r4\n",
            "add ",
            $sum,
            ", lr, ",
            $sum,
            ", asr #31\n",
            "asr ",
            $sum,
            ", ",
            $sum,
            ", r5\n",
            "ssat ",
            $sum,
            ", #8, ",
            $sum,
            "\n"
        )
    };
}

use {single, tflite};
