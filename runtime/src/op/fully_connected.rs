use super::conv2d::MAX_TAPS;
use super::scales::Scales;
use super::{Limits, Memory, Span, product};
use crate::arch::{self, Channel};
use crate::error::Fault;
use crate::format::instruction::FullyConnected;
use crate::op::dispatch::Kernel;
use crate::ops::Ops;
use core::num::NonZeroUsize;

/// Channels whose form for kernels is held on the stack at a time.
const CHANNELS: usize = 32;

/// Fully connected: `y[r, o] = clamp(requantize(dot(x[r], weights[o]) + bias[o]) + y_zero_point)`.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `x` | `[rows, in_n]` | i8 | per tensor | folded into `bias` |
/// | `weights` | `[out_n, in_n]`, stored by fours, see [`FullyConnected`] | i8 | per channel `out_n`, or per tensor | 0 |
/// | `bias` | `[out_n]` | i32 or i16 | `x_scale * w_scale[o]` | 0 |
/// | `y` | `[rows, out_n]` | i8 | per tensor | `y_zero_point` |
///
/// Bit-exact with the TFLite int8 reference kernel when the rounding is `Tflite`. Source: LiteRT 8-bit quantization
/// specification.
///
/// Returns `None`, with the rest of `y` untouched, if a slice is shorter than its shape. `Model::load` has checked this.
#[inline(never)]
pub(crate) fn fully_connected<O: Ops>(
    op: &FullyConnected,
    x: &[i8],
    weights: &[i8],
    scales: &Scales<'_>,
    y: &mut [i8],
) -> Option<()> {
    let in_n = NonZeroUsize::new(op.in_n as usize)?;
    let out_n = NonZeroUsize::new(op.out_n as usize)?;
    let quad_bytes = in_n.get().checked_next_multiple_of(4)?.checked_mul(4)?;
    let mut channels = [Channel::default(); CHANNELS];
    let mut first = 0;
    while first < out_n.get() {
        let end = first.wrapping_add(CHANNELS).min(out_n.get());
        let channels = channels.get_mut(..end.wrapping_sub(first))?;
        let ready = in_n.get() <= Channel::MAX_TAPS && scales.prepare(first, channels).is_some();
        let weights = weights.get((first / 4).wrapping_mul(quad_bytes)..)?;
        let (mut x_at, mut y_at) = (0usize, first);
        for _ in 0..op.rows {
            let x = x.get(x_at..)?.get(..in_n.get())?;
            let y = y.get_mut(y_at..)?.get_mut(..channels.len())?;
            if ready {
                arch::fully_connect(x, weights, channels, scales.store(), y);
            } else if !O::KERNELS.contains(Kernel::AnyFactor) {
                return None;
            } else {
                any(x, weights, scales, first, y)?;
            }
            (x_at, y_at) = (x_at.wrapping_add(in_n.get()), y_at.wrapping_add(out_n.get()));
        }
        first = end;
    }
    Some(())
}

/// As [`arch::fully_connect`], for channels from `first` on that have no form for kernels.
#[cold]
#[inline(never)]
fn any(x: &[i8], weights: &[i8], scales: &Scales<'_>, first: usize, y: &mut [i8]) -> Option<()> {
    let quad_bytes = x.len().checked_next_multiple_of(4)?.wrapping_mul(4);
    let (mut channel, mut at) = (first, 0);
    for y in y.chunks_mut(4) {
        let sums = arch::dot_quad(x, weights.get(at..)?, [0; 4]);
        for (y, sum) in y.iter_mut().zip(sums) {
            *y = scales.output(channel, sum.wrapping_add(scales.bias(channel)?));
            channel = channel.wrapping_add(1);
        }
        at = at.wrapping_add(quad_bytes);
    }
    Some(())
}

pub(crate) fn check<O: Ops>(op: &FullyConnected, limits: &Limits) -> Result<(), Fault> {
    check_operands::<O>(op, limits)?;
    limits.weight_words(op.weights, op.weight_bytes().ok_or(Fault::Shape)?)
}

/// Every rule but where the weights are; where input and output are.
pub(crate) fn check_operands<O: Ops>(op: &FullyConnected, limits: &Limits) -> Result<(Span, Span), Fault> {
    if op.in_n > MAX_TAPS {
        return Err(Fault::Shape);
    }
    product(&[op.out_n, op.in_n])?;
    op.requantize.check::<O>(op.out_n, op.in_n, limits)?;
    let x = limits.arena::<i8>(op.x, product(&[op.rows, op.in_n])?)?;
    let y = limits.arena::<i8>(op.y, product(&[op.rows, op.out_n])?)?;
    x.disjoint(y)?;
    Ok((x, y))
}

pub(crate) fn run<O: Ops>(op: &FullyConnected, memory: &mut Memory) -> Option<()> {
    let weights = memory.weights(op.weights, op.weight_bytes()?)?;
    let scales = op.requantize.scales(op.out_n, memory)?;
    let (x_len, y_len) = (op.rows.checked_mul(op.in_n)?, op.rows.checked_mul(op.out_n)?);
    let (x, y) = memory.x_y(op.x, x_len, op.y, y_len)?;
    fully_connected::<O>(op, x, weights, &scales, y)
}

#[cfg(test)]
#[path = "fully_connected/tests.rs"]
mod tests;
