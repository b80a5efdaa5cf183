//! Fully connected layers.

use super::super::{Channel, Store, portable};
use super::{clamp, single, tflite};
use crate::format::Rounding;
use core::arch::naked_asm;

/// What the assembly reads, in the order in which it does.
#[repr(C)]
struct Arguments {
    x: *const i8,
    x_end: *const i8,
    weights: *const i8,
    channels: *const Channel,
    channels_end: *const Channel,
    y: *mut i8,
    rounding: u32,
}

/// See [`portable::fully_connect`]. 20 instructions for 16 products, and about 9 an output.
#[inline(never)]
pub(crate) fn fully_connect(x: &[i8], w: &[i8], channels: &[Channel], store: Store, y: &mut [i8]) {
    let quads = channels.len() / 4;
    let quad_bytes = x.len().wrapping_mul(4);
    let fits = quad_bytes.wrapping_mul(quads) <= w.len() && quads.wrapping_mul(4) <= y.len();
    if quads == 0 || x.is_empty() || !x.len().is_multiple_of(4) || !w.as_ptr().addr().is_multiple_of(4) || !fits {
        return portable::fully_connect(x, w, channels, store, y);
    }
    let Some((in_quads, rest)) = channels.split_at_checked(quads.wrapping_mul(4)) else { return };
    let (x_range, in_quads) = (x.as_ptr_range(), in_quads.as_ptr_range());
    let arguments = Arguments {
        x: x_range.start,
        x_end: x_range.end,
        weights: w.as_ptr(),
        channels: in_quads.start,
        channels_end: in_quads.end,
        y: y.as_mut_ptr(),
        rounding: u32::from(store.rounding == Rounding::Tflite),
    };
    // SAFETY: the comparisons above have shown that `x.len()` times four weights and four outputs for each quad of
    // channels are inside their slices; the weights are word-aligned for LDM, `x` and `y` need not be.
    unsafe { connect(&arguments) };
    let Some((y, y_rest)) = y.split_at_mut_checked(quads.wrapping_mul(4)) else { return };
    clamp(y, store);
    if let Some(w) = w.get(quads.wrapping_mul(quad_bytes)..).filter(|_| !rest.is_empty()) {
        portable::fully_connect(x, w, rest, store, y_rest);
    }
}

/// Four elements of `x`, in `r0`, times as many weights of four outputs, in `r1`, to `r8` to `r11`.
macro_rules! group {
    () => {
        "ldr r6, [r0], #4
         ldm r1!, {{r3, r4, r5, r12}}
         sxtb16 lr, r6
         sxtb16 r6, r6, ror #8
         sxtb16 r7, r3
         sxtb16 r3, r3, ror #8
         smlad r8, r7, lr, r8
         smlad r8, r3, r6, r8
         sxtb16 r7, r4
         sxtb16 r4, r4, ror #8
         smlad r9, r7, lr, r9
         smlad r9, r4, r6, r9
         sxtb16 r7, r5
         sxtb16 r5, r5, ror #8
         smlad r10, r7, lr, r10
         smlad r10, r5, r6, r10
         sxtb16 r7, r12
         sxtb16 r12, r12, ror #8
         smlad r11, r7, lr, r11
         smlad r11, r12, r6, r11"
    };
}

/// An output of the channel at `r6`, stored at `r2`.
macro_rules! output {
    ($how:ident, $sum:literal) => {
        concat!("ldm r6!, {{r0, r3, r4, r5}}\n", $how!($sum), "strb ", $sum, ", [r2], #1\n")
    };
}

/// Loops over quads of channels; on the stack: `x`, its end, channels, their end, output, rounding.
#[unsafe(naked)]
unsafe extern "C" fn connect(arguments: &Arguments) {
    naked_asm!(
        "push {{r4-r11, lr}}",
        "ldm r0, {{r0, r1, r2, r3, r4, r5, r6}}",
        "sub sp, sp, #28",
        "strd r0, r1, [sp]",
        "strd r3, r4, [sp, #8]",
        "strd r5, r6, [sp, #16]",
        "mov r1, r2",
        "mov r6, r3",
        "20:",
        "ldrd r0, r2, [sp]",
        "ldr r8, [r6]",
        "ldr r9, [r6, #16]",
        "ldr r10, [r6, #32]",
        "ldr r11, [r6, #48]",
        "sub lr, r2, r0",
        // The loop is entered in the middle if the number of groups is odd.
        "tst lr, #4",
        "bne 22f",
        "21:",
        group!(),
        "22:",
        group!(),
        "cmp r0, r2",
        "bne 21b",
        "ldr r6, [sp, #8]",
        "ldrd r2, r3, [sp, #16]",
        "cbnz r3, 41f",
        output!(single, "r8"),
        output!(single, "r9"),
        output!(single, "r10"),
        output!(single, "r11"),
        "b 50f",
        "41:",
        output!(tflite, "r8"),
        output!(tflite, "r9"),
        output!(tflite, "r10"),
        output!(tflite, "r11"),
        "50:",
        "str r2, [sp, #16]",
        "str r6, [sp, #8]",
        "ldr r3, [sp, #12]",
        "cmp r6, r3",
        "bne 20b",
        "add sp, sp, #28",
        "pop {{r4-r11, pc}}",
    )
}
