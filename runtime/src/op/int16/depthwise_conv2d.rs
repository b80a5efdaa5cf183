use super::scales::Scales;
use super::{BLOCK, CHUNK, Maps};
use crate::arch;
use crate::error::Fault;
use crate::format::instruction::DepthwiseConv2dI16;
use crate::op::conv2d::MAX_TAPS;
use crate::op::window::Runs;
use crate::op::{Limits, Memory, product};
use core::num::NonZeroUsize;

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
/// Outputs may lie over inputs as `check` allows.
///
/// Returns `None`, with the rest of the output untouched, if something is shorter than its shape. `Model::load` has checked
/// this.
fn depthwise_conv2d(
    op: &DepthwiseConv2dI16,
    maps: &mut Maps<'_, '_, '_>,
    weights: &[i8],
    scales: &Scales<'_>,
) -> Option<()> {
    let (rows, columns) = op.window.axes(op.x_shape)?;
    let in_c = NonZeroUsize::new(op.x_shape.c as usize)?;
    let out_c = op.y_shape.c as usize;
    let per_input = NonZeroUsize::new(out_c / in_c)?;
    let taps = op.window.kernel_h.wrapping_mul(op.window.kernel_w) as usize;
    for step in 0..op.y_shape.h {
        let y_row = op.order.row(step, op.y_shape.h);
        let row_taps = rows.taps(y_row);
        for y_column in 0..op.y_shape.w {
            let runs = Runs::taps(&op.window, op.x_shape, out_c, row_taps, columns.taps(y_column));
            let pixel = (y_row as usize).wrapping_mul(op.y_shape.w as usize).wrapping_add(y_column as usize);
            let mut channel = 0usize;
            while channel < out_c {
                let len = out_c.wrapping_sub(channel).min(BLOCK);
                let (mut sums, mut outputs) = ([0i32; BLOCK], [0i16; BLOCK]);
                let (sums, outputs) = (sums.get_mut(..len)?, outputs.get_mut(..len)?);
                let x = maps.x()?;
                if taps > CHUNK {
                    for (output, channel) in outputs.iter_mut().zip(channel..) {
                        *output = scales.output(channel, long_sum(runs, x, weights, channel, channel / per_input)?)?;
                    }
                } else {
                    runs.for_each(|x_at, w_at| {
                        let w = weights.get(w_at.wrapping_add(channel)..)?;
                        if per_input.get() == 1 {
                            arch::multiply_add_i16(sums, x.get(x_at.wrapping_add(channel)..)?, w);
                        } else {
                            let mut spread = [0; BLOCK];
                            let spread = spread.get_mut(..len)?;
                            for (spread, channel) in spread.iter_mut().zip(channel..) {
                                *spread = *x.get(x_at.wrapping_add(channel / per_input))?;
                            }
                            arch::multiply_add_i16(sums, spread, w);
                        }
                        Some(())
                    })?;
                    for ((output, &sum), channel) in outputs.iter_mut().zip(sums.iter()).zip(channel..) {
                        *output = scales.output(channel, sum.into())?;
                    }
                }
                maps.write(pixel.wrapping_mul(out_c).wrapping_add(channel), outputs)?;
                channel = channel.wrapping_add(len);
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
    if x.overlaps(y) && !op.distances().allow(op.x, op.y, op.order) { Err(Fault::Overlap) } else { Ok(()) }
}

pub(crate) fn run(op: &DepthwiseConv2dI16, memory: &mut Memory) -> Option<()> {
    let (x, y, window) = (op.x_shape, op.y_shape, op.window);
    let weights_len = window.kernel_h.checked_mul(window.kernel_w)?.checked_mul(y.c)?;
    let weights = memory.weights(op.weights, weights_len)?;
    let scales = op.requantize.scales(y.c, memory)?;
    let mut maps = Maps { memory, x: (op.x, x.elements()?), y: (op.y, y.elements()?) };
    depthwise_conv2d(op, &mut maps, weights, &scales)
}

#[cfg(test)]
#[path = "depthwise_conv2d/tests.rs"]
mod tests;
