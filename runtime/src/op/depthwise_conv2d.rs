use super::conv2d::MAX_TAPS;
use super::scales::Scales;
use super::split::Split;
use super::window::Runs;
use super::{Limits, Memory, product};
use crate::arch::{self, StripWindow};
use crate::error::Fault;
use crate::format::instruction::{DepthwiseConv2d, RowOrder};
use core::num::NonZeroUsize;

/// Channels whose sums are held on the stack at a time.
const BLOCK: usize = 32;

/// 2-D depthwise convolution: every output channel reads one input channel,
/// `y[h, w, o] = clamp(requantize(sum((x[.., .., o / m] - x_zero_point) * weights[.., .., o]) + bias[o]) + y_zero_point)`
/// with `m = out_c / in_c`.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `x` | `[h, w, in_c]` | i8 | per tensor | `x_zero_point` |
/// | `weights` | `[kernel_h, kernel_w, out_c]` | i8 | per channel `out_c`, or per tensor | 0 |
/// | `bias` | `[out_c]` | i32 or i16 | `x_scale * w_scale[o]` | 0 |
/// | `y` | `[y_h, y_w, out_c]` | i8 | per tensor | `y_zero_point` |
///
/// Any stride, dilation and padding. `memory` gives input, scratch and output, of which input and output may overlap as
/// `check` allows: a row is computed from input rows that it does not overwrite. With scratch memory, four channels of
/// the rows that an output row needs are widened to `i16`, padding included, and multiplied from there; without,
/// channels are summed up straight from the input.
///
/// Bit-exact with the TFLite int8 reference kernel when the rounding is `Tflite`.
/// Source: LiteRT 8-bit quantization specification.
///
/// Returns `None`, with the rest of `y` untouched, if a slice is shorter than its shape. `Model::load` has checked this.
pub(crate) fn depthwise_conv2d(
    op: &DepthwiseConv2d,
    memory: &mut Split<'_>,
    weights: &[i8],
    scales: &Scales<'_>,
) -> Option<()> {
    for step in 0..op.y_shape.h {
        let row = match op.order {
            RowOrder::TopDown => step,
            RowOrder::BottomUp => op.y_shape.h.wrapping_sub(1).wrapping_sub(step),
        };
        if op.scratch_bytes == 0 {
            sum_row(op, memory, weights, scales, row)?
        } else {
            strip_row(op, memory, weights, scales, row)?
        }
    }
    Some(())
}

/// One output row, from strips of four channels at a time.
#[inline(never)]
fn strip_row(
    op: &DepthwiseConv2d,
    memory: &mut Split<'_>,
    weights: &[i8],
    scales: &Scales<'_>,
    y_row: u32,
) -> Option<()> {
    let (rows, _) = op.window.axes(op.x_shape)?;
    let row_taps = rows.taps(y_row);
    let (x_w, c) = (op.x_shape.w as usize, op.x_shape.c as usize);
    let padded = op.strip_columns()? as usize;
    let (kernel_h, kernel_w) = (op.window.kernel_h as usize, op.window.kernel_w as usize);
    let tap_words = kernel_h.wrapping_mul(kernel_w).wrapping_mul(2);
    // Columns of the padded row that are input, the same for every row.
    let pad = (op.window.pad_left as usize).min(padded);
    let inside = x_w.min(padded.wrapping_sub(pad));
    let window = StripWindow {
        rows: kernel_h,
        columns: kernel_w,
        row_words: padded.wrapping_mul(2),
        column_words: (op.window.dilation_w as usize).wrapping_mul(2),
    };
    let step = (op.window.stride_w as usize).wrapping_mul(2);
    let y_start = (y_row as usize).wrapping_mul(op.y_shape.w as usize).wrapping_mul(c);
    let mut channel = 0;
    while channel < c {
        let (x, scratch) = memory.x_scratch()?;
        let (taps, strips) = scratch.split_at_mut_checked(tap_words)?;
        arch::widen_strip(taps, weights.get(channel..)?, c, 0);
        let mut x_row = row_taps.start.wrapping_mul(x_w).wrapping_mul(c).wrapping_add(channel);
        for (kernel_row, strip) in strips.chunks_exact_mut(padded.wrapping_mul(2).max(1)).take(kernel_h).enumerate() {
            if !row_taps.holds(kernel_row) {
                strip.fill(0);
                continue;
            }
            let (left, rest) = strip.split_at_mut_checked(pad.wrapping_mul(2))?;
            let (middle, right) = rest.split_at_mut_checked(inside.wrapping_mul(2))?;
            // A few words: a call of `memset` would cost more.
            left.iter_mut().chain(right).for_each(|word| *word = 0);
            arch::widen_strip(middle, x.get(x_row..)?, c, op.x_zero_point);
            x_row = x_row.wrapping_add((op.window.dilation_h as usize).wrapping_mul(x_w).wrapping_mul(c));
        }
        let (scratch, y) = memory.scratch_y()?;
        let (taps, strips) = scratch.split_at_checked(tap_words)?;
        let quad = scales.quad(channel);
        let mut at = y_start.wrapping_add(channel);
        let mut first = 0;
        for _ in 0..op.y_shape.w {
            let sums = arch::dot_strips(strips.get(first..)?, taps, window, quad.biases);
            *y.get_mut(at..)?.first_chunk_mut()? = scales.outputs(&quad.factors, &sums);
            at = at.wrapping_add(c);
            first = first.wrapping_add(step);
        }
        channel = channel.wrapping_add(4);
    }
    Some(())
}

