//! Inputs to transformed inputs.

use super::super::TileInput;
use super::isa::{add, count_down, cpu, less, pack, sub, widen};
use crate::format::instruction::Conv2dWinograd;
use core::arch::naked_asm;

/// Rows and columns of the input that a group of tiles reads.
const ROWS: usize = 4;
const COLUMNS: usize = 2 * Conv2dWinograd::TILES as usize + 2;

/// What the assembly reads, in the order in which it does.
#[repr(C)]
struct Arguments {
    /// Four channels of the first pixel that is not padding, in the first row.
    x: *const i8,
    /// Bytes between rows, and between pixels.
    row: usize,
    pixel: usize,
    less: u32,
    /// Columns that are not padding, and columns of padding before them.
    columns: usize,
    before: usize,
    v: *mut u32,
    /// Four channels each.
    quads: usize,
    /// Bytes from one position to the next.
    position_bytes: usize,
}

/// See [`transform_inputs`](crate::arch::portable::transform_inputs). 40 instructions for a tile of a channel with the
/// DSP extension, 70 without it.
#[inline(never)]
pub(crate) fn transform_inputs(input: &TileInput<'_>, v: &mut [u32]) {
    let (width, channels) = (input.shape.w as usize, input.shape.c as usize);
    let position_words = channels.div_ceil(4).wrapping_mul(8);
    if position_words.wrapping_mul(Conv2dWinograd::POSITIONS as usize) > v.len() || channels == 0 {
        // The op's checks exclude it.
        return;
    }
    let arguments = Arguments {
        x: input.x.as_ptr(),
        row: width.wrapping_mul(channels),
        pixel: channels,
        less: less(input.x_zero_point),
        columns: COLUMNS,
        before: 0,
        v: v.as_mut_ptr(),
        quads: 1,
        position_bytes: position_words.wrapping_mul(4),
    };
    let before = (input.column.wrapping_neg()).max(0) as usize;
    let end = (input.shape.w as i32).wrapping_sub(input.column).max(0) as usize;
    let end = end.min(COLUMNS);
    // Whole fours of channels of four rows are read where they are.
    let last_row = input.row.wrapping_add(ROWS as i32 - 1);
    let inside = input.row >= 0 && (last_row as u32) < input.shape.h && before < end;
    let in_place = if inside { channels / 4 } else { 0 };
    if in_place > 0 {
        let column = input.column.max(0) as usize;
        let at = (input.row as usize).wrapping_mul(width).wrapping_add(column).wrapping_mul(channels);
        let columns = end.wrapping_sub(before);
        let rest = (ROWS - 1).wrapping_mul(width).wrapping_add(columns).wrapping_mul(channels);
        if at.wrapping_add(rest) > input.x.len() {
            return;
        }
        let x = arguments.x.wrapping_add(at);
        // SAFETY: the comparisons above have shown that `columns` pixels of four rows are inside `x`, that there are as
        // many fours of channels in each, and that their 16 positions are inside `v`. LDR takes any address on these cores.
        unsafe { transform(&Arguments { x, columns, before, quads: in_place, ..arguments }) };
    }
    let mut stage = [0; ROWS * COLUMNS];
    for quad in in_place..channels.div_ceil(4) {
        fill(&mut stage, input, quad);
        let (x, v) = (stage.as_ptr().cast(), arguments.v.wrapping_add(quad.wrapping_mul(8)));
        // SAFETY: as above, of the stage, whose rows are whole and whose pixels are four bytes.
        unsafe { transform(&Arguments { x, row: 4 * COLUMNS, pixel: 4, v, ..arguments }) };
    }
}

/// Four channels of what a group of tiles reads, the zero point where there is no input.
#[inline(never)]
fn fill(stage: &mut [u32; ROWS * COLUMNS], input: &TileInput<'_>, quad: usize) {
    let (width, channels) = (input.shape.w as usize, input.shape.c as usize);
    let padding = u32::from_ne_bytes([input.x_zero_point as u8; 4]);
    let first = quad.wrapping_mul(4);
    let missing = first.wrapping_add(4).saturating_sub(channels) as u32;
    let mask = u32::MAX.wrapping_shr(missing.wrapping_mul(8));
    let padding_left = input.column.wrapping_neg().max(0) as usize;
    let start = input.column.max(0) as usize;
    for (row, pixels) in stage.as_chunks_mut::<COLUMNS>().0.iter_mut().enumerate() {
        pixels.fill(padding);
        let (Some(x), Some(pixels)) = (input.row(row), pixels.get_mut(padding_left..)) else { continue };
        let mut at = start.wrapping_mul(channels).wrapping_add(first);
        for pixel in pixels.iter_mut().take(width.saturating_sub(start)) {
            let x = x.get(at..).unwrap_or_default();
            let word = match x.first_chunk::<4>() {
                Some(&x) => u32::from_le_bytes(bytemuck::cast(x)),
                None => x.iter().rev().fold(0, |word, &x| word << 8 | u32::from(x as u8)),
            };
            *pixel = word & mask | padding & !mask;
            at = at.wrapping_add(channels);
        }
    }
}

