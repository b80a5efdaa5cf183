use super::split::Split;
use super::{Limits, Memory, pool};
use crate::arch;
use crate::error::Fault;
use crate::format::instruction::Pool2d;

/// Max pooling: `y[h, w, c] = clamp(max(x), min, max)` over the elements of each window. Padding does not count.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `x` | `[h, w, c]` | i8 | per tensor | any |
/// | `y` | `[y_h, y_w, c]` | i8 | as `x` | as `x` |
///
/// `memory` gives input and output, which may overlap as `check` allows.
///
/// Returns `None`, with the rest of `y` untouched, if a slice is shorter than its shape. `Model::load` has checked this.
#[inline(never)]
pub(crate) fn max_pool2d(op: &Pool2d, memory: &mut Split<'_>) -> Option<()> {
    pool::pool(op, memory, |x, window, _, y| arch::max_window(x, window, y))
}

pub(crate) fn check(op: &Pool2d, limits: &Limits) -> Result<(), Fault> {
    pool::check(op, limits)
}

pub(crate) fn run(op: &Pool2d, memory: &mut Memory) -> Option<()> {
    max_pool2d(op, &mut pool::places(op, memory)?)
}

#[cfg(test)]
#[path = "max_pool2d/tests.rs"]
mod tests;
