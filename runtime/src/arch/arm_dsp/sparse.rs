//! Convolution of a block of pixels with filters of which only some blocks are stored.

use super::super::{Channel, SLOTS, SparseBlock, SparseFilters};
use super::{clamp, cpu, single, tflite};
use crate::format::Rounding;
use core::arch::{asm, naked_asm};

/// Words of a patch that a block of four elements takes, of all slots.
const BLOCK_WORDS: usize = 2 * SLOTS;

/// What the assembly reads, in the order in which it does.
#[repr(C)]
struct Arguments {
    /// Middle of the first block.
    patches: *const u32,
    deltas: *const u8,
    weights: *const [i8; 4],
    counts: *const u16,
    channels: *const Channel,
    channels_end: *const Channel,
    y: *mut i8,
    y_stride: usize,
    rounding: u32,
}

/// See [`convolve_sparse`](crate::arch::sparse::convolve_sparse). 15 or 16 instructions for 16 products that are stored, and
/// about 16 an output.
#[inline(never)]
pub(crate) fn convolve_sparse(
    block: &SparseBlock<'_>,
    patches: &[u32],
    filters: &mut SparseFilters<'_>,
    y: &mut [i8],
    y_stride: usize,
) -> Option<()> {
    let (counts, deltas, weights) = filters.tables();
    let count = block.channels.len();
    let y_end = y_stride.checked_mul(SLOTS - 1)?.checked_add(count)?;
    let fits = count > 0
        && count <= counts.len()
        && filters.row_blocks().checked_mul(BLOCK_WORDS)? <= patches.len()
        && y_end <= y.len();
    if !fits {
        // The op's checks exclude it.
        return None;
    }
    let channels = block.channels.as_ptr_range();
    let arguments = Arguments {
        patches: patches.as_ptr().wrapping_add(BLOCK_WORDS / 2),
        deltas: deltas.as_ptr(),
        weights: weights.as_ptr(),
        counts: counts.as_ptr(),
        channels: channels.start,
        channels_end: channels.end,
        y: y.as_mut_ptr(),
        y_stride,
        rounding: u32::from(block.store.rounding == Rounding::Tflite),
    };
    // SAFETY: there is a count for each channel, and `count` outputs of four pixels are inside `y`, by the comparisons above;
    // `SparseFilters` has as many deltas and weights as the counts say, and no block outside of its row, which are all in
    // `patches`.
    let end = unsafe { convolve(&arguments) };
    filters.take_off(count, (end.addr().wrapping_sub(weights.as_ptr().addr())) / 4)?;
    if (block.store.min, block.store.max) != (i8::MIN, i8::MAX) {
        for y in y.chunks_mut(y_stride.max(1)).take(SLOTS) {
            clamp(y.get_mut(..count)?, block.store);
        }
    }
    Some(())
}

/// See [`connect_sparse`](crate::arch::sparse::connect_sparse). 9 or 10 instructions for four products that are stored, and
/// about 28 an output.
#[inline(never)]
pub(crate) fn connect_sparse(
    block: &SparseBlock<'_>,
    x: &[i8],
    x_zero_point: i8,
    filters: &mut SparseFilters<'_>,
    y: &mut [i8],
) -> Option<()> {
    let (counts, deltas, weights) = filters.tables();
    let count = block.channels.len();
    let fits = count > 0
        && count <= counts.len()
        && filters.row_blocks() <= x.len() / 4
        && count <= y.len()
        && weights.as_ptr().addr().is_multiple_of(4);
    if !fits {
        // The op's checks exclude it.
        return None;
    }
    let channels = block.channels.as_ptr_range();
    let arguments = DirectArguments {
        x: x.as_ptr(),
        deltas: deltas.as_ptr(),
        weights: weights.as_ptr(),
        counts: counts.as_ptr(),
        channels_end: channels.end,
        y: y.as_mut_ptr(),
        rounding: u32::from(block.store.rounding == Rounding::Tflite),
        less: super::widen::less(x_zero_point),
        channels: channels.start,
    };
    // SAFETY: there is a count for each channel, and an output, by the comparisons above; `SparseFilters` has as many deltas
    // and weights as the counts say, and no block outside of its row, which are all in `x`. Weights are aligned for LDRD;
    // LDR takes any address on these cores.
    let end = unsafe { connect(&arguments) };
    filters.take_off(count, (end.addr().wrapping_sub(weights.as_ptr().addr())) / 4)?;
    clamp(y.get_mut(..count)?, block.store);
    Some(())
}

