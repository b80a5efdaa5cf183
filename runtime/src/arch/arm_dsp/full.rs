//! Fully connected layers.

use super::super::{Channel, Store};
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

/// See [`fully_connect`](crate::arch::portable::fully_connect). 20 instructions for 16 products, and about 11 an output.
#[inline(never)]
pub(crate) fn fully_connect(x: &[i8], w: &[i8], channels: &[Channel], store: Store, y: &mut [i8]) {
    let (words, tail) = x.as_chunks::<4>();
    let quad_bytes = x.len().next_multiple_of(4).wrapping_mul(4);
    let fits = quad_bytes.wrapping_mul(channels.len().div_ceil(4)) <= w.len() && channels.len() <= y.len();
    if !fits || !w.as_ptr().addr().is_multiple_of(4) {
        // The op's checks exclude it.
        return;
    }
    // Whole quads at once, if no input is left over; then quad by quad.
    let at_once = if tail.is_empty() { channels.len() / 4 * 4 } else { 0 };
    let (Some((quads, rest)), Some((y, y_rest))) =
        (channels.split_at_checked(at_once), y.split_at_mut_checked(at_once))
    else {
        return;
    };
    if !quads.is_empty() {
        // SAFETY: the comparison above has shown that weights and outputs are there.
        unsafe { connect_quads(words, w.as_ptr(), quads, store, y) };
    }
    let Some(w) = w.get(quad_bytes.wrapping_mul(at_once / 4)..) else { return };
    for ((channels, y), w) in rest.chunks(4).zip(y_rest.chunks_mut(4)).zip(w.chunks_exact(quad_bytes.max(1))) {
        // Some outputs may not exist; the inputs left over are added to the biases.
        let (mut four, mut outputs) = ([Channel::default(); 4], [0; 4]);
        let mut tails = w.get(words.len().wrapping_mul(16)..).unwrap_or_default();
        for (channel, &of_rest) in four.iter_mut().zip(channels) {
            *channel = of_rest;
            for (&x, &w) in tail.iter().zip(tails) {
                channel.bias = channel.bias.wrapping_add(i32::from(x) * i32::from(w));
            }
            tails = tails.get(4..).unwrap_or_default();
        }
        // SAFETY: `w` holds the weights of a quad, whose outputs are all there.
        unsafe { connect_quads(words, w.as_ptr(), &four, store, &mut outputs) };
        y.iter_mut().zip(outputs).for_each(|(y, output)| *y = output);
    }
}

/// # Safety
/// There are four times as many channels as quads, at least four, as many outputs in `y`, and four weights for each
/// product of a quad and an element of `x` from `w` on, which is aligned to 4, for LDM. `x` and `y` may lie anywhere.
#[inline(never)]
unsafe fn connect_quads(x: &[[i8; 4]], w: *const i8, quads: &[Channel], store: Store, y: &mut [i8]) {
    let (x, channels) = (x.as_ptr_range(), quads.as_ptr_range());
    let arguments = Arguments {
        x: x.start.cast(),
        x_end: x.end.cast(),
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
        "subs lr, r2, r0",
        "beq 23f",
        // The loop is entered in the middle if the number of groups is odd.
        "tst lr, #4",
        "bne 22f",
        "21:",
        group!(),
        "22:",
        group!(),
        "cmp r0, r2",
        "bne 21b",
        "23:",
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
