//! Products of transformed inputs and weights, and the way back to outputs.

use super::super::{Channel, Tiles};
#[cfg(kernel_armv7m)]
use super::isa::{channel, shift};
use super::isa::{cpu, pair, single, tflite};
use crate::format::Rounding;
use crate::format::instruction::Conv2dWinograd;
use core::arch::naked_asm;

const TILES: usize = Conv2dWinograd::TILES as usize;

/// What the assembly reads, in the order in which it does.
#[repr(C)]
struct Arguments {
    v: *const u32,
    weights: *const i16,
    /// Bytes of the weights of one position.
    position_bytes: usize,
    channels: *const Channel,
    channels_end: *const Channel,
    y: *mut i8,
    pixel: usize,
    row: usize,
    rounding: u32,
}

/// See [`convolve_tiles`](crate::arch::portable::convolve_tiles). With the DSP extension 11 instructions for 16 products,
/// which stand for 36, without it 30; and about 25 more an output.
#[inline(never)]
pub(crate) fn convolve_tiles(tiles: &Tiles<'_>, y: &mut [i8], pixel: usize, row: usize) {
    let (count, in_c) = (tiles.channels.len(), tiles.inputs.in_c);
    let filters = tiles.inputs.filter_elements();
    let last = row.wrapping_add(pixel.wrapping_mul(2 * TILES - 1));
    let fits = in_c > 0
        && in_c.is_multiple_of(4)
        && in_c <= Conv2dWinograd::MAX_IN_C as usize
        && tiles.inputs.v.len() >= filters
        && tiles.weights.len() >= filters.wrapping_mul(count.div_ceil(2))
        && tiles.weights.as_ptr().addr().is_multiple_of(4)
        && row >= pixel.wrapping_mul(2 * TILES)
        && last.wrapping_add(count) <= y.len();
    if !fits || count == 0 {
        // The op's checks exclude it.
        return;
    }
    let channels = tiles.channels.as_ptr_range();
    let arguments = Arguments {
        v: tiles.inputs.v.as_ptr(),
        weights: tiles.weights.as_ptr(),
        position_bytes: tiles.inputs.position_words().wrapping_mul(2),
        channels: channels.start,
        channels_end: channels.end,
        y: y.as_mut_ptr(),
        pixel,
        row,
        rounding: u32::from(tiles.store.rounding == Rounding::Tflite),
    };
    // SAFETY: the comparisons above have shown that 16 positions of inputs, as many weights for every two channels, and
    // `count` outputs of eight pixels of two rows are inside their slices. The weights are aligned for LDM, and so are the
    // inputs, being words.
    unsafe { convolve(&arguments) };
    let store = tiles.store;
    if (store.min, store.max) == (i8::MIN, i8::MAX) {
        return;
    }
    for y in y.chunks_mut(row.max(1)).take(2) {
        for y in y.chunks_mut(pixel.max(1)).take(2 * TILES) {
            y.iter_mut().take(count).for_each(|y| *y = (*y).max(store.min).min(store.max));
        }
    }
}

/// Clears the sums.
macro_rules! clear {
    () => {
        "movs r4, #0
         movs r5, #0
         movs r6, #0
         movs r7, #0
         mov r8, r4
         mov r9, r4
         mov r10, r4
         mov r11, r4"
    };
}

/// With sums of position 2 of a row of positions in `$a` and `$b`, and those of position 1 at `r12`: the two sums there,
/// and the two differences in memory instead.
macro_rules! add_and_subtract {
    ($a:literal, $b:literal) => {
        concat!(
            "ldrd r2, r3, [r12]\n",
            "sub lr, r2, ",
            $a,
            "\n",
            "add ",
            $a,
            ", r2\n",
            "sub r2, r3, ",
            $b,
            "\n",
            "add ",
            $b,
            ", r3\n",
            "strd lr, r2, [r12], #8\n",
        )
    };
}

/// Four sums `$at` bytes behind `r0`.
macro_rules! load {
    ($a:literal, $b:literal, $c:literal, $d:literal, $at:literal) => {
        concat!("ldrd ", $a, ", ", $b, ", [r0, #", $at, "]\n", "ldrd ", $c, ", ", $d, ", [r0, #(", $at, " + 8)]\n")
    };
}

/// `$sum` of four times what it should be, and of no bias yet, to an output. Bias in `r2`, as in [`single`] else.
macro_rules! output {
    ($how:ident, $sum:literal) => {
        concat!("add ", $sum, ", r2, ", $sum, ", asr #2\n", $how!($sum, "r0"))
    };
}

macro_rules! outputs {
    ($how:ident) => {
        concat!(
            output!($how, "r6"),
            output!($how, "r7"),
            output!($how, "r8"),
            output!($how, "r9"),
            output!($how, "r10"),
            output!($how, "r11"),
            output!($how, "r12"),
            output!($how, "lr"),
        )
    };
}

