use super::{check_range, limit};
use crate::error::Fault;
use crate::format::instruction::MeanF32;
use crate::op::{Limits, Memory, product};
use core::num::NonZeroUsize;

/// Mean over the middle axis: `y[o, i] = clamp(sum(x[o, .., i]) / n, min, max)`.
///
/// | name | shape | type |
/// |---|---|---|
/// | `x` | `[outer, n, inner]` | f32 |
/// | `y` | `[outer, inner]` | f32 |
fn mean_f32(op: &MeanF32, x: &[f32], y: &mut [f32]) -> Option<()> {
    let inner = NonZeroUsize::new(op.inner as usize)?;
    let x_len = NonZeroUsize::new(inner.get().wrapping_mul(op.n as usize))?;
    for (x, y) in x.chunks_exact(x_len.get()).zip(y.chunks_exact_mut(inner.get())) {
        y.fill(0.0);
        for x in x.chunks_exact(inner.get()) {
            y.iter_mut().zip(x).for_each(|(y, x)| *y += x);
        }
        y.iter_mut().for_each(|y| *y = limit(*y / op.n as f32, op.min, op.max));
    }
    Some(())
}

pub(crate) fn check(op: &MeanF32, limits: &Limits) -> Result<(), Fault> {
    check_range(op.min, op.max)?;
    let x = limits.arena::<f32>(op.x, product(&[op.outer, op.n, op.inner])?)?;
    let y = limits.arena::<f32>(op.y, product(&[op.outer, op.inner])?)?;
    x.disjoint(y)
}

pub(crate) fn run(op: &MeanF32, memory: &mut Memory) -> Option<()> {
    let y_len = op.outer.checked_mul(op.inner)?;
    let (x, y) = memory.x_y(op.x, y_len.checked_mul(op.n)?, op.y, y_len)?;
    mean_f32(op, x, y)
}
