use super::conv2d::MAX_TAPS;
use super::scales::Scales;
use super::window::Runs;
use super::{Limits, Memory, product};
use crate::arch;
use crate::error::Fault;
use crate::format::instruction::DepthwiseConv2d;
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
/// | `bias` | `[out_c]` | i32 | `x_scale * w_scale[o]` | 0 |
/// | `y` | `[y_h, y_w, out_c]` | i8 | per tensor | `y_zero_point` |
///
/// Any stride, dilation and padding. Bit-exact with the TFLite int8 reference kernel when the rounding is `Tflite`.
/// Source: LiteRT 8-bit quantization specification.
///
/// Returns `None`, with the rest of `y` untouched, if a slice is shorter than its shape. `Model::load` has checked this.
pub(crate) fn depthwise_conv2d(
    op: &DepthwiseConv2d,
    x: &[i8],
    weights: &[i8],
    bias: &[i32],
    scales: &Scales<'_>,
    y: &mut [i8],
) -> Option<()> {
    let (rows, columns) = op.window.axes(op.x_shape)?;
    let in_c = NonZeroUsize::new(op.x_shape.c as usize)?;
    let out_c = NonZeroUsize::new(op.y_shape.c as usize)?;
    let per_input = NonZeroUsize::new(out_c.get() / in_c)?;
    // Whole input channels per block, or one input channel in several blocks.
    let step = if per_input.get() > BLOCK { per_input.get() } else { BLOCK / per_input * per_input.get() };
    let mut pixels = y.chunks_exact_mut(out_c.get());
    for y_row in 0..op.y_shape.h {
        let row_taps = rows.taps(y_row);
        for y_column in 0..op.y_shape.w {
            let runs = Runs::taps(&op.window, op.x_shape, out_c.get(), row_taps, columns.taps(y_column));
            let mut channel = 0;
            for y in pixels.next()?.chunks_mut(step.max(1)).flat_map(|y| y.chunks_mut(BLOCK)) {
                let mut sums = [0; BLOCK];
                let sums = sums.get_mut(..y.len())?;
                for (sum, &bias) in sums.iter_mut().zip(bias.get(channel..)?) {
                    *sum = bias;
                }
                let input = channel / per_input;
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
                for (y, &sum) in y.iter_mut().zip(sums.iter()) {
                    *y = scales.output(channel, sum);
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
    limits.weights::<i8>(op.weights, product(&[taps, y.c])?)?;
    limits.weights::<i32>(op.bias, y.c)?;
    op.requantize.check(y.c, limits)?;
    let x = limits.arena::<i8>(op.x, product(&[x.h, x.w, x.c])?)?;
    let y = limits.arena::<i8>(op.y, product(&[y.h, y.w, y.c])?)?;
    x.disjoint(y)
}

pub(crate) fn run(op: &DepthwiseConv2d, memory: &mut Memory) -> Option<()> {
    let (x, y, window) = (op.x_shape, op.y_shape, op.window);
    let weights_len = window.kernel_h.checked_mul(window.kernel_w)?.checked_mul(y.c)?;
    let weights = memory.weights(op.weights, weights_len)?;
    let bias = memory.weights(op.bias, y.c)?;
    let scales = op.requantize.scales(y.c, memory)?;
    let (x, y) = memory.x_y(op.x, x.elements()?, op.y, y.elements()?)?;
    depthwise_conv2d(op, x, weights, bias, &scales, y)
}

#[cfg(test)]
#[path = "depthwise_conv2d/tests.rs"]
mod tests;
