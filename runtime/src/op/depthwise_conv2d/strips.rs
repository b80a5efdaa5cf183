//! Four channels at a time, from scratch memory.

use super::super::scales::Scales;
use super::super::split::Split;
use crate::arch::{self, Channel, Quad, StripLayout, StripWindow, Strips};
use crate::format::instruction::{DepthwiseConv2d, RowOrder};
use crate::op::dispatch::Kernel;
use crate::ops::Ops;
use core::num::NonZeroUsize;

/// Four channels at a time. Rows of them go to a ring of as many as the kernel has, padding included: every input row is
/// widened once, and may be overwritten from then on.
#[inline(never)]
pub(super) fn strips<O: Ops>(
    op: &DepthwiseConv2d,
    memory: &mut Split<'_>,
    weights: &[i8],
    scales: &Scales<'_>,
) -> Option<()> {
    // Kernels in assembly rely on it, and programs of constants have not been checked.
    if op.strip_bytes() != Some(op.scratch_bytes) {
        return None;
    }
    let layout = layout(op)?;
    let c = op.x_shape.c as usize;
    let mut channels = [Channel::default(); 4];
    memory.clear_scratch()?;
    let mut channel = 0;
    while channel < c {
        let ready = layout.tap_words <= 2 * Channel::MAX_TAPS && scales.prepare(channel, &mut channels).is_some();
        place_taps(op, &layout, memory, weights.get(channel..)?)?;
        let quad = Quad { op, strips: &layout, channel, channels: &channels, store: scales.store() };
        if !ready {
            if !O::KERNELS.contains(Kernel::AnyFactor) {
                return None;
            }
            rows(&quad, memory, Some(scales))?;
        } else if arch::convolve_quad(&quad, memory).is_none() {
            if arch::ALL_ROWS {
                return None;
            }
            rows(&quad, memory, None)?;
        }
        channel = channel.wrapping_add(4);
    }
    Some(())
}

fn layout(op: &DepthwiseConv2d) -> Option<StripLayout> {
    let padded = op.strip_columns()? as usize;
    let (kernel_h, kernel_w) = (op.window.kernel_h as usize, op.window.kernel_w as usize);
    let tap_row_words = kernel_w.wrapping_mul(2);
    let tap_words = kernel_h.wrapping_mul(tap_row_words);
    let pad = (op.window.pad_left as usize).min(padded);
    let end = pad.wrapping_add(op.x_shape.w as usize).min(padded);
    Some(StripLayout {
        tap_row_words,
        tap_words,
        ring_start: tap_words.wrapping_mul(2).wrapping_sub(tap_row_words),
        middle: pad.wrapping_mul(2)..end.wrapping_mul(2),
        window: StripWindow {
            rows: kernel_h,
            columns: kernel_w,
            row_words: padded.wrapping_mul(2),
            column_words: (op.window.dilation_w as usize).wrapping_mul(2),
        },
        step: (op.window.stride_w as usize).wrapping_mul(2),
    })
}

/// Widens the taps of four channels; of the kernel's rows, the one that meets the first input row in the op's order first.
fn place_taps(op: &DepthwiseConv2d, layout: &StripLayout, memory: &mut Split<'_>, weights: &[i8]) -> Option<()> {
    let (_, scratch) = memory.x_scratch()?;
    let (once, again) = scratch.get_mut(..layout.ring_start)?.split_at_mut_checked(layout.tap_words)?;
    let c = op.y_shape.c as usize;
    match op.order {
        RowOrder::TopDown => arch::widen_strip(once, weights, c, 0),
        RowOrder::BottomUp => {
            let row_bytes = layout.window.columns.wrapping_mul(c);
            let mut at = layout.window.rows.wrapping_sub(1).wrapping_mul(row_bytes);
            for taps in once.chunks_exact_mut(layout.tap_row_words.max(1)) {
                arch::widen_strip(taps, weights.get(at..)?, c, 0);
                at = at.wrapping_sub(row_bytes);
            }
        }
    }
    // Few words: `memcpy` is 0.9 KB of flash.
    again.iter_mut().zip(once).for_each(|(again, once)| *again = *once);
    Some(())
}

