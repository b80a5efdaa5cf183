//! Depthwise convolution of four channels.

use super::super::Quad;
use super::{clamp, cpu, single, tflite};
use crate::format::Rounding;
use crate::format::instruction::RowOrder;
use crate::op::split::Split;
use core::arch::naked_asm;
use core::mem::{offset_of, size_of};

/// What the assembly copies to its stack and works with. Pairs that it loads together come first.
#[repr(C)]
struct Frame {
    /// First pixel that the next output reads, and the taps in the order of the ring's rows.
    pixel: *const u32,
    taps: *const u32,
    row_bytes: usize,
    kernel_rows: usize,
    column_bytes: usize,
    columns: usize,
    step_bytes: usize,
    y_stride: usize,
    y: *mut i8,
    channels: *const super::super::Channel,
    /// Outputs in a row, and those left of it.
    count: usize,
    left: usize,
    /// Not 0 for `Rounding::Tflite`.
    tflite: u32,
    /// 0 for three columns side by side in three rows, 1 for one column, 2 for any number.
    columns_kind: u32,
    /// Rows of outputs left.
    rows: u32,
    /// Bytes from the end of a row of outputs to the start of the next.
    y_turn: isize,
    ring: *mut u32,
    ring_end: *mut u32,
    /// Where the next row goes.
    fill: *mut u32,
    taps_first: *const u32,
    /// Bytes of the taps of as many rows as lie between rows of outputs, and of all.
    taps_step: usize,
    taps_all: usize,
    /// Next row of the input.
    x: *const i8,
    x_row_step: isize,
    x_stride: usize,
    /// Columns of the input that are read.
    width: usize,
    /// Bytes of padding in front of them in a row of the ring.
    pad_bytes: usize,
    /// Rows of padding before the next row of the input, and rows of the input left.
    pad_rows: usize,
    x_rows: usize,
    /// Rows to load before the next outputs, and before later ones.
    load: usize,
    load_later: usize,
    /// The zero point, negative, in both halves.
    less: u32,
    biases: [i32; 4],
    /// From the last row that an output reads, of three, to the next output.
    step_back: isize,
    spare: [u32; 3],
}

const _: () = assert!(size_of::<Frame>() == 5 * 8 * 4);

