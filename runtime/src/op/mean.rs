use super::scales::store;
use super::{Limits, Memory, parameter, product};
use crate::error::Fault;
use crate::format::Rounding;
use crate::format::instruction::Mean;
use core::num::NonZeroUsize;

/// Trailing elements whose sums are held on the stack at a time.
const BLOCK: usize = 32;

/// Mean over the middle axis: `y[o, i] = clamp(requantize(sum(x[o, .., i] - x_zero_point), scale) + y_zero_point)`.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `x` | `[outer, n, inner]` | i8 | per tensor | `x_zero_point` |
/// | `y` | `[outer, inner]` | i8 | per tensor | `y_zero_point` |
///
/// `scale = x_scale / (y_scale * n)`: the division is part of the one rounding.
///
/// Returns `None`, with the rest of `y` untouched, if a slice is shorter than its shape. `Model::load` has checked this.
pub(crate) fn mean(op: &Mean, rounding: Rounding, x: &[i8], y: &mut [i8]) -> Option<()> {
    let inner = NonZeroUsize::new(op.inner as usize)?;
    let x_len = NonZeroUsize::new(inner.get().wrapping_mul(op.n as usize))?;
    let offset = i32::from(op.x_zero_point).wrapping_mul(op.n as i32).wrapping_neg();
    // Not zipped: `zip` divides to learn how many pieces there are, and may link a panic for a divisor of 0.
    let mut rows = x.chunks_exact(x_len.get());
    for y in y.chunks_exact_mut(inner.get()) {
        let x = rows.next()?;
        let mut first = 0usize;
        for y in y.chunks_mut(BLOCK) {
            let mut sums = [offset; BLOCK];
            let sums = sums.get_mut(..y.len())?;
            for x in x.chunks_exact(inner.get()) {
                for (sum, &x) in sums.iter_mut().zip(x.get(first..)?) {
                    *sum = sum.wrapping_add(i32::from(x));
                }
            }
            for (y, &sum) in y.iter_mut().zip(sums.iter()) {
                *y = store(op.scale.apply(sum, rounding), op.y_zero_point, op.min, op.max);
            }
            first = first.wrapping_add(BLOCK);
        }
    }
    Some(())
}

pub(crate) fn check(op: &Mean, limits: &Limits) -> Result<(), Fault> {
    parameter(op.min <= op.max)?;
    op.scale.check()?;
    if op.n > 1 << 22 {
        return Err(Fault::Shape);
    }
    let x = limits.arena::<i8>(op.x, product(&[op.outer, op.n, op.inner])?)?;
    let y = limits.arena::<i8>(op.y, product(&[op.outer, op.inner])?)?;
    x.disjoint(y)
}

pub(crate) fn run(op: &Mean, memory: &mut Memory) -> Option<()> {
    let rounding = memory.rounding;
    let y_len = op.outer.checked_mul(op.inner)?;
    let (x, y) = memory.x_y(op.x, y_len.checked_mul(op.n)?, op.y, y_len)?;
    mean(op, rounding, x, y)
}

#[cfg(test)]
#[path = "mean/tests.rs"]
mod tests;
