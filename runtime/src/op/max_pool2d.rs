use super::average_pool2d::check_pool;
use super::window::Runs;
use super::{Limits, Memory};
use crate::error::Fault;
use crate::format::instruction::Pool2d;
use core::num::NonZeroUsize;

/// Max pooling: `y[h, w, c] = clamp(max(x), min, max)` over the elements of each window. Padding does not count.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `x` | `[h, w, c]` | i8 | per tensor | any |
/// | `y` | `[y_h, y_w, c]` | i8 | as `x` | as `x` |
///
/// Returns `None`, with the rest of `y` untouched, if a slice is shorter than its shape. `Model::load` has checked this.
pub(crate) fn max_pool2d(op: &Pool2d, x: &[i8], y: &mut [i8]) -> Option<()> {
    let (rows, columns) = op.window.axes(op.x_shape)?;
    let channels = NonZeroUsize::new(op.x_shape.c as usize)?;
    let mut pixels = y.chunks_exact_mut(channels.get());
    for y_row in 0..op.y_shape.h {
        let row_taps = rows.taps(y_row);
        for y_column in 0..op.y_shape.w {
            let runs = Runs::taps(&op.window, op.x_shape, channels.get(), row_taps, columns.taps(y_column));
            let y = pixels.next()?;
            // Starting from `min` is the lower clamp.
            y.fill(op.min);
            runs.for_each(|x_at, _| {
                for (y, &x) in y.iter_mut().zip(x.get(x_at..)?) {
                    *y = x.max(*y);
                }
                Some(())
            })?;
            y.iter_mut().for_each(|y| *y = op.max.min(*y));
        }
    }
    Some(())
}

pub(crate) fn check(op: &Pool2d, limits: &Limits) -> Result<(), Fault> {
    check_pool(op, limits)
}

pub(crate) fn run(op: &Pool2d, memory: &mut Memory) -> Option<()> {
    let (x, y) = memory.x_y(op.x, op.x_shape.elements()?, op.y, op.y_shape.elements()?)?;
    max_pool2d(op, x, y)
}

#[cfg(test)]
#[path = "max_pool2d/tests.rs"]
mod tests;
