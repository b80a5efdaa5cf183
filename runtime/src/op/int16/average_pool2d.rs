use super::store;
use crate::error::Fault;
use crate::format::instruction::Pool2dI16;
use crate::op::average_pool2d::{check_padding, divide_half_away};
use crate::op::window::Runs;
use crate::op::{Limits, Memory, parameter, product};
use core::num::{NonZeroU32, NonZeroUsize};

/// Channels whose sums are held on the stack at a time.
const BLOCK: usize = 32;

/// Sums of this many `i16` fit `i32`.
const MAX_TAPS: u32 = 65535;

/// Average pooling: `y[h, w, c] = clamp(sum(x) / n, min, max)` over the elements of each window.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `x` | `[h, w, c]` | i16 | per tensor | 0 |
/// | `y` | `[y_h, y_w, c]` | i16 | as `x` | 0 |
///
/// Rounds half away from zero. Padding does not count, unless `count_include_pad`: then explicit padding counts as 0.
/// Bit-exact with the TFLite int16 reference kernel.
///
/// Returns `None`, with the rest of `y` untouched, if a slice is shorter than its shape or a window is empty.
/// `Model::load` has checked this.
fn average_pool2d(op: &Pool2dI16, x: &[i16], y: &mut [i16]) -> Option<()> {
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
            let count = NonZeroU32::new(count as u32)?;
            let mut channel = 0usize;
            for y in pixels.next()?.chunks_mut(BLOCK) {
                let mut sums = [0i32; BLOCK];
                let sums = sums.get_mut(..y.len())?;
                runs.for_each(|x_at, _| {
                    let x = x.get(x_at.wrapping_add(channel)..)?;
                    for (sum, &x) in sums.iter_mut().zip(x) {
                        *sum = sum.wrapping_add(x.into());
                    }
                    Some(())
                })?;
                for (y, &sum) in y.iter_mut().zip(sums.iter()) {
                    *y = store(divide_half_away(sum, count), op.min, op.max);
                }
                channel = channel.wrapping_add(BLOCK);
            }
        }
    }
    Some(())
}

pub(crate) fn check(op: &Pool2dI16, limits: &Limits) -> Result<(), Fault> {
    check_pool(op, limits)?;
    check_padding(op.x_shape, &op.window, op.pad_bottom, op.pad_right)
}

/// The rules that average and max pooling share.
pub(super) fn check_pool(op: &Pool2dI16, limits: &Limits) -> Result<(), Fault> {
    let (x, y) = (op.x_shape, op.y_shape);
    parameter(op.min <= op.max)?;
    if x.c != y.c || product(&[op.window.kernel_h, op.window.kernel_w])? > MAX_TAPS {
        return Err(Fault::Shape);
    }
    op.window.check_pool(x, y)?;
    let x = limits.arena::<i16>(op.x, product(&[x.h, x.w, x.c])?)?;
    let y = limits.arena::<i16>(op.y, product(&[y.h, y.w, y.c])?)?;
    x.disjoint(y)
}

pub(crate) fn run(op: &Pool2dI16, memory: &mut Memory) -> Option<()> {
    let (x, y) = memory.x_y(op.x, op.x_shape.elements()?, op.y, op.y_shape.elements()?)?;
    average_pool2d(op, x, y)
}

#[cfg(test)]
#[path = "average_pool2d/tests.rs"]
mod tests;
