//! Convolution of a block of pixels.

use super::super::{Block, Channel, SLOTS};
use super::{clamp, cpu, single, tflite};
use crate::format::Rounding;
use core::arch::naked_asm;

/// What the assembly reads, in the order in which it does.
#[repr(C)]
struct Arguments {
    patches: *const u32,
    weights: *const i8,
    row_bytes: usize,
    channels: *const Channel,
    channels_end: *const Channel,
    y: *mut i8,
    y_stride: usize,
    rounding: u32,
}

/// See [`convolve_block`](crate::arch::portable::convolve_block). 13 instructions for 16 products, and about 9 an output.
#[inline(never)]
pub(crate) fn convolve_block(block: &Block<'_>, y: &mut [i8], y_stride: usize) {
    let count = block.channels.len();
    let last = y_stride.wrapping_mul(SLOTS - 1);
    let patch_words = block.row_bytes.wrapping_mul(2 * SLOTS / 4);
    let fits = block.row_bytes.is_multiple_of(4)
        && block.row_bytes > 0
        && block.patches.len() >= patch_words
        && block.row_bytes.wrapping_mul(count) <= block.weights.len()
        && last.wrapping_add(count) <= y.len();
    if !fits || count == 0 {
        // The ops' checks exclude it.
        return;
    }
    let channels = block.channels.as_ptr_range();
    let arguments = Arguments {
        patches: block.patches.as_ptr(),
        weights: block.weights.as_ptr(),
        row_bytes: block.row_bytes,
        channels: channels.start,
        channels_end: channels.end,
        y: y.as_mut_ptr(),
        y_stride,
        rounding: u32::from(block.store.rounding == Rounding::Tflite),
    };
    // SAFETY: the comparisons above have shown that four patches of `row_bytes` elements, `row_bytes` weights for each
    // channel, and `count` outputs of four pixels are inside their slices.
    unsafe { convolve(&arguments) };
    if (block.store.min, block.store.max) == (i8::MIN, i8::MAX) {
        return;
    }
    for y in y.chunks_mut(y_stride.max(1)).take(SLOTS) {
        if let Some(y) = y.get_mut(..count) {
            clamp(y, block.store);
        }
    }
}

/// Four weights of a filter, in `r1`, times four elements of four patches, in `r0`, to `r8` to `r11`.
macro_rules! group {
    () => {
        "ldr lr, [r1], #4
         ldm r0!, {{r3, r4, r5, r12}}
         sxtb16 r6, lr
         smlad r8, r3, r6, r8
         smlad r9, r4, r6, r9
         smlad r10, r5, r6, r10
         smlad r11, r12, r6, r11
         ldm r0!, {{r3, r4, r5, r12}}
         sxtb16 lr, lr, ror #8
         smlad r8, r3, lr, r8
         smlad r9, r4, lr, r9
         smlad r10, r5, lr, r10
         smlad r11, r12, lr, r11"
    };
}

/// Loops over filters, with the channel in `r7`; on the stack: patches, bytes of a row, end of the channels, output, its
/// stride, where to enter the loop over a filter, and where to go after it.
#[unsafe(naked)]
unsafe extern "C" fn convolve(arguments: &Arguments) {
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "ldm r0, {{r0, r1, r2, r3, r4, r5, r6, r7}}",
        // The loop over a filter is entered so that the rest of a division by 4 groups comes first.
        "and r9, r2, #12",
        "adr r8, 21f",
        "cmp r9, #4",
        "bne 11f",
        "adr r8, 24f",
        "11:",
        "cmp r9, #8",
        "bne 12f",
        "adr r8, 23f",
        "12:",
        "cmp r9, #12",
        "bne 13f",
        "adr r8, 22f",
        "13:",
        "adr r9, 31f",
        "cmp r7, #0",
        "beq 14f",
        "adr r9, 41f",
        "14:",
        // Addresses of Thumb code are odd.
        "orr r8, r8, #1",
        "orr r9, r9, #1",
        "mov r7, r3",
        "sub sp, sp, #28",
        "strd r0, r2, [sp]",
        "strd r4, r5, [sp, #8]",
        "strd r6, r8, [sp, #16]",
        "str r9, [sp, #24]",
        "20:",
        "ldrd r0, r2, [sp]",
        "ldr r8, [r7]",
        "add r2, r1, r2",
        "mov r9, r8",
        "mov r10, r8",
        "mov r11, r8",
        "ldr pc, [sp, #20]",
        ".p2align 2",
        "21:",
        group!(),
        ".p2align 2",
        "22:",
        group!(),
        ".p2align 2",
        "23:",
        group!(),
        ".p2align 2",
        "24:",
        group!(),
        "cmp r1, r2",
        "bne 21b",
        "ldrd r0, r2, [sp, #12]",
        "add r6, r0, r2",
        "ldr r3, [r7, #4]",
        "ldrd r4, r5, [r7, #8]",
        "ldr pc, [sp, #24]",
        ".p2align 2",
        "31:",
        single!("r8", "lr"),
        single!("r9", "lr"),
        single!("r10", "lr"),
        single!("r11", "lr"),
        "b 50f",
        ".p2align 2",
        "41:",
        tflite!("r8", "lr"),
        tflite!("r9", "lr"),
        tflite!("r10", "lr"),
        tflite!("r11", "lr"),
        "50:",
        "strb r9, [r0, r2]",
        "strb r10, [r0, r2, lsl #1]",
        "strb r11, [r6, r2, lsl #1]",
        "strb r8, [r0], #1",
        "add r7, r7, #16",
        "ldr r3, [sp, #8]",
        "str r0, [sp, #12]",
        "cmp r7, r3",
        "bne 20b",
        "add sp, sp, #28",
        "pop {{r4-r11, pc}}",
    )
}
