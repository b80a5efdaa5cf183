//! Fully connected layers.

use super::super::{Channel, Store, portable};
use super::{clamp, cpu, single, tflite};
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

/// See [`portable::fully_connect`]. 20 instructions for 16 products, and about 11 an output.
#[inline(never)]
pub(crate) fn fully_connect(x: &[i8], w: &[i8], channels: &[Channel], store: Store, y: &mut [i8]) {
    let whole = channels.len() / 4 * 4;
    let quad_bytes = x.len().wrapping_mul(4);
    let all_weights = quad_bytes.wrapping_mul(channels.len().div_ceil(4));
    let words = x.len().is_multiple_of(4) && w.as_ptr().addr().is_multiple_of(4);
    let (Some((quads, rest)), Some((y, y_rest))) = (channels.split_at_checked(whole), y.split_at_mut_checked(whole))
    else {
        return;
    };
    if x.is_empty() || !words || all_weights > w.len() {
        portable::fully_connect(x, w, quads, store, y);
        let Some(w) = w.get(quad_bytes.wrapping_mul(whole / 4)..) else { return };
        return portable::fully_connect(x, w, rest, store, y_rest);
    }
    if !quads.is_empty() {
        // SAFETY: there are `all_weights` and `whole` outputs, `words` holds.
        unsafe { connect_quads(x, w.as_ptr(), quads, store, y) };
    }
    if !rest.is_empty() {
        // A quad of which some outputs do not exist.
        let (mut four, mut outputs) = ([Channel::default(); 4], [0; 4]);
        four.iter_mut().zip(rest).for_each(|(channel, &of_rest)| *channel = of_rest);
        let w = w.as_ptr().wrapping_add(quad_bytes.wrapping_mul(whole / 4));
        // SAFETY: as above; the stored weights are those of whole quads.
        unsafe { connect_quads(x, w, &four, store, &mut outputs) };
        y_rest.iter_mut().zip(outputs).for_each(|(y, output)| *y = output);
    }
}

/// # Safety
/// There are four times as many channels as quads, at least four, as many outputs in `y`, and four weights for each
/// product of a quad and an element of `x` from `w` on. `x` is not empty and a multiple of 4 long; `w` is aligned to 4,
/// for LDM. `x` and `y` may lie anywhere.
#[inline(always)]
unsafe fn connect_quads(x: &[i8], w: *const i8, quads: &[Channel], store: Store, y: &mut [i8]) {
    let (x, channels) = (x.as_ptr_range(), quads.as_ptr_range());
    let arguments = Arguments {
        x: x.start,
        x_end: x.end,
        weights: w,
        channels: channels.start,
        channels_end: channels.end,
        y: y.as_mut_ptr(),
        rounding: u32::from(store.rounding == Rounding::Tflite),
    };
    // SAFETY: as the caller says.
    unsafe { connect(&arguments) };
    clamp(y, store);
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
        concat!("ldm r6!, {{r0, r3, r4, r5}}\n", $how!($sum, "r0"), "strb ", $sum, ", [r2], #1\n")
    };
}

/// Loops over quads of channels; on the stack: `x`, its end, channels, their end, output, rounding.
#[unsafe(naked)]
unsafe extern "C" fn connect(arguments: &Arguments) {
    naked_asm!(
        cpu!(),
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
