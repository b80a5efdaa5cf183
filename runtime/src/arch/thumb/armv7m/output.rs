//! From sums to outputs: [`Channel::output`](super::super::super::Channel::output) for assembly.

use super::super::limits::Function;
use crate::format::Rounding;
use core::arch::naked_asm;

/// The function that takes sums to outputs.
pub(in super::super) fn scale(rounding: Rounding, full_range: bool) -> Function {
    match (rounding, full_range) {
        (Rounding::Single, false) => scale_single,
        (Rounding::Single, true) => scale_single_full,
        (Rounding::Tflite, false) => scale_tflite,
        (Rounding::Tflite, true) => scale_tflite_full,
    }
}

/// The rest of the way: `r6 = clamp((r6 + round) >> shift)` with `round` added, and back to the caller. Few limits are
/// within those of `i8`.
macro_rules! shift_clamp {
    () => {
        "asr r6, r6, r3
         cmp r6, r10
         blt 21f
         cmp r6, r11
         bgt 22f
         bx lr
         21:
         mov r6, r10
         bx lr
         22:
         mov r6, r11
         bx lr"
    };
}

/// As [`shift_clamp`], for the limits of `i8`.
macro_rules! shift_saturate {
    () => {
        "asr r6, r6, r3
         ssat r6, #8, r6
         bx lr"
    };
}

/// `r6 = (r0 * r1 >> 32) + round`.
macro_rules! single {
    () => {
        "smull r4, r6, r0, r1
         add r6, r2"
    };
}

/// `r6 = (2 * r0 * r1 + 2^31 >> 32) + round`, less 1 for negative sums.
macro_rules! tflite {
    () => {
        "adds r0, r0, r0
         smull r4, r6, r0, r1
         lsls r4, r4, #1
         adc r6, r6, r2
         add r6, r6, r0, asr #31"
    };
}

/// `r6 = output(r0)` of the channel with `multiplier`, `round` and `shift` in `r1`, `r2` and `r3`, between `r10` and
/// `r11`. Uses `r4`.
#[unsafe(naked)]
unsafe extern "C" fn scale_single() {
    naked_asm!(single!(), shift_clamp!())
}

/// As [`scale_single`].
#[unsafe(naked)]
unsafe extern "C" fn scale_tflite() {
    naked_asm!(tflite!(), shift_clamp!())
}

/// As [`scale_single`], for the limits of `i8`.
#[unsafe(naked)]
unsafe extern "C" fn scale_single_full() {
    naked_asm!(single!(), shift_saturate!())
}

/// As [`scale_tflite`], for the limits of `i8`.
#[unsafe(naked)]
unsafe extern "C" fn scale_tflite_full() {
    naked_asm!(tflite!(), shift_saturate!())
}

/// Writes the sum `r0` to `r10`, which goes on to the next.
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn keep() {
    naked_asm!("str r0, [r10], #4", "bx lr")
}

/// Writes the output of a sum at `r9`, of the channel at `r8`, to `r7`; all three go on to the next. The function for it
/// is in `r12`, its limits in `r10` and `r11`.
macro_rules! output {
    () => {
        "ldm r8!, {{r0, r1, r2, r3}}
         ldr r0, [r9], #4
         blx r12
         strb r6, [r7], #1"
    };
}
pub(super) use output;
