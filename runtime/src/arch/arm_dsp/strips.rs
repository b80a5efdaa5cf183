//! Depthwise convolution of a row of outputs of four channels.

use super::super::{Channel, Strips, portable};
use super::{clamp, single, tflite};
use crate::format::Rounding;
use core::arch::naked_asm;

/// What the assembly reads, in the order in which it does.
#[repr(C)]
struct Arguments {
    x: *const u32,
    taps: *const u32,
    row_bytes: usize,
    rows: usize,
    column_bytes: usize,
    columns: usize,
    step_bytes: usize,
    y_stride: usize,
    y: *mut i8,
    channels: *const [Channel; 4],
    count: usize,
    rounding: u32,
}

/// See [`portable::convolve_strips`]. Six instructions a tap and about 40 more, for four outputs.
#[inline(never)]
pub(crate) fn convolve_strips(strips: &Strips<'_>, y: &mut [i8], y_stride: usize, count: usize) {
    let window = strips.window;
    let last = count.wrapping_sub(1);
    let reach = window.rows.wrapping_sub(1).wrapping_mul(window.row_words);
    let reach = reach.wrapping_add(window.columns.wrapping_sub(1).wrapping_mul(window.column_words));
    let reach = reach.wrapping_add(last.wrapping_mul(strips.step));
    let taps = window.rows.wrapping_mul(window.columns);
    let fits = reach.wrapping_add(2) <= strips.x.len()
        && taps.wrapping_mul(2) <= strips.taps.len()
        && last.wrapping_mul(y_stride).wrapping_add(4) <= y.len();
    if !fits || taps == 0 || count == 0 {
        return portable::convolve_strips(strips, y, y_stride, count);
    }
    let bytes = |words: usize| words.wrapping_mul(4);
    let arguments = Arguments {
        x: strips.x.as_ptr(),
        taps: strips.taps.as_ptr(),
        row_bytes: bytes(window.row_words),
        rows: window.rows,
        column_bytes: bytes(window.column_words),
        columns: window.columns,
        step_bytes: bytes(strips.step),
        y_stride,
        y: y.as_mut_ptr(),
        channels: strips.channels,
        count,
        rounding: u32::from(strips.store.rounding == Rounding::Tflite),
    };
    // SAFETY: the comparisons above have shown that the last tap of the last output, all taps, and four channels of
    // `count` outputs are inside their slices. LDRD reads words, which are aligned by their type.
    unsafe {
        if window.columns == 3 && window.column_words == 2 { convolve_threes(&arguments) } else { convolve(&arguments) }
    };
    if (strips.store.min, strips.store.max) != (i8::MIN, i8::MAX) {
        for y in y.chunks_mut(y_stride.max(4)).take(count) {
            if let Some(y) = y.get_mut(..4) {
                clamp(y, strips.store);
            }
        }
    }
}

/// Four channels of a pixel, `$x` bytes behind `r0`, times their weights, `$w` bytes behind `r1`, to `r8` to `r11`.
macro_rules! tap {
    ($offset:literal) => {
        concat!(
            "ldrd r2, r3, [r0, #",
            $offset,
            "]\n",
            "ldrd r4, r5, [r1, #",
            $offset,
            "]\n",
            "smlabb r8, r2, r4, r8\n",
            "smlatt r10, r2, r4, r10\n",
            "smlabb r9, r3, r5, r9\n",
            "smlatt r11, r3, r5, r11\n"
        )
    };
}

/// An output of the channel at `r7`, stored `$at` bytes behind `r6`.
macro_rules! output {
    ($how:ident, $sum:literal, $at:literal) => {
        concat!("ldm r7!, {{r2, r3, r4, r5}}\n", $how!($sum), "strb ", $sum, ", [r6, #", $at, "]\n")
    };
}

/// A function over the outputs of a row, around the code for the taps of one: `r0` is the first pixel, `r1` the taps, `lr`
/// the number of rows and `r12` the bytes from row to row. It keeps `r6`, the output, and `r7`, the channels. On the
/// stack: `x`, taps, row bytes, rows, column bytes, columns, step, output stride, number of outputs, rounding.
macro_rules! row_of_outputs {
    ($($taps:tt)*) => {
        naked_asm!(
            "push {{r4-r11, lr}}",
            "sub sp, sp, #44",
            "ldm r0!, {{r1, r2, r3, r4, r5, r6, r7, r8}}",
            "stm sp, {{r1, r2, r3, r4, r5, r6, r7, r8}}",
            "ldm r0, {{r6, r7, r8, r9}}",
            "strd r8, r9, [sp, #32]",
            "20:",
            "ldrd r0, r1, [sp]",
            "ldrd r12, lr, [sp, #8]",
            "ldr r8, [r7]",
            "ldr r9, [r7, #16]",
            "ldr r10, [r7, #32]",
            "ldr r11, [r7, #48]",
            "21:",
            $($taps)*
            "subs lr, lr, #1",
            "bne 21b",
            "ldr r0, [sp, #36]",
            "cbnz r0, 41f",
            output!(single, "r8", "0"),
            output!(single, "r9", "1"),
            output!(single, "r10", "2"),
            output!(single, "r11", "3"),
            "b 50f",
            "41:",
            output!(tflite, "r8", "0"),
            output!(tflite, "r9", "1"),
            output!(tflite, "r10", "2"),
            output!(tflite, "r11", "3"),
            "50:",
            "ldrd r2, r3, [sp, #24]",
            "ldr r0, [sp]",
            "sub r7, r7, #64",
            "add r6, r6, r3",
            "add r0, r0, r2",
            "str r0, [sp]",
            "ldr r1, [sp, #32]",
            "subs r1, r1, #1",
            "str r1, [sp, #32]",
            "bne 20b",
            "add sp, sp, #44",
            "pop {{r4-r11, pc}}",
        )
    };
}

/// For three columns that lie side by side.
#[unsafe(naked)]
unsafe extern "C" fn convolve_threes(arguments: &Arguments) {
    row_of_outputs!(tap!("0"), tap!("8"), tap!("16"), "add r0, r0, r12", "add r1, r1, #24",)
}

/// For any window.
#[unsafe(naked)]
unsafe extern "C" fn convolve(arguments: &Arguments) {
    row_of_outputs!(
        "push {{r0, lr}}",
        "ldrd r12, lr, [sp, #24]",
        "22:",
        tap!("0"),
        "add r0, r0, r12",
        "add r1, r1, #8",
        "subs lr, lr, #1",
        "bne 22b",
        "pop {{r0, lr}}",
        "ldr r12, [sp, #8]",
        "add r0, r0, r12",
    )
}