/// Computes all rows of a quad; `None`, with nothing done, if a place is too small, which `check` excludes.
///
/// Six instructions a tap and about 40 more for four outputs; seven for four elements of the input.
#[inline(never)]
pub(crate) fn convolve_quad(quad: &Quad<'_>, memory: &mut Split<'_>) -> Option<()> {
    let Quad { op, strips, channel, channels, store } = *quad;
    let (x_shape, y_shape, window) = (op.x_shape, op.y_shape, &op.window);
    let (x_h, y_h, c) = (x_shape.h as usize, y_shape.h as usize, x_shape.c as usize);
    let (kernel_h, stride_h, width) = (window.kernel_h as usize, window.stride_h as usize, strips.middle.len() / 2);
    let (x_row_bytes, y_row_bytes) = ((x_shape.w as usize).wrapping_mul(c), (y_shape.w as usize).wrapping_mul(c));
    let places = memory.places();
    let last = (y_shape.w as usize).wrapping_sub(1).wrapping_mul(strips.step);
    let last = last.wrapping_add(strips.window.columns.wrapping_sub(1).wrapping_mul(strips.window.column_words));
    let fits = channel.wrapping_add(4) <= c
        && y_shape.c == x_shape.c
        && x_h.wrapping_mul(x_row_bytes) <= places.x_len
        && y_h.wrapping_mul(y_row_bytes) <= places.y_len
        && strips.window.rows == kernel_h
        && strips.ring_start.wrapping_add(kernel_h.wrapping_mul(strips.window.row_words)) <= places.scratch_words
        && strips.ring_start.wrapping_add(strips.tap_row_words) == strips.tap_words.wrapping_mul(2)
        && strips.tap_words == kernel_h.wrapping_mul(strips.tap_row_words)
        && strips.tap_row_words == strips.window.columns.wrapping_mul(2)
        && last.wrapping_add(2) <= strips.window.row_words
        && strips.middle.end <= strips.window.row_words
        && strips.middle.start <= strips.middle.end
        && width <= x_shape.w as usize;
    let some = width > 0 && y_h > 0 && y_shape.w > 0 && strips.tap_words > 0;
    if !fits || !some || kernel_h == 0 {
        return None;
    }
    let top_down = op.order == RowOrder::TopDown;
    // From the bottom, the map is upside down: rows of padding are those below the input, if all of it is read.
    let read = y_h.wrapping_sub(1).wrapping_mul(stride_h).wrapping_add(kernel_h);
    let (pad_rows, x_rows) = if top_down {
        (window.pad_top as usize, x_h)
    } else {
        let until = read.saturating_sub(window.pad_top as usize);
        (until.saturating_sub(x_h), x_h.min(until))
    };
    let row_bytes = strips.window.row_words.wrapping_mul(4);
    let taps = places.scratch.cast_const();
    let ring = places.scratch.wrapping_add(strips.ring_start);
    let x = places.x.wrapping_add(channel);
    let y = places.y.wrapping_add(channel);
    let (last_x, last_y) =
        (x_rows.wrapping_sub(1).wrapping_mul(x_row_bytes), y_row_bytes.wrapping_mul(y_h.wrapping_sub(1)));
    let frame = Frame {
        pixel: ring,
        taps,
        row_bytes,
        kernel_rows: kernel_h,
        column_bytes: strips.window.column_words.wrapping_mul(4),
        columns: strips.window.columns,
        step_bytes: strips.step.wrapping_mul(4),
        y_stride: c,
        y: if top_down { y } else { y.wrapping_add(last_y) },
        channels: channels.as_ptr(),
        count: y_shape.w as usize,
        left: 0,
        tflite: u32::from(store.rounding == Rounding::Tflite),
        columns_kind: match (kernel_h, strips.window.columns, strips.window.column_words) {
            (3, 3, 2) => 0,
            (_, 1, _) => 1,
            _ => 2,
        },
        rows: y_shape.h,
        y_turn: if top_down { 0 } else { (y_row_bytes as isize).wrapping_mul(-2) },
        ring,
        ring_end: ring.wrapping_byte_add(row_bytes.wrapping_mul(kernel_h)),
        fill: ring,
        taps_first: taps,
        taps_step: stride_h.checked_rem(kernel_h)?.wrapping_mul(strips.tap_row_words).wrapping_mul(4),
        taps_all: strips.tap_words.wrapping_mul(4),
        x: if top_down { x } else { x.wrapping_add(last_x) },
        x_row_step: if top_down { x_row_bytes as isize } else { (x_row_bytes as isize).wrapping_neg() },
        x_stride: c,
        width,
        pad_bytes: strips.middle.start.wrapping_mul(4),
        pad_rows,
        x_rows,
        load: kernel_h,
        load_later: stride_h,
        less: super::widen::less(op.x_zero_point),
        biases: channels.map(|channel| channel.bias),
        step_back: (strips.step.wrapping_mul(4) as isize).wrapping_sub((row_bytes as isize).wrapping_mul(2)),
        spare: [0; 3],
    };
    // SAFETY: the comparisons above have shown that all rows of the input from `channel` to `channel + 4`, as many of the
    // output, the ring, and the taps from any of its rows on are inside their places, and that a row of the ring holds
    // what its outputs read. Reads and writes of input and output alternate, as no references to them exist meanwhile.
    unsafe { convolve(&frame) };
    if (store.min, store.max) != (i8::MIN, i8::MAX) {
        let (_, y) = memory.scratch_y()?;
        for y in y.chunks_exact_mut(c.max(4)).take(y_h.wrapping_mul(y_shape.w as usize)) {
            clamp(y.get_mut(channel..)?.get_mut(..4)?, store);
        }
    }
    Some(())
}

/// Four channels of a pixel, `$x` bytes behind `r0`, times their weights, `$w` bytes behind `r1`, to `r8` to `r11`.
macro_rules! tap {
    ($x:literal, $w:literal) => {
        concat!(
            "ldrd r2, r3, [r0, #",
            $x,
            "]\n",
            "ldrd r4, r5, [r1, #",
            $w,
            "]\n",
            "smlabb r8, r2, r4, r8\n",
            "smlatt r10, r2, r4, r10\n",
            "smlabb r9, r3, r5, r9\n",
            "smlatt r11, r3, r5, r11\n",
        )
    };
}

/// An output of the channel at `r7`, stored `$at` bytes behind `r6`.
macro_rules! output {
    ($how:ident, $sum:literal, $at:literal) => {
        concat!("ldm r7!, {{r2, r3, r4, r5}}\n", $how!($sum, "r2"), "strb ", $sum, ", [r6, #", $at, "]\n")
    };
}