/// One output row, summed up channel by channel straight from the input.
#[inline(never)]
fn sum_row(
    op: &DepthwiseConv2d,
    memory: &mut Split<'_>,
    weights: &[i8],
    scales: &Scales<'_>,
    y_row: u32,
) -> Option<()> {
    let (rows, columns) = op.window.axes(op.x_shape)?;
    let in_c = NonZeroUsize::new(op.x_shape.c as usize)?;
    let out_c = NonZeroUsize::new(op.y_shape.c as usize)?;
    let per_input = NonZeroUsize::new(out_c.get() / in_c)?;
    // Whole input channels per block, or one input channel in several blocks.
    let step = if per_input.get() > BLOCK { per_input.get() } else { BLOCK / per_input * per_input.get() };
    let row_taps = rows.taps(y_row);
    for y_column in 0..op.y_shape.w {
        let runs = Runs::taps(&op.window, op.x_shape, out_c.get(), row_taps, columns.taps(y_column));
        let pixel = (y_row as usize).wrapping_mul(op.y_shape.w as usize).wrapping_add(y_column as usize);
        let mut channel = 0;
        while channel < out_c.get() {
            // The end of this run of whole input channels, and of this block in it.
            let run_end = (channel / step.max(1)).wrapping_add(1).wrapping_mul(step).min(out_c.get());
            let len = run_end.wrapping_sub(channel).min(BLOCK);
            let mut sums = [0; BLOCK];
            let sums = sums.get_mut(..len)?;
            for (sums, at) in sums.chunks_mut(4).zip((channel..).step_by(4)) {
                sums.iter_mut().zip(scales.quad(at).biases).for_each(|(sum, bias)| *sum = bias);
            }
            let input = channel / per_input;
            let (x, _) = memory.x_scratch()?;
            runs.for_each(|x_at, w_at| {
                let x = x.get(x_at.wrapping_add(input)..)?;
                let w = weights.get(w_at.wrapping_add(channel)..)?;
                if per_input.get() == 1 {
                    arch::multiply_add_offset_i8(sums, x, w, op.x_zero_point);
                } else {
                    arch::multiply_add_offset_i8(sums, &spread(x, per_input), w, op.x_zero_point);
                }
                Some(())
            })?;
            let (_, y) = memory.scratch_y()?;
            let y = y.get_mut(pixel.wrapping_mul(out_c.get()).wrapping_add(channel)..)?.get_mut(..len)?;
            for (y, sums) in y.chunks_mut(4).zip(sums.chunks(4)) {
                let mut four = [0; 4];
                four.iter_mut().zip(sums).for_each(|(four, &sum)| *four = sum);
                let outputs = scales.outputs(&scales.quad(channel).factors, &four);
                y.iter_mut().zip(outputs).for_each(|(y, output)| *y = output);
                channel = channel.wrapping_add(y.len());
            }
        }
    }
    Some(())
}

/// Every element of `x` repeated `times` times.
fn spread(x: &[i8], times: NonZeroUsize) -> [i8; BLOCK] {
    let mut repeated = [0; BLOCK];
    for (run, &x) in repeated.chunks_mut(times.get()).zip(x) {
        run.fill(x);
    }
    repeated
}

pub(crate) fn check(op: &DepthwiseConv2d, limits: &Limits) -> Result<(), Fault> {
    let (x, y) = (op.x_shape, op.y_shape);
    op.window.check(x, y)?;
    if x.c == 0 || y.c % x.c != 0 {
        return Err(Fault::Shape);
    }
    let taps = product(&[op.window.kernel_h, op.window.kernel_w])?;
    if taps > MAX_TAPS {
        return Err(Fault::Shape);
    }
    limits.weight_words(op.weights, product(&[taps, y.c])?)?;
    op.requantize.check(y.c, limits)?;
    let x_span = limits.arena::<i8>(op.x, product(&[x.h, x.w, x.c])?)?;
    let y_span = limits.arena::<i8>(op.y, product(&[y.h, y.w, y.c])?)?;
    let scratch = limits.arena::<u32>(op.scratch, op.scratch_bytes / 4)?;
    if op.scratch_bytes != 0 {
        if op.strip_bytes() != Some(op.scratch_bytes) {
            return Err(Fault::Shape);
        }
        scratch.disjoint(x_span)?;
        scratch.disjoint(y_span)?;
    }
    if x_span.overlaps(y_span) && !op.distances().allow(op.x, op.y, op.order) { Err(Fault::Overlap) } else { Ok(()) }
}

pub(crate) fn run(op: &DepthwiseConv2d, memory: &mut Memory) -> Option<()> {
    let (x, y, window) = (op.x_shape, op.y_shape, op.window);
    let weights_len = window.kernel_h.checked_mul(window.kernel_w)?.checked_mul(y.c)?;
    let weights = memory.weights(op.weights, weights_len)?;
    let scales = op.requantize.scales(y.c, memory)?;
    // Without scratch memory, all of the arena lies on one side of nothing.
    let scratch = if op.scratch_bytes == 0 { 0 } else { op.scratch };
    let mut split = memory.split((op.x, x.elements()?), (scratch, op.scratch_bytes), (op.y, y.elements()?))?;
    depthwise_conv2d(op, &mut split, weights, &scales)
}

#[cfg(test)]
#[path = "depthwise_conv2d/tests.rs"]
mod tests;
