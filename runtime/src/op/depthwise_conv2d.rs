use super::conv2d::MAX_TAPS;
mod strips;

use super::scales::Scales;
use super::split::Split;
use super::window::Runs;
use super::{Limits, Memory, product};
use crate::arch::{self, Channel};
use crate::error::Fault;
use crate::format::instruction::DepthwiseConv2d;
use crate::op::dispatch::Kernel;
use crate::ops::Ops;
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
/// every input row are widened to `i16` once, padding included, and multiplied from there; without, channels are summed
/// up straight from the input.
///
/// Bit-exact with the TFLite int8 reference kernel when the rounding is `Tflite`.
/// Source: LiteRT 8-bit quantization specification.
///
/// Returns `None`, with the rest of `y` untouched, if a slice is shorter than its shape. `Model::load` has checked this.
pub(crate) fn depthwise_conv2d<O: Ops>(
    op: &DepthwiseConv2d,
    memory: &mut Split<'_>,
    weights: &[i8],
    scales: &Scales<'_>,
) -> Option<()> {
    if op.scratch_bytes != 0 {
        return strips::strips::<O>(op, memory, weights, scales);
    }
    if !O::KERNELS.contains(Kernel::DepthwiseDirect) {
        return None;
    }
    for step in 0..op.y_shape.h {
        sum_row(op, memory, weights, scales, op.row(step))?;
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
    let taps = op.window.kernel_h.wrapping_mul(op.window.kernel_w) as usize;
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
            for (sum, channel) in sums.iter_mut().zip(channel..) {
                *sum = scales.bias(channel)?;
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
                let mut channels = [Channel::default(); 4];
                let channels = channels.get_mut(..y.len())?;
                let ready = taps <= Channel::MAX_TAPS && scales.prepare(channel, channels).is_some();
                for ((y, &sum), form) in y.iter_mut().zip(sums).zip(channels) {
                    *y = if ready { form.output(sum, scales.store()) } else { scales.output(channel, sum) };
                    channel = channel.wrapping_add(1);
                }
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

pub(crate) fn check<O: Ops>(op: &DepthwiseConv2d, limits: &Limits) -> Result<(), Fault> {
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
    op.requantize.check::<O>(y.c, taps, limits)?;
    let x_span = limits.arena::<i8>(op.x, product(&[x.h, x.w, x.c])?)?;
    let y_span = limits.arena::<i8>(op.y, product(&[y.h, y.w, y.c])?)?;
    if op.scratch_bytes == 0 && !O::KERNELS.contains(Kernel::DepthwiseDirect) {
        return Err(Fault::Unsupported);
    }
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

pub(crate) fn run<O: Ops>(op: &DepthwiseConv2d, memory: &mut Memory) -> Option<()> {
    let (x, y, window) = (op.x_shape, op.y_shape, op.window);
    let weights_len = window.kernel_h.checked_mul(window.kernel_w)?.checked_mul(y.c)?;
    let weights = memory.weights(op.weights, weights_len)?;
    let scales = op.requantize.scales(y.c, memory)?;
    // Without scratch memory, all of the arena lies on one side of nothing.
    let scratch = if op.scratch_bytes == 0 { 0 } else { op.scratch };
    let mut split = memory.split((op.x, x.elements()?), (scratch, op.scratch_bytes), (op.y, y.elements()?))?;
    depthwise_conv2d::<O>(op, &mut split, weights, &scales)
}

#[cfg(test)]
#[path = "depthwise_conv2d/tests.rs"]
mod tests;