/// See [`sum_bytes`](crate::arch::portable::sum_bytes). An instruction for each.
#[inline(never)]
pub(crate) fn sum_bytes(bytes: &[u8]) -> u32 {
    let (words, tail) = bytes.as_chunks::<4>();
    let mut sum = super::super::portable::sum_bytes(tail);
    if !words.is_empty() {
        // SAFETY: reads as many words as there are, at any address, as LDR may on these cores. Writes no memory.
        unsafe {
            asm!(
                "21:",
                "ldr {x}, [{from}], #4",
                "usada8 {sum}, {x}, {zero}, {sum}",
                "subs {n}, {n}, #1",
                "bne 21b",
                n = inout(reg) words.len() => _, from = inout(reg) words.as_ptr() => _, sum = inout(reg) sum,
                zero = in(reg) 0, x = out(reg) _,
                options(nostack, readonly),
            );
        }
    }
    sum
}

/// The next block of a filter, its delta at `r1` and its weights at `r2`, times four elements of four patches, to `r8` to
/// `r11`. `r0` is the middle of the last block in the patches.
macro_rules! block {
    () => {
        "ldrb r6, [r1], #1
         ldr lr, [r2], #4
         add r0, r0, r6, lsl #5
         ldmdb r0, {{r3, r4, r5, r12}}
         sxtb16 r6, lr
         smlad r8, r3, r6, r8
         smlad r9, r4, r6, r9
         smlad r10, r5, r6, r10
         smlad r11, r12, r6, r11
         ldm r0, {{r3, r4, r5, r12}}
         sxtb16 lr, lr, ror #8
         smlad r8, r3, lr, r8
         smlad r9, r4, lr, r9
         smlad r10, r5, lr, r10
         smlad r11, r12, lr, r11"
    };
}

/// Loops over filters; on the stack: patches, counts, channel, end of the channels, output, its stride, and where to go
/// after a filter. Returns the end of the weights.
#[unsafe(naked)]
unsafe extern "C" fn convolve(arguments: &Arguments) -> *const [i8; 4] {
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "ldm r0, {{r0, r1, r2, r3, r4, r5, r6, r7, r8}}",
        "adr r9, 31f",
        "cmp r8, #0",
        "beq 11f",
        "adr r9, 41f",
        "11:",
        // Addresses of Thumb code are odd.
        "orr r9, r9, #1",
        "sub sp, sp, #28",
        "stm sp, {{r0, r3, r4, r5, r6, r7, r9}}",
        "20:",
        "ldrd r0, r3, [sp]",
        "ldr r4, [sp, #8]",
        "ldrh r7, [r3], #2",
        "ldr r8, [r4]",
        "str r3, [sp, #4]",
        "mov r9, r8",
        "mov r10, r8",
        "mov r11, r8",
        "cmp r7, #0",
        "beq 25f",
        // The loop is entered so that the rest of a division by 4 blocks comes first.
        "rsb r3, r7, #0",
        "and r3, r3, #3",
        "add r7, r7, r3",
        "tbb [pc, r3]",
        "12:",
        ".byte (21f - 12b) / 2",
        ".byte (22f - 12b) / 2",
        ".byte (23f - 12b) / 2",
        ".byte (24f - 12b) / 2",
        "21:",
        block!(),
        "22:",
        block!(),
        "23:",
        block!(),
        "24:",
        block!(),
        "subs r7, r7, #4",
        "bne 21b",
        "25:",
        "ldrd r0, r12, [sp, #16]",
        "ldr r7, [sp, #8]",
        "add r6, r0, r12",
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
        "strb r9, [r0, r12]",
        "strb r10, [r0, r12, lsl #1]",
        "strb r11, [r6, r12, lsl #1]",
        "strb r8, [r0], #1",
        "add r7, r7, #16",
        "ldr r3, [sp, #12]",
        "str r0, [sp, #16]",
        "str r7, [sp, #8]",
        "cmp r7, r3",
        "bne 20b",
        "mov r0, r2",
        "add sp, sp, #28",
        "pop {{r4-r11, pc}}",
    )
}