/// Loops over pairs of filters; for each, over four rows of positions; then over the filters and columns of outputs.
///
/// On the stack: 0 where to enter the loop over channels, 4 end of its weights, 8 return address of `70`, 12 bytes of a
/// position's weights, 16 inputs, 20 weights, 24 channel, 28 end of the channels, 32 output, 36 bytes between pixels and 40
/// between rows, 44 rounding, 48 where sums of a row of positions go, 52 how far those of the outputs are behind the first, 64 eight
/// sums, 96 the sums of each row of positions: left column, eight of them, then right column.
#[unsafe(naked)]
unsafe extern "C" fn convolve(arguments: &Arguments) {
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "sub sp, sp, #356",
        "mov r12, r0",
        "ldm r12!, {{r0, r1, r2, r3, r4, r5, r6, r7}}",
        "ldr r8, [r12]",
        "strd r2, r0, [sp, #12]",
        "strd r1, r3, [sp, #20]",
        "strd r4, r5, [sp, #28]",
        "strd r6, r7, [sp, #36]",
        "str r8, [sp, #44]",
        // The loop over channels is entered so that the rest of a division by 8 pairs comes first.
        "and r9, r2, #48",
        "adr r8, 71f",
        "cmp r9, #16",
        "bne 11f",
        "adr r8, 74f",
        "11:",
        "cmp r9, #32",
        "bne 12f",
        "adr r8, 73f",
        "12:",
        "cmp r9, #48",
        "bne 13f",
        "adr r8, 72f",
        "13:",
        // Addresses of Thumb code are odd.
        "orr r8, r8, #1",
        "str r8, [sp]",
        // Two filters.
        "20:",
        "add r2, sp, #96",
        "str r2, [sp, #48]",
        "ldrd r0, r1, [sp, #16]",
        // A row of positions.
        "21:",
        clear!(),
        "bl 70f",
        "add r2, sp, #64",
        "stm r2, {{r4-r11}}",
        clear!(),
        "bl 70f",
        "add r12, sp, #64",
        add_and_subtract!("r4", "r5"),
        add_and_subtract!("r6", "r7"),
        add_and_subtract!("r8", "r9"),
        add_and_subtract!("r10", "r11"),
        "bl 70f",
        "ldr r2, [sp, #48]",
        "stm r2!, {{r4-r11}}",
        "str r2, [sp, #48]",
        "add r2, sp, #64",
        "ldm r2, {{r4-r11}}",
        "bl 70f",
        "ldr r2, [sp, #48]",
        "stm r2!, {{r4-r11}}",
        "str r2, [sp, #48]",
        "add r3, sp, #352",
        "cmp r2, r3",
        "bne 21b",
        "str r1, [sp, #20]",
        "movs r1, #0",
        // A filter and a column of outputs: upper outputs in r6 to r9, lower ones in r10 to r12 and lr.
        "30:",
        "str r1, [sp, #52]",
        "add r0, sp, #96",
        "add r0, r0, r1",
        load!("r6", "r7", "r8", "r9", "0"),
        load!("r10", "r11", "r12", "lr", "64"),
        load!("r2", "r3", "r4", "r5", "128"),
        "add r6, r6, r10",
        "add r7, r7, r11",
        "add r8, r8, r12",
        "add r9, r9, lr",
        "add r6, r6, r2",
        "add r7, r7, r3",
        "add r8, r8, r4",
        "add r9, r9, r5",
        "sub r10, r10, r2",
        "sub r11, r11, r3",
        "sub r12, r12, r4",
        "sub lr, lr, r5",
        load!("r2", "r3", "r4", "r5", "192"),
        "add r10, r10, r2",
        "add r11, r11, r3",
        "add r12, r12, r4",
        "add lr, lr, r5",
        "ldr r0, [sp, #44]",
        "ldr r1, [sp, #24]",
        "ldm r1, {{r2, r3, r4, r5}}",
        "cmp r0, #0",
        "bne 31f",
        outputs!(single),
        "b 32f",
        "31:",
        outputs!(tflite),
        "32:",
        "ldr r1, [sp, #32]",
        "ldrd r2, r3, [sp, #36]",
        "add r0, r2, r2, lsl #1",
        "add r3, r3, r1",
        "strb r6, [r1]",
        "strb r7, [r1, r2, lsl #1]",
        "strb r8, [r1, r2, lsl #2]",
        "strb r9, [r1, r0, lsl #1]",
        "strb r10, [r3]",
        "strb r11, [r3, r2, lsl #1]",
        "strb r12, [r3, r2, lsl #2]",
        "strb lr, [r3, r0, lsl #1]",
        "ldr r0, [sp, #52]",
        "tst r0, #32",
        "bne 33f",
        // The right column of the same filter.
        "add r2, r2, r1",
        "str r2, [sp, #32]",
        "add r1, r0, #32",
        "b 30b",
        "33:",
        "sub r1, r1, r2",
        "add r1, r1, #1",
        "str r1, [sp, #32]",
        "ldrd r3, r4, [sp, #24]",
        "add r3, r3, #16",
        "str r3, [sp, #24]",
        "cmp r3, r4",
        "beq 40f",
        "sub r1, r0, #16",
        "cmp r1, #16",
        "beq 30b",
        "b 20b",
        "40:",
        "add sp, sp, #356",
        "pop {{r4-r11, pc}}",
        // The products of a position, added to the sums.
        "70:",
        "str lr, [sp, #8]",
        "ldr r2, [sp, #12]",
        "add r2, r2, r1",
        "str r2, [sp, #4]",
        "ldr pc, [sp]",
        ".p2align 2",
        "71:",
        pair!(),
        pair!(),
        ".p2align 2",
        "72:",
        pair!(),
        pair!(),
        ".p2align 2",
        "73:",
        pair!(),
        pair!(),
        ".p2align 2",
        "74:",
        pair!(),
        pair!(),
        "ldr r2, [sp, #4]",
        "cmp r1, r2",
        "bne 71b",
        "ldr pc, [sp, #8]",
    )
}
