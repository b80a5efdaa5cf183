use super::conv2d::MAX_TAPS;
use super::scales::Scales;
use super::{Limits, Memory, product};
use crate::arch;
use crate::error::Fault;
use crate::format::instruction::FullyConnected;
use core::num::NonZeroUsize;

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
pub(crate) fn fully_connected(
    op: &FullyConnected,
    x: &[i8],
    weights: &[i8],
    scales: &Scales<'_>,
    y: &mut [i8],
) -> Option<()> {
    let in_n = NonZeroUsize::new(op.in_n as usize)?;
    let out_n = NonZeroUsize::new(op.out_n as usize)?;
    let quad_bytes = NonZeroUsize::new(in_n.get().checked_next_multiple_of(4)?.checked_mul(4)?)?;
    // Not zipped: `zip` divides to learn how many pieces there are, and may link a panic for a divisor of 0.
    let mut rows = x.chunks_exact(in_n.get());
    for y in y.chunks_exact_mut(out_n.get()) {
        let x = rows.next()?;
        let mut quads = weights.chunks_exact(quad_bytes.get());
        let mut channel = 0;
        for y4 in y.chunks_mut(4) {
            let quad = scales.quad(channel);
            let sums = arch::dot_quad(x, quads.next()?, quad.biases);
            for (y, output) in y4.iter_mut().zip(scales.outputs(&quad.factors, &sums)) {
                *y = output;
            }
            channel = channel.wrapping_add(4);
        }
    }
    Some(())
}

pub(crate) fn check(op: &FullyConnected, limits: &Limits) -> Result<(), Fault> {
    if op.in_n > MAX_TAPS {
        return Err(Fault::Shape);
    }
    product(&[op.out_n, op.in_n])?;
    limits.weight_words(op.weights, op.weight_bytes().ok_or(Fault::Shape)?)?;
    op.requantize.check(op.out_n, limits)?;
    let x = limits.arena::<i8>(op.x, product(&[op.rows, op.in_n])?)?;
    let y = limits.arena::<i8>(op.y, product(&[op.rows, op.out_n])?)?;
    x.disjoint(y)
}

pub(crate) fn run(op: &FullyConnected, memory: &mut Memory) -> Option<()> {
    let weights = memory.weights(op.weights, op.weight_bytes()?)?;
    let scales = op.requantize.scales(op.out_n, memory)?;
    let (x_len, y_len) = (op.rows.checked_mul(op.in_n)?, op.rows.checked_mul(op.out_n)?);
    let (x, y) = memory.x_y(op.x, x_len, op.y, y_len)?;
    fully_connected(op, x, weights, &scales, y)
}

#[cfg(test)]
#[path = "fully_connected/tests.rs"]
mod tests;
