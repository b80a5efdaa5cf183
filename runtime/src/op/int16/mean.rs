use super::store;
use crate::error::Fault;
use crate::format::Rounding;
use crate::format::instruction::MeanI16;
use crate::op::{Limits, Memory, parameter, product};
use core::num::NonZeroUsize;

/// Trailing elements whose sums are held on the stack at a time.
const BLOCK: usize = 32;

/// Mean over the middle axis: `y[o, i] = clamp(requantize(sum(x[o, .., i]), scale), min, max)`.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `x` | `[outer, n, inner]` | i16 | per tensor | 0 |
/// | `y` | `[outer, inner]` | i16 | per tensor | 0 |
///
/// `scale = x_scale / (y_scale * n)`: the division is part of the one rounding.
///
/// Returns `None`, with the rest of `y` untouched, if a slice is shorter than its shape. `Model::load` has checked this.
fn mean(op: &MeanI16, rounding: Rounding, x: &[i16], y: &mut [i16]) -> Option<()> {
    let inner = NonZeroUsize::new(op.inner as usize)?;
    let x_len = NonZeroUsize::new(inner.get().wrapping_mul(op.n as usize))?;
    // Not zipped: `zip` divides to learn how many pieces there are, and may link a panic for a divisor of 0.
    let mut rows = x.chunks_exact(x_len.get());
    for y in y.chunks_exact_mut(inner.get()) {
        let x = rows.next()?;
        let mut first = 0usize;
        for y in y.chunks_mut(BLOCK) {
            let mut sums = [0i32; BLOCK];
            let sums = sums.get_mut(..y.len())?;
            for x in x.chunks_exact(inner.get()) {
                for (sum, &x) in sums.iter_mut().zip(x.get(first..)?) {
                    *sum = sum.wrapping_add(x.into());
                }
            }
            for (y, &sum) in y.iter_mut().zip(sums.iter()) {
                *y = store(op.scale.apply(sum, rounding), op.min, op.max);
            }
            first = first.wrapping_add(BLOCK);
        }
    }
    Some(())
}

pub(crate) fn check(op: &MeanI16, limits: &Limits) -> Result<(), Fault> {
    parameter(op.min <= op.max)?;
    op.scale.check()?;
    if op.n > 65535 {
        return Err(Fault::Shape);
    }
    let x = limits.arena::<i16>(op.x, product(&[op.outer, op.n, op.inner])?)?;
    let y = limits.arena::<i16>(op.y, product(&[op.outer, op.inner])?)?;
    x.disjoint(y)
}

pub(crate) fn run(op: &MeanI16, memory: &mut Memory) -> Option<()> {
    let rounding = memory.rounding;
    let y_len = op.outer.checked_mul(op.inner)?;
    let (x, y) = memory.x_y(op.x, y_len.checked_mul(op.n)?, op.y, y_len)?;
    mean(op, rounding, x, y)
}

#[cfg(test)]
#[path = "mean/tests.rs"]
mod tests;
