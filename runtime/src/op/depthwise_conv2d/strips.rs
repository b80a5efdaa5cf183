//! Four channels at a time, from scratch memory.

use super::super::scales::Scales;
use super::super::split::Split;
use crate::arch::{self, Channel, StripWindow, Strips};
use crate::format::instruction::DepthwiseConv2d;
use core::num::NonZeroUsize;

/// Four channels at a time. Rows of them go to a ring of as many as the kernel has, padding included: every input row is
/// widened once, and may be overwritten from then on.
#[inline(never)]
pub(super) fn strips(op: &DepthwiseConv2d, memory: &mut Split<'_>, weights: &[i8], scales: &Scales<'_>) -> Option<()> {
    let (x_w, c) = (op.x_shape.w as usize, op.x_shape.c as usize);
    let padded = op.strip_columns()? as usize;
    let kernel_h = NonZeroUsize::new(op.window.kernel_h as usize)?;
    let kernel_w = op.window.kernel_w as usize;
    let row_words = padded.wrapping_mul(2);
    let tap_row_words = kernel_w.wrapping_mul(2);
    let tap_words = kernel_h.get().wrapping_mul(tap_row_words);
    let ring_start = tap_words.wrapping_mul(2).wrapping_sub(tap_row_words);
    // Columns of a padded row that are input, the same for every row.
    let pad = (op.window.pad_left as usize).min(padded);
    let middle = pad.wrapping_mul(2)..pad.wrapping_add(x_w).min(padded).wrapping_mul(2);
    let window = StripWindow {
        rows: kernel_h.get(),
        columns: kernel_w,
        row_words,
        column_words: (op.window.dilation_w as usize).wrapping_mul(2),
    };
    let step = (op.window.stride_w as usize).wrapping_mul(2);
    let (x_row_bytes, y_row_bytes) = (x_w.wrapping_mul(c), (op.y_shape.w as usize).wrapping_mul(c));
    let mut channels = [Channel::default(); 4];
    memory.scratch().fill(0);
    let mut channel = 0;
    while channel < c {
        let (_, scratch) = memory.x_scratch()?;
        let (taps, _) = scratch.split_at_mut_checked(ring_start)?;
        let (once, again) = taps.split_at_mut_checked(tap_words)?;
        arch::widen_strip(once, weights.get(channel..)?, c, 0);
        again.copy_from_slice(once.get(..again.len())?);
        let ready = tap_words <= 2 * Channel::MAX_TAPS && scales.prepare(channel, &mut channels).is_some();
        // Padded rows: those of the input, and `pad_top` before it. `held` are in the ring.
        let mut held = 0..0;
        for step_h in 0..op.y_shape.h {
            let y_row = op.row(step_h) as usize;
            let first = y_row.wrapping_mul(op.window.stride_h as usize);
            let needed = first..first.wrapping_add(kernel_h.get());
            let (x, scratch) = memory.x_scratch()?;
            let ring = scratch.get_mut(ring_start..)?;
            for row in needed.clone().filter(|row| !held.contains(row)) {
                let strip = ring.get_mut((row % kernel_h).wrapping_mul(row_words)..)?.get_mut(..row_words)?;
                let x_row = row.wrapping_sub(op.window.pad_top as usize);
                if x_row < op.x_shape.h as usize {
                    let x = x.get(x_row.wrapping_mul(x_row_bytes).wrapping_add(channel)..)?;
                    arch::widen_strip(strip.get_mut(middle.clone())?, x, c, op.x_zero_point);
                } else {
                    strip.fill(0);
                }
            }
            held = needed;
            let (scratch, y) = memory.scratch_y()?;
            // The ring's first row meets the kernel's row `turn`.
            let turn = kernel_h.get().wrapping_sub(first % kernel_h) % kernel_h;
            let strips = Strips {
                x: scratch.get(ring_start..)?,
                taps: scratch.get(turn.wrapping_mul(tap_row_words)..ring_start)?,
                window,
                step,
                channels: &channels,
                store: scales.store(),
            };
            let y = y.get_mut(y_row.wrapping_mul(y_row_bytes).wrapping_add(channel)..)?;
            if ready {
                arch::convolve_strips(&strips, y, c, op.y_shape.w as usize);
            } else {
                strips_any(&strips, scales, channel, y.get_mut(..y_row_bytes.wrapping_sub(channel))?, c)?;
            }
        }
        channel = channel.wrapping_add(4);
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