/// A tile of a row of positions, from the columns `$a` to `$d`, each as a word of two channels and one of the other two:
/// the words of positions 1, 2, 0 and 3, `$at` and `$odd` bytes behind `r0` to `r3`.
macro_rules! tile {
    ($a:literal $a2:literal, $b:literal $b2:literal, $c:literal $c2:literal, $d:literal $d2:literal, $at:literal, $odd:literal) => {
        concat!(
            position!(add, $b, $c, "r0", $at),
            position!(add, $b2, $c2, "r0", $odd),
            position!(sub, $c, $b, "r1", $at),
            position!(sub, $c2, $b2, "r1", $odd),
            position!(sub, $a, $c, "r2", $at),
            position!(sub, $a2, $c2, "r2", $odd),
            position!(sub, $b, $d, "r3", $at),
            position!(sub, $b2, $d2, "r3", $odd),
        )
    };
}

macro_rules! position {
    ($how:ident, $x:literal, $y:literal, $to:literal, $at:literal) => {
        concat!($how!("lr", $x, $y), pack!(), "str lr, [", $to, ", #", $at, "]\n")
    };
}

/// Loops over fours of channels; for each, columns to rows of positions on the stack, then tiles.
///
/// On the stack: the nine arguments, 36 the columns left, then of each of four rows of positions ten columns of two words.
#[unsafe(naked)]
unsafe extern "C" fn transform(arguments: &Arguments) {
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "sub sp, sp, #364",
        "ldm r0!, {{r1-r8}}",
        "ldr r9, [r0]",
        "mov r0, sp",
        "stm r0!, {{r1-r9}}",
        // Columns of padding stay 0.
        "add r0, sp, #40",
        "movs r1, #0",
        "movs r2, #0",
        "movs r3, #0",
        "movs r4, #0",
        "movs r5, #0",
        "movs r6, #0",
        "movs r7, #0",
        "mov r8, r1",
        "stm r0!, {{r1-r8}}",
        "stm r0!, {{r1-r8}}",
        "stm r0!, {{r1-r8}}",
        "stm r0!, {{r1-r8}}",
        "stm r0!, {{r1-r8}}",
        "stm r0!, {{r1-r8}}",
        "stm r0!, {{r1-r8}}",
        "stm r0!, {{r1-r8}}",
        "stm r0!, {{r1-r8}}",
        "stm r0!, {{r1-r8}}",
        "20:",
        "ldr r12, [sp, #20]",
        "add r4, sp, #40",
        "add r12, r4, r12, lsl #3",
        "ldr lr, [sp, #16]",
        "str lr, [sp, #36]",
        "ldm sp, {{r0, r1, r2, r3}}",
        "add r4, r0, #4",
        "str r4, [sp]",
        // A column.
        "21:",
        "ldr r5, [r0]",
        "ldr r7, [r0, r1]",
        "ldr r9, [r0, r1, lsl #1]",
        "add r10, r0, r1",
        "ldr r11, [r10, r1, lsl #1]",
        "add r0, r0, r2",
        widen!("r4", "r5"),
        widen!("r6", "r7"),
        widen!("r8", "r9"),
        widen!("r10", "r11"),
        sub!("r4", "r4", "r8"),
        sub!("r5", "r5", "r9"),
        sub!("r10", "r6", "r10"),
        sub!("r11", "r7", "r11"),
        "strd r10, r11, [r12, #240]",
        "strd r4, r5, [r12]",
        add!("r4", "r6", "r8"),
        add!("r5", "r7", "r9"),
        sub!("r8", "r8", "r6"),
        sub!("r9", "r9", "r7"),
        "strd r4, r5, [r12, #80]",
        "strd r8, r9, [r12, #160]",
        "add r12, r12, #8",
        count_down!(),
        "bne 21b",
        "add r12, sp, #40",
        "ldr r0, [sp, #24]",
        "ldr lr, [sp, #32]",
        "add r4, r0, #32",
        "str r4, [sp, #24]",
        "add r1, r0, lr",
        "add r2, r0, lr, lsl #1",
        "add r3, r1, lr, lsl #1",
        // A row of positions.
        "22:",
        "ldrd r4, r5, [r12], #8",
        "ldrd r6, r7, [r12], #8",
        "ldrd r8, r9, [r12], #8",
        "ldrd r10, r11, [r12], #8",
        tile!("r4" "r5", "r6" "r7", "r8" "r9", "r10" "r11", "0", "16"),
        "ldrd r4, r5, [r12], #8",
        "ldrd r6, r7, [r12], #8",
        tile!("r8" "r9", "r10" "r11", "r4" "r5", "r6" "r7", "4", "20"),
        "ldrd r8, r9, [r12], #8",
        "ldrd r10, r11, [r12], #8",
        tile!("r4" "r5", "r6" "r7", "r8" "r9", "r10" "r11", "8", "24"),
        "ldrd r4, r5, [r12], #8",
        "ldrd r6, r7, [r12], #8",
        tile!("r8" "r9", "r10" "r11", "r4" "r5", "r6" "r7", "12", "28"),
        "ldr lr, [sp, #32]",
        "add r0, r0, lr, lsl #2",
        "add r1, r1, lr, lsl #2",
        "add r2, r2, lr, lsl #2",
        "add r3, r3, lr, lsl #2",
        "add lr, sp, #360",
        "cmp r12, lr",
        "bne 22b",
        "ldr r0, [sp, #28]",
        "subs r0, r0, #1",
        "str r0, [sp, #28]",
        "bne 20b",
        "add sp, sp, #364",
        "pop {{r4-r11, pc}}",
    )
}
