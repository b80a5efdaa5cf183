use super::scales::Scales;
use super::{add_dots, row_pair};
use crate::error::Fault;
use crate::format::instruction::FullyConnectedI16;
use crate::op::conv2d::MAX_TAPS;
use crate::op::{Limits, Memory, product};
use core::num::NonZeroUsize;

/// Fully connected: `y[r, o] = clamp(scaled(dot(x[r], weights[o]) + bias[o]), min, max)`.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `x` | `[rows, in_n]` | i16 | per tensor | 0 |
/// | `weights` | `[out_n, in_n` up to a multiple of 4`]` | i8 | per channel `out_n`, or per tensor | 0 |
/// | `bias` | `[out_n]` | none, i32 or i64 | `x_scale * w_scale[o]` | 0 |
/// | `y` | `[rows, out_n]` | i16 | per tensor | 0 |
///
/// Bit-exact with the TFLite 16x8 reference kernels when the rounding is `Tflite`.
///
/// Returns `None`, with the rest of `y` untouched, if a slice is shorter than its shape. `Model::load` has checked this.
fn fully_connected(
    op: &FullyConnectedI16,
    x: &[i16],
    weights: &[i8],
    scales: &Scales<'_>,
    y: &mut [i16],
) -> Option<()> {
    let in_n = NonZeroUsize::new(op.in_n as usize)?;
    let out_n = NonZeroUsize::new(op.out_n as usize)?;
    let row_bytes = in_n.get().checked_next_multiple_of(4)?;
    let mut x_rows = x.chunks_exact(in_n.get());
    for y in y.chunks_exact_mut(out_n.get()) {
        let x = x_rows.next()?;
        let mut channel = 0usize;
        for y in y.chunks_mut(2) {
            let mut sums = [0i64; 2];
            add_dots(&mut sums, x, row_pair(weights, channel, row_bytes, y.len())?);
            for (y, sum) in y.iter_mut().zip(sums) {
                *y = scales.output(channel, sum)?;
                channel = channel.wrapping_add(1);
            }
        }
    }
    Some(())
}

/// Bytes of the stored weights.
fn weight_bytes(op: &FullyConnectedI16) -> Option<u32> {
    op.in_n.checked_next_multiple_of(4)?.checked_mul(op.out_n)
}

pub(crate) fn check(op: &FullyConnectedI16, limits: &Limits) -> Result<(), Fault> {
    if op.in_n > MAX_TAPS {
        return Err(Fault::Shape);
    }
    product(&[op.out_n, op.in_n])?;
    limits.weight_words(op.weights, weight_bytes(op).ok_or(Fault::Shape)?)?;
    op.requantize.check(op.out_n, limits)?;
    let x = limits.arena::<i16>(op.x, product(&[op.rows, op.in_n])?)?;
    let y = limits.arena::<i16>(op.y, product(&[op.rows, op.out_n])?)?;
    x.disjoint(y)
}

pub(crate) fn run(op: &FullyConnectedI16, memory: &mut Memory) -> Option<()> {
    let weights = memory.weights(op.weights, weight_bytes(op)?)?;
    let scales = op.requantize.scales(op.out_n, memory)?;
    let (x_len, y_len) = (op.rows.checked_mul(op.in_n)?, op.rows.checked_mul(op.out_n)?);
    let (x, y) = memory.x_y(op.x, x_len, op.y, y_len)?;
    fully_connected(op, x, weights, &scales, y)
}

#[cfg(test)]
#[path = "fully_connected/tests.rs"]
mod tests;
