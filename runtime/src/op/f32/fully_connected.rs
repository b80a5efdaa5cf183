use super::{Stored, Weight, check_range, check_weights, dot, limit, stored};
use crate::error::Fault;
use crate::format::instruction::FullyConnectedF32;
use crate::op::{Limits, Memory, product};
use core::num::NonZeroUsize;

/// Fully connected: `y[r, o] = clamp(dot(x[r], weights[o]) + bias[o], min, max)`.
///
/// | name | shape | type |
/// |---|---|---|
/// | `x` | `[rows, in_n]` | f32 |
/// | `weights` | `[out_n, in_n]` | f32 or f16 |
/// | `bias` | `[out_n]` | f32 |
/// | `y` | `[rows, out_n]` | f32 |
fn fully_connected_f32<W: Weight>(
    op: &FullyConnectedF32,
    x: &[f32],
    weights: &[W],
    bias: &[f32],
    y: &mut [f32],
) -> Option<()> {
    let in_n = NonZeroUsize::new(op.in_n as usize)?;
    let out_n = NonZeroUsize::new(op.out_n as usize)?;
    for (x, y) in x.chunks_exact(in_n.get()).zip(y.chunks_exact_mut(out_n.get())) {
        for (y, (filter, bias)) in y.iter_mut().zip(weights.chunks_exact(in_n.get()).zip(bias)) {
            *y = limit(dot(x, filter) + bias, op.min, op.max);
        }
    }
    Some(())
}

pub(crate) fn check(op: &FullyConnectedF32, limits: &Limits) -> Result<(), Fault> {
    check_range(op.min, op.max)?;
    check_weights(op.weights, product(&[op.out_n, op.in_n])?, limits)?;
    limits.weights::<f32>(op.bias, op.out_n)?;
    let x = limits.arena::<f32>(op.x, product(&[op.rows, op.in_n])?)?;
    let y = limits.arena::<f32>(op.y, product(&[op.rows, op.out_n])?)?;
    x.disjoint(y)
}

pub(crate) fn run(op: &FullyConnectedF32, memory: &mut Memory) -> Option<()> {
    let weights = stored(memory, op.weights, op.out_n.checked_mul(op.in_n)?)?;
    let bias = memory.weights(op.bias, op.out_n)?;
    let (x_len, y_len) = (op.rows.checked_mul(op.in_n)?, op.rows.checked_mul(op.out_n)?);
    let (x, y) = memory.x_y(op.x, x_len, op.y, y_len)?;
    match weights {
        Stored::Single(weights) => fully_connected_f32(op, x, weights, bias, y),
        #[cfg(feature = "half")]
        Stored::Half(weights) => fully_connected_f32(op, x, weights, bias, y),
    }
}
