//! Kernels for Armv7E-M and Armv8-M with the DSP extension: two 16-bit products an instruction.
//!
//! Bit-equal to [`portable`](super::portable), which handles what is left over at the edges. The loops are whole
//! functions in assembly, down to the stored outputs: they need every register. Those on int16 activations are not.

mod add;
mod block;
mod dot;
mod full;
mod pool;
mod rows;
mod sparse;
mod strips;
mod widen;

pub(crate) use add::add_tflite;
pub(crate) use block::convolve_block;
pub(crate) use dot::dot_pair_i16;
pub(crate) use full::fully_connect;
pub(crate) use pool::{max_window, sum_window};
pub(crate) use rows::widen_rows;
pub(crate) use sparse::{connect_sparse, convolve_sparse, sum_bytes};
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
/// in `r5`; see [`Channel`](super::Channel). This one for `Rounding::Single`.
macro_rules! single {
    ($sum:literal, $spare:literal) => {
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
            "\n",
        )
    };
}

/// As [`single`], for `Rounding::Tflite`: the high half of the doubled sum's product, rounded, less 1 if negative.
macro_rules! tflite {
    ($sum:literal, $spare:literal) => {
        concat!(
            "add ",
            $sum,
            ", ",
            $sum,
            ", ",
            $sum,
            "\n",
            "smmlar ",
            $spare,
            ", ",
            $sum,
            ", r3, r4\n",
            "add ",
            $sum,
            ", ",
            $spare,
            ", ",
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
            "\n",
        )
    };
}

/// First line of a function in assembly. It is assembled with the features of the target, not of its CPU: those of
/// Armv8-M leave the DSP extension out.
#[cfg(kernel_arm_v8m)]
macro_rules! cpu {
    () => {
        ".cpu cortex-m33"
    };
}

/// First line of a function in assembly: Armv7E-M always has the DSP extension.
#[cfg(not(kernel_arm_v8m))]
macro_rules! cpu {
    () => {
        ""
    };
}

pub(super) use {cpu, single, tflite};