/// What the other assembly reads, in the order in which it does.
#[repr(C)]
struct DirectArguments {
    x: *const i8,
    deltas: *const u8,
    weights: *const [i8; 4],
    counts: *const u16,
    channels_end: *const Channel,
    y: *mut i8,
    rounding: u32,
    /// The zero point, negative, in both halves.
    less: u32,
    channels: *const Channel,
}

/// The four weights in `$w` times the elements at block `r9` of the input at `r0`, to `r8`.
macro_rules! products {
    ($w:literal) => {
        concat!(
            "ldr r5, [r0, r9, lsl #2]\n",
            "sxtb16 r11, ",
            $w,
            "\n",
            "sxtb16 ",
            $w,
            ", ",
            $w,
            ", ror #8\n",
            "sxtab16 r6, r12, r5\n",
            "sxtab16 r5, r12, r5, ror #8\n",
            "smlad r8, r6, r11, r8\n",
            "smlad r8, r5, ",
            $w,
            ", r8\n",
        )
    };
}

/// Loops over filters, with the channel in `lr`; on the stack: counts, end of the channels, output, rounding. Returns the
/// end of the weights.
#[unsafe(naked)]
unsafe extern "C" fn connect(arguments: &DirectArguments) -> *const [i8; 4] {
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "mov r7, r0",
        "ldm r7!, {{r0, r1, r2, r3, r4, r5, r6}}",
        "ldrd r12, lr, [r7]",
        "sub sp, sp, #20",
        "stm sp, {{r3, r4, r5, r6}}",
        "20:",
        "ldr r3, [sp]",
        "ldr r8, [lr]",
        "ldrh r7, [r3], #2",
        "mov r9, #0",
        "str r3, [sp]",
        "ands r10, r7, #3",
        "beq 22f",
        "21:",
        "ldrb r6, [r1], #1",
        "ldr r3, [r2], #4",
        "add r9, r9, r6",
        products!("r3"),
        "subs r10, r10, #1",
        "bne 21b",
        "22:",
        "lsrs r7, r7, #2",
        "beq 24f",
        "23:",
        "ldr r10, [r1], #4",
        "ldrd r3, r4, [r2], #8",
        "uxtab r9, r9, r10",
        products!("r3"),
        "uxtab r9, r9, r10, ror #8",
        products!("r4"),
        "ldrd r3, r4, [r2], #8",
        "uxtab r9, r9, r10, ror #16",
        products!("r3"),
        "uxtab r9, r9, r10, ror #24",
        products!("r4"),
        "subs r7, r7, #1",
        "bne 23b",
        "24:",
        "ldrd r6, r7, [sp, #8]",
        "ldr r3, [lr, #4]",
        "ldrd r4, r5, [lr, #8]",
        "cbnz r7, 41f",
        single!("r8", "r7"),
        "b 50f",
        "41:",
        tflite!("r8", "r7"),
        "50:",
        "strb r8, [r6], #1",
        "ldr r3, [sp, #4]",
        "add lr, lr, #16",
        "str r6, [sp, #8]",
        "cmp lr, r3",
        "bne 20b",
        "mov r0, r2",
        "add sp, sp, #20",
        "pop {{r4-r11, pc}}",
    )
}
