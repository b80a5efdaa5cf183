use super::{check_range, limit};
use crate::error::Fault;
use crate::format::instruction::Pool2dF32;
use crate::op::average_pool2d::check_padding;
use crate::op::window::Runs;
use crate::op::{Limits, Memory, product};
use core::num::NonZeroUsize;

/// Average pooling: `y[h, w, c] = clamp(sum(x) / n, min, max)` over the elements of each window.
///
/// | name | shape | type |
/// |---|---|---|
/// | `x` | `[h, w, c]` | f32 |
/// | `y` | `[y_h, y_w, c]` | f32 |
///
/// Padding does not count, unless `count_include_pad`: then explicit padding counts as zeros.
fn average_pool2d_f32(op: &Pool2dF32, x: &[f32], y: &mut [f32]) -> Option<()> {
    let (rows, columns) = op.window.axes(op.x_shape)?;
    let channels = NonZeroUsize::new(op.x_shape.c as usize)?;
    let mut pixels = y.chunks_exact_mut(channels.get());
    for y_row in 0..op.y_shape.h {
        let row_taps = rows.taps(y_row);
        for y_column in 0..op.y_shape.w {
            let column_taps = columns.taps(y_column);
            let runs = Runs::taps(&op.window, op.x_shape, channels.get(), row_taps, column_taps);
            let count = if op.count_include_pad {
                let padded_rows = rows.padded_count(y_row, op.pad_bottom);
                padded_rows.wrapping_mul(columns.padded_count(y_column, op.pad_right))
            } else {
                row_taps.count.wrapping_mul(column_taps.count)
            };
            let y = pixels.next()?;
            y.fill(0.0);
            runs.for_each(|x_at, _| {
                for (y, x) in y.iter_mut().zip(x.get(x_at..)?) {
                    *y += x;
                }
                Some(())
            })?;
            y.iter_mut().for_each(|y| *y = limit(*y / count as f32, op.min, op.max));
        }
    }
    Some(())
}

pub(crate) fn check(op: &Pool2dF32, limits: &Limits) -> Result<(), Fault> {
    check_pool(op, limits)?;
    check_padding(op.x_shape, &op.window, op.pad_bottom, op.pad_right)
}

/// The rules that average and max pooling share.
pub(super) fn check_pool(op: &Pool2dF32, limits: &Limits) -> Result<(), Fault> {
    let (x, y) = (op.x_shape, op.y_shape);
    check_range(op.min, op.max)?;
    if x.c != y.c {
        return Err(Fault::Shape);
    }
    op.window.check_pool(x, y)?;
    let x = limits.arena::<f32>(op.x, product(&[x.h, x.w, x.c])?)?;
    let y = limits.arena::<f32>(op.y, product(&[y.h, y.w, y.c])?)?;
    x.disjoint(y)
}

pub(crate) fn run(op: &Pool2dF32, memory: &mut Memory) -> Option<()> {
    let (x, y) = memory.x_y(op.x, op.x_shape.elements()?, op.y, op.y_shape.elements()?)?;
    average_pool2d_f32(op, x, y)
}
