use super::average_pool2d::check_pool;
use crate::error::Fault;
use crate::format::instruction::Pool2dI16;
use crate::op::window::Runs;
use crate::op::{Limits, Memory};
use core::num::NonZeroUsize;

/// Max pooling: `y[h, w, c] = clamp(max(x), min, max)` over the elements of each window. Padding does not count.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `x` | `[h, w, c]` | i16 | per tensor | 0 |
/// | `y` | `[y_h, y_w, c]` | i16 | as `x` | 0 |
///
/// Returns `None`, with the rest of `y` untouched, if a slice is shorter than its shape. `Model::load` has checked this.
fn max_pool2d(op: &Pool2dI16, x: &[i16], y: &mut [i16]) -> Option<()> {
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
                y.iter_mut().zip(x.get(x_at..)?).for_each(|(y, &x)| *y = x.max(*y));
                Some(())
            })?;
            y.iter_mut().for_each(|y| *y = op.max.min(*y));
        }
    }
    Some(())
}

pub(crate) fn check(op: &Pool2dI16, limits: &Limits) -> Result<(), Fault> {
    check_pool(op, limits)
}

pub(crate) fn run(op: &Pool2dI16, memory: &mut Memory) -> Option<()> {
    let (x, y) = memory.x_y(op.x, op.x_shape.elements()?, op.y, op.y_shape.elements()?)?;
    max_pool2d(op, x, y)
}

#[cfg(test)]
#[path = "max_pool2d/tests.rs"]
mod tests;
