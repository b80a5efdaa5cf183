//! Depthwise convolution of four channels.

use super::super::{Channel, Quad};
use super::limits::Limits;
use super::widen::less;
use super::{is_loadable, isa};
use crate::format::instruction::RowOrder;
use crate::op::split::{Places, Split};

/// What the assembly reads, and the places that it moves on: a row of outputs. Bytes, where words are not said.
#[repr(C)]
pub(super) struct Job {
    x: *const u32,
    taps: *const u32,
    taps_end: *const u32,
    /// From behind the last tap of one row to the first of the next.
    row_skip: usize,
    /// From behind one tap to the next.
    column_skip: usize,
    /// Kernel columns; 0 for three of them that lie together.
    columns: usize,
    step: usize,
    channels: *const Channel,
    y: *mut i8,
    y_stride: usize,
    /// Outputs to compute.
    count: usize,
    limits: Limits,
}

/// Computes all rows of a quad; `None`, with nothing done, if it is out of the ordinary.
#[inline(never)]
pub(crate) fn convolve_quad(quad: &Quad<'_>, memory: &mut Split<'_>) -> Option<()> {
    let places = memory.places();
    if !fits(quad, &places) {
        return None;
    }
    let Quad { op, strips, channel, channels, store } = *quad;
    let (x_shape, y_shape, window) = (op.x_shape, op.y_shape, &op.window);
    let (x_h, y_h, c) = (x_shape.h as usize, y_shape.h as usize, x_shape.c as usize);
    let (kernel_h, stride_h) = (window.kernel_h as usize, window.stride_h as usize);
    let (x_row_bytes, y_row_bytes) = ((x_shape.w as usize).wrapping_mul(c), (y_shape.w as usize).wrapping_mul(c));
    let top_down = op.order == RowOrder::TopDown;
    // From the bottom, the map is upside down: rows of padding are those below the input, if all of it is read.
    let read = y_h.wrapping_sub(1).wrapping_mul(stride_h).wrapping_add(kernel_h);
    let (mut pad_rows, mut x_rows) = if top_down {
        (window.pad_top as usize, x_h)
    } else {
        let until = read.saturating_sub(window.pad_top as usize);
        (until.saturating_sub(x_h), x_h.min(until))
    };
    // To the next row.
    let (x_step, y_step) =
        if top_down { (x_row_bytes, y_row_bytes) } else { (x_row_bytes.wrapping_neg(), y_row_bytes.wrapping_neg()) };
    let (mut x, mut y) = (places.x.wrapping_add(channel), places.y.wrapping_add(channel));
    if !top_down {
        x = x.wrapping_add(x_rows.wrapping_sub(1).wrapping_mul(x_row_bytes));
        y = y.wrapping_add(y_h.wrapping_sub(1).wrapping_mul(y_row_bytes));
    }
    let row_words = strips.window.row_words;
    let column_bytes = strips.window.column_words.wrapping_mul(4);
    let ring = places.scratch.wrapping_add(strips.ring_start);
    let ring_end = ring.wrapping_add(kernel_h.wrapping_mul(row_words));
    let taps = places.scratch.cast_const();
    let mut job = Job {
        x: ring,
        taps,
        taps_end: taps,
        row_skip: row_words.wrapping_mul(4).wrapping_sub(strips.window.columns.wrapping_mul(column_bytes)),
        column_skip: column_bytes.wrapping_sub(8),
        columns: if (strips.window.columns, column_bytes) == (3, 8) { 0 } else { strips.window.columns },
        step: strips.step.wrapping_mul(4),
        channels: channels.as_ptr(),
        y,
        y_stride: c,
        count: 0,
        limits: store.into(),
    };
    let width = strips.middle.len() / 2;
    // Where the next row goes, and which of the kernel's rows the ring's first one meets.
    let (mut fill, mut turn) = (ring, 0usize);
    let mut load = kernel_h;
    for _ in 0..y_h {
        for _ in 0..load {
            if pad_rows == 0 && x_rows > 0 {
                // SAFETY: `fits` has shown that this row of four channels is inside of the input and can be loaded as
                // words, and that `width` pixels from here on are inside of this row of the ring.
                unsafe {
                    let middle = fill.wrapping_add(strips.middle.start);
                    isa::widen_words(middle, x, c, less(op.x_zero_point), width);
                }
                x = x.wrapping_add(x_step);
                x_rows = x_rows.wrapping_sub(1);
            } else {
                // SAFETY: this row of the ring.
                unsafe { fill.write_bytes(0, row_words) };
                pad_rows = pad_rows.saturating_sub(1);
            }
            fill = fill.wrapping_add(row_words);
            if fill == ring_end {
                fill = ring;
            }
        }
        load = stride_h;
        job.x = ring;
        job.taps = taps.wrapping_add(turn.wrapping_mul(strips.tap_row_words));
        job.taps_end = job.taps.wrapping_add(strips.tap_words);
        job.y = y;
        job.count = y_shape.w as usize;
        // SAFETY: `fits` has shown that the ring's rows hold what the outputs of a row read, that there are taps from any
        // row of them on, and that this row of four channels is inside of the output.
        unsafe { isa::convolve_strips(&mut job) };
        y = y.wrapping_add(y_step);
        turn = if turn < stride_h { turn.wrapping_add(kernel_h) } else { turn }.wrapping_sub(stride_h);
    }
    Some(())
}

/// Whether all rows of the input and of the output, the ring, and the taps from any of its rows on are inside their
/// places; and a row of the ring holds what its outputs read.
fn fits(quad: &Quad<'_>, places: &Places) -> bool {
    let Quad { op, strips, channel, .. } = *quad;
    let (x, y, window) = (op.x_shape, op.y_shape, &strips.window);
    let (c, width) = (x.c as usize, strips.middle.len() / 2);
    let size = |h: u32, w: u32| (h as usize).wrapping_mul(w as usize).wrapping_mul(c);
    let last = (y.w as usize).wrapping_sub(1).wrapping_mul(strips.step);
    let last = last.wrapping_add(window.columns.wrapping_sub(1).wrapping_mul(window.column_words));
    let inside = channel.wrapping_add(4) <= c
        && y.c == x.c
        && size(x.h, x.w) <= places.x_len
        && size(y.h, y.w) <= places.y_len
        && strips.ring_start.wrapping_add(window.rows.wrapping_mul(window.row_words)) <= places.scratch_words;
    let consistent = window.rows == op.window.kernel_h as usize
        && strips.ring_start.wrapping_add(strips.tap_row_words) == strips.tap_words.wrapping_mul(2)
        && strips.tap_words == window.rows.wrapping_mul(strips.tap_row_words)
        && strips.tap_row_words == window.columns.wrapping_mul(2)
        && last.wrapping_add(2) <= window.row_words
        && strips.middle.end <= window.row_words
        && strips.middle.start <= strips.middle.end
        && width <= x.w as usize;
    let some = width > 0 && y.h > 0 && y.w > 0 && strips.tap_words > 0;
    let loadable = is_loadable(places.x.addr() | channel | c);
    inside && consistent && some && loadable && (1..=window.rows).contains(&(op.window.stride_h as usize))
}
