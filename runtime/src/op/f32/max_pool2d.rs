use super::average_pool2d::check_pool;
use super::limit;
use crate::error::Fault;
use crate::format::instruction::Pool2dF32;
use crate::op::window::Runs;
use crate::op::{Limits, Memory};
use core::num::NonZeroUsize;

/// Max pooling: `y[h, w, c] = clamp(max(x), min, max)` over the elements of each window. Padding does not count;
/// a NaN makes the result NaN.
///
/// | name | shape | type |
/// |---|---|---|
/// | `x` | `[h, w, c]` | f32 |
/// | `y` | `[y_h, y_w, c]` | f32 |
fn max_pool2d_f32(op: &Pool2dF32, x: &[f32], y: &mut [f32]) -> Option<()> {
    let (rows, columns) = op.window.axes(op.x_shape)?;
    let channels = NonZeroUsize::new(op.x_shape.c as usize)?;
    let mut pixels = y.chunks_exact_mut(channels.get());
    for y_row in 0..op.y_shape.h {
        let row_taps = rows.taps(y_row);
        for y_column in 0..op.y_shape.w {
            let runs = Runs::taps(&op.window, op.x_shape, channels.get(), row_taps, columns.taps(y_column));
            let y = pixels.next()?;
            y.fill(f32::NEG_INFINITY);
            runs.for_each(|x_at, _| {
                for (y, &x) in y.iter_mut().zip(x.get(x_at..)?) {
                    if x > *y || x.is_nan() {
                        *y = x;
                    }
                }
                Some(())
            })?;
            y.iter_mut().for_each(|y| *y = limit(*y, op.min, op.max));
        }
    }
    Some(())
}

pub(crate) fn check(op: &Pool2dF32, limits: &Limits) -> Result<(), Fault> {
    check_pool(op, limits)
}

pub(crate) fn run(op: &Pool2dF32, memory: &mut Memory) -> Option<()> {
    let (x, y) = memory.x_y(op.x, op.x_shape.elements()?, op.y, op.y_shape.elements()?)?;
    max_pool2d_f32(op, x, y)
}
