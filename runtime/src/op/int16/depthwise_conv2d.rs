use super::CHUNK;
use super::scales::Scales;
use crate::arch;
use crate::error::Fault;
use crate::format::instruction::DepthwiseConv2dI16;
use crate::op::conv2d::MAX_TAPS;
use crate::op::window::Runs;
use crate::op::{Limits, Memory, product};
use core::num::NonZeroUsize;

/// Channels whose sums are held on the stack at a time.
const BLOCK: usize = 32;

/// 2-D depthwise convolution: every output channel reads one input channel,
/// `y[h, w, o] = clamp(scaled(sum(x[.., .., o / m] * weights[.., .., o]) + bias[o]), min, max)` with `m = out_c / in_c`.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `x` | `[h, w, in_c]` | i16 | per tensor | 0 |
/// | `weights` | `[kernel_h, kernel_w, out_c]` | i8 | per channel `out_c`, or per tensor | 0 |
/// | `bias` | `[out_c]` | none, i32 or i64 | `x_scale * w_scale[o]` | 0 |
/// | `y` | `[y_h, y_w, out_c]` | i16 | per tensor | 0 |
///
/// Any stride, dilation and padding. Bit-exact with the TFLite 16x8 reference kernel when the rounding is `Tflite`.
///
/// Returns `None`, with the rest of `y` untouched, if a slice is shorter than its shape. `Model::load` has checked this.
fn depthwise_conv2d(
    op: &DepthwiseConv2dI16,
    x: &[i16],
    weights: &[i8],
    scales: &Scales<'_>,
    y: &mut [i16],
) -> Option<()> {
    let (rows, columns) = op.window.axes(op.x_shape)?;
    let in_c = NonZeroUsize::new(op.x_shape.c as usize)?;
    let out_c = NonZeroUsize::new(op.y_shape.c as usize)?;
    let per_input = NonZeroUsize::new(out_c.get() / in_c)?;
    let taps = op.window.kernel_h.wrapping_mul(op.window.kernel_w) as usize;
    let mut pixels = y.chunks_exact_mut(out_c.get());
    for y_row in 0..op.y_shape.h {
        let row_taps = rows.taps(y_row);
        for y_column in 0..op.y_shape.w {
            let runs = Runs::taps(&op.window, op.x_shape, out_c.get(), row_taps, columns.taps(y_column));
            let mut channel = 0usize;
            for y in pixels.next()?.chunks_mut(BLOCK) {
                if taps > CHUNK {
                    for y in y {
                        *y = scales.output(channel, long_sum(runs, x, weights, channel, channel / per_input)?)?;
                        channel = channel.wrapping_add(1);
                    }
                    continue;
                }
                let mut sums = [0i32; BLOCK];
                let sums = sums.get_mut(..y.len())?;
                runs.for_each(|x_at, w_at| {
                    let w = weights.get(w_at.wrapping_add(channel)..)?;
                    if per_input.get() == 1 {
                        arch::multiply_add_i16(sums, x.get(x_at.wrapping_add(channel)..)?, w);
                    } else {
                        let mut spread = [0; BLOCK];
                        let spread = spread.get_mut(..sums.len())?;
                        for (spread, channel) in spread.iter_mut().zip(channel..) {
                            *spread = *x.get(x_at.wrapping_add(channel / per_input))?;
                        }
                        arch::multiply_add_i16(sums, spread, w);
                    }
                    Some(())
                })?;
                for (y, &sum) in y.iter_mut().zip(sums.iter()) {
                    *y = scales.output(channel, sum.into())?;
                    channel = channel.wrapping_add(1);
                }
            }
        }
    }
    Some(())
}

/// One channel of a kernel whose sums may not fit 32 bits.
#[cold]
#[inline(never)]
fn long_sum(runs: Runs, x: &[i16], weights: &[i8], channel: usize, input: usize) -> Option<i64> {
    let mut sum = 0i64;
    runs.for_each(|x_at, w_at| {
        let (x, w) = (*x.get(x_at.wrapping_add(input))?, *weights.get(w_at.wrapping_add(channel))?);
        sum = sum.wrapping_add(i32::from(x).wrapping_mul(w.into()).into());
        Some(())
    })?;
    Some(sum)
}

pub(crate) fn check(op: &DepthwiseConv2dI16, limits: &Limits) -> Result<(), Fault> {
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
    let x = limits.arena::<i16>(op.x, product(&[x.h, x.w, x.c])?)?;
    let y = limits.arena::<i16>(op.y, product(&[y.h, y.w, y.c])?)?;
    x.disjoint(y)
}

pub(crate) fn run(op: &DepthwiseConv2dI16, memory: &mut Memory) -> Option<()> {
    let (x, y, window) = (op.x_shape, op.y_shape, op.window);
    let weights_len = window.kernel_h.checked_mul(window.kernel_w)?.checked_mul(y.c)?;
    let weights = memory.weights(op.weights, weights_len)?;
    let scales = op.requantize.scales(y.c, memory)?;
    let (x, y) = memory.x_y(op.x, x.elements()?, op.y, y.elements()?)?;
    depthwise_conv2d(op, x, weights, &scales, y)
}

#[cfg(test)]
#[path = "depthwise_conv2d/tests.rs"]
mod tests;