/// All rows of a quad. `scales` are given where its channels have no form for kernels.
///
/// Rows are counted in the op's order, with those of padding, from the first one that an output reads.
#[inline(never)]
fn rows(quad: &Quad<'_>, memory: &mut Split<'_>, scales: Option<&Scales<'_>>) -> Option<()> {
    let Quad { op, strips: layout, channel, .. } = *quad;
    let (window, x_shape, y_shape) = (&op.window, op.x_shape, op.y_shape);
    let kernel_h = NonZeroUsize::new(window.kernel_h as usize)?;
    let (stride_h, c) = (window.stride_h as usize, x_shape.c as usize);
    let row_words = layout.window.row_words;
    let (x_row_bytes, y_row_bytes) = ((x_shape.w as usize).wrapping_mul(c), (y_shape.w as usize).wrapping_mul(c));
    let read = (y_shape.h as usize).wrapping_sub(1).wrapping_mul(stride_h).wrapping_add(kernel_h.get());
    let mut held = 0..0;
    for step in 0..y_shape.h {
        let first = (step as usize).wrapping_mul(stride_h);
        let needed = first..first.wrapping_add(kernel_h.get());
        let (x, scratch) = memory.x_scratch()?;
        let ring = scratch.get_mut(layout.ring_start..)?;
        for row in needed.clone().filter(|row| !held.contains(row)) {
            let strip = ring.get_mut((row % kernel_h).wrapping_mul(row_words)..)?.get_mut(..row_words)?;
            let row_from_top = match op.order {
                RowOrder::TopDown => row,
                RowOrder::BottomUp => read.wrapping_sub(1).wrapping_sub(row),
            };
            let x_row = row_from_top.wrapping_sub(window.pad_top as usize);
            if x_row < x_shape.h as usize {
                let x = x.get(x_row.wrapping_mul(x_row_bytes).wrapping_add(channel)..)?;
                arch::widen_strip(strip.get_mut(layout.middle.clone())?, x, c, op.x_zero_point);
            } else {
                strip.fill(0);
            }
        }
        held = needed;
        let (scratch, y) = memory.scratch_y()?;
        // The ring's first row meets the kernel's row `turn`.
        let turn = kernel_h.get().wrapping_sub(first % kernel_h) % kernel_h;
        let strips = Strips {
            x: scratch.get(layout.ring_start..)?,
            taps: scratch.get(turn.wrapping_mul(layout.tap_row_words)..layout.ring_start)?,
            window: layout.window,
            step: layout.step,
            channels: quad.channels,
            store: quad.store,
        };
        let y_start = (op.row(step) as usize).wrapping_mul(y_row_bytes);
        let y = y.get_mut(y_start.wrapping_add(channel)..y_start.wrapping_add(y_row_bytes))?;
        match scales {
            None if !arch::ALL_ROWS => arch::convolve_strips(&strips, y, c, y_shape.w as usize),
            None => return None,
            Some(scales) => strips_any(&strips, scales, channel, y, c)?,
        }
    }
    Some(())
}

/// As [`arch::convolve_strips`], for channels that have no form for kernels.
#[cold]
#[inline(never)]
fn strips_any(strips: &Strips<'_>, scales: &Scales<'_>, channel: usize, y: &mut [i8], y_stride: usize) -> Option<()> {
    let mut biases = [0; 4];
    for (bias, channel) in biases.iter_mut().zip(channel..) {
        *bias = scales.bias(channel)?;
    }
    let mut first = 0;
    for y in y.chunks_mut(y_stride.max(4)) {
        let Some(x) = strips.x.get(first..) else { break };
        let sums = arch::dot_strips(x, strips.taps, strips.window, biases);
        for ((y, sum), channel) in y.iter_mut().zip(sums).zip(channel..) {
            *y = scales.output(channel, sum);
        }
        first = first.wrapping_add(strips.step);
    }
    Some(())
}
