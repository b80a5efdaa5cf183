//! Depthwise convolution of four channels.

mod assembly;

use super::super::Quad;
use super::clamp;
use crate::format::Rounding;
use crate::format::instruction::RowOrder;
use crate::op::split::Split;
use assembly::{Frame, convolve};

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
    let some = y_h > 0 && y_shape.w > 0 && strips.tap_words > 0;
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
    // Where outputs read padding only, every row is loaded as one of padding, whose first column is written.
    let (start, width, x_rows) = if width == 0 { (0, 1, 0) } else { (strips.middle.start, width, x_rows) };
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
        pad_bytes: start.wrapping_mul(4),
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