/// The outputs of four sums in `r8` to `r11`, of the channels at `r7`, stored at `r6`. Changes `r2` to `r5`.
macro_rules! outputs {
    () => {
        concat!(
            "ldr r2, [sp, #{tflite}]\n",
            "cbnz r2, 40f\n",
            output!(single, "r8", "0"),
            output!(single, "r9", "1"),
            output!(single, "r10", "2"),
            output!(single, "r11", "3"),
            "b 41f\n",
            "40:\n",
            output!(tflite, "r8", "0"),
            output!(tflite, "r9", "1"),
            output!(tflite, "r10", "2"),
            output!(tflite, "r11", "3"),
            "41:\n",
            "sub r7, r7, #64\n",
        )
    };
}

/// Row by row of outputs: loads the rows of the input that it needs and are not in the ring yet, then computes.
#[unsafe(naked)]
unsafe extern "C" fn convolve(frame: &Frame) {
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "sub sp, sp, #160",
        "mov r1, sp",
        "ldm r0!, {{r2-r9}}",
        "stm r1!, {{r2-r9}}",
        "ldm r0!, {{r2-r9}}",
        "stm r1!, {{r2-r9}}",
        "ldm r0!, {{r2-r9}}",
        "stm r1!, {{r2-r9}}",
        "ldm r0!, {{r2-r9}}",
        "stm r1!, {{r2-r9}}",
        "ldm r0!, {{r2-r9}}",
        "stm r1!, {{r2-r9}}",
        "10:",
        "ldr r0, [sp, #{load}]",
        "11:",
        "ldr r1, [sp, #{fill}]",
        "ldr r2, [sp, #{pad_bytes}]",
        "ldr r3, [sp, #{width}]",
        "ldr r4, [sp, #{pad_rows}]",
        "add r2, r2, r1",
        "cbnz r4, 13f",
        "ldr r4, [sp, #{x_rows}]",
        "cbz r4, 14f",
        "subs r4, r4, #1",
        "str r4, [sp, #{x_rows}]",
        "ldr r5, [sp, #{x}]",
        "ldr r6, [sp, #{x_row_step}]",
        "add r6, r6, r5",
        "str r6, [sp, #{x}]",
        "ldr r6, [sp, #{x_stride}]",
        "ldr r7, [sp, #{less}]",
        "12:",
        "ldr r8, [r5]",
        "add r5, r5, r6",
        "sxtab16 r9, r7, r8, ror #8",
        "sxtab16 r8, r7, r8",
        "strd r8, r9, [r2], #8",
        "subs r3, r3, #1",
        "bne 12b",
        "b 16f",
        "13:",
        "subs r4, r4, #1",
        "str r4, [sp, #{pad_rows}]",
        "14:",
        "movs r4, #0",
        "movs r5, #0",
        "15:",
        "strd r4, r5, [r2], #8",
        "subs r3, r3, #1",
        "bne 15b",
        "16:",
        "ldr r4, [sp, #{row_bytes}]",
        "ldr r5, [sp, #{ring_end}]",
        "add r1, r1, r4",
        "cmp r1, r5",
        "bne 17f",
        "ldr r1, [sp, #{ring}]",
        "17:",
        "str r1, [sp, #{fill}]",
        "subs r0, r0, #1",
        "bne 11b",
        "ldr r0, [sp, #{load_later}]",
        "str r0, [sp, #{load}]",
        "ldr r0, [sp, #{ring}]",
        "ldr lr, [sp, #{count}]",
        "ldrd r6, r7, [sp, #{y}]",
        "ldr r2, [sp, #{columns_kind}]",
        "cmp r2, #0",
        "bne 19f",
        // Three rows of three columns: nothing but the next output changes from one to the next.
        "ldr r1, [sp, #{taps}]",
        "ldr r12, [sp, #{row_bytes}]",
        "21:",
        "ldrd r8, r9, [sp, #{biases}]",
        "ldrd r10, r11, [sp, #({biases} + 8)]",
        tap!("0", "0"),
        tap!("8", "8"),
        tap!("16", "16"),
        "add r0, r0, r12",
        tap!("0", "24"),
        tap!("8", "32"),
        tap!("16", "40"),
        "add r0, r0, r12",
        tap!("0", "48"),
        tap!("8", "56"),
        tap!("16", "64"),
        outputs!(),
        "ldr r2, [sp, #{step_back}]",
        "ldr r3, [sp, #{y_stride}]",
        "add r0, r0, r2",
        "add r6, r6, r3",
        "subs lr, lr, #1",
        "bne 21b",
        "b 52f",
        "19:",
        "str r0, [sp, #{pixel}]",
        "str lr, [sp, #{left}]",
        "20:",
        "ldrd r0, r1, [sp, #{pixel}]",
        "ldr r2, [sp, #{columns_kind}]",
        "ldrd r12, lr, [sp, #{row_bytes}]",
        "ldrd r8, r9, [sp, #{biases}]",
        "ldrd r10, r11, [sp, #({biases} + 8)]",
        "cmp r2, #1",
        "bne 60f",
        "22:",
        tap!("0", "0"),
        "add r0, r0, r12",
        "add r1, r1, #8",
        "subs lr, lr, #1",
        "bne 22b",
        "30:",
        outputs!(),
        "ldrd r2, r3, [sp, #{step_bytes}]",
        "ldr r0, [sp, #{pixel}]",
        "ldr r1, [sp, #{left}]",
        "add r6, r6, r3",
        "add r0, r0, r2",
        "str r0, [sp, #{pixel}]",
        "subs r1, r1, #1",
        "str r1, [sp, #{left}]",
        "bne 20b",
        "52:",
        "ldr r0, [sp, #{y_turn}]",
        "add r6, r6, r0",
        "str r6, [sp, #{y}]",
        // The ring's first row meets an earlier row of the kernel than before, or the last one.
        "ldr r1, [sp, #{taps}]",
        "ldrd r2, r3, [sp, #{taps_step}]",
        "ldr r4, [sp, #{taps_first}]",
        "subs r1, r1, r2",
        "cmp r1, r4",
        "bhs 51f",
        "add r1, r1, r3",
        "51:",
        "str r1, [sp, #{taps}]",
        "ldr r0, [sp, #{rows}]",
        "subs r0, r0, #1",
        "str r0, [sp, #{rows}]",
        "bne 10b",
        "add sp, sp, #160",
        "pop {{r4-r11, pc}}",
        // Any number of columns.
        "60:",
        "push {{r0, lr}}",
        "ldrd r12, lr, [sp, #({column_bytes} + 8)]",
        "61:",
        tap!("0", "0"),
        "add r0, r0, r12",
        "add r1, r1, #8",
        "subs lr, lr, #1",
        "bne 61b",
        "pop {{r0, lr}}",
        "ldr r12, [sp, #{row_bytes}]",
        "add r0, r0, r12",
        "subs lr, lr, #1",
        "bne 60b",
        "b 30b",
        pixel = const offset_of!(Frame, pixel),
        taps = const offset_of!(Frame, taps),
        row_bytes = const offset_of!(Frame, row_bytes),
        column_bytes = const offset_of!(Frame, column_bytes),
        step_bytes = const offset_of!(Frame, step_bytes),
        y = const offset_of!(Frame, y),
        count = const offset_of!(Frame, count),
        left = const offset_of!(Frame, left),
        tflite = const offset_of!(Frame, tflite),
        columns_kind = const offset_of!(Frame, columns_kind),
        biases = const offset_of!(Frame, biases),
        step_back = const offset_of!(Frame, step_back),
        y_stride = const offset_of!(Frame, y_stride),
        rows = const offset_of!(Frame, rows),
        y_turn = const offset_of!(Frame, y_turn),
        ring = const offset_of!(Frame, ring),
        ring_end = const offset_of!(Frame, ring_end),
        fill = const offset_of!(Frame, fill),
        taps_first = const offset_of!(Frame, taps_first),
        taps_step = const offset_of!(Frame, taps_step),
        x = const offset_of!(Frame, x),
        x_row_step = const offset_of!(Frame, x_row_step),
        x_stride = const offset_of!(Frame, x_stride),
        width = const offset_of!(Frame, width),
        pad_bytes = const offset_of!(Frame, pad_bytes),
        pad_rows = const offset_of!(Frame, pad_rows),
        x_rows = const offset_of!(Frame, x_rows),
        load = const offset_of!(Frame, load),
        load_later = const offset_of!(Frame, load_later),
        less = const offset_of!(Frame, less),
    )
}
