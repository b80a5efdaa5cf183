use super::window::Runs;
use super::{Limits, Memory, parameter, product};
use crate::error::Fault;
use crate::format::instruction::{Hwc, Pool2d, Window};
use core::num::{NonZeroU32, NonZeroUsize};

/// Channels whose sums are held on the stack at a time.
const BLOCK: usize = 32;

/// Average pooling: `y[h, w, c] = clamp(sum(x) / n, min, max)` over the elements of each window.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `x` | `[h, w, c]` | i8 | per tensor | any |
/// | `y` | `[y_h, y_w, c]` | i8 | as `x` | as `x` |
///
/// Works on stored values and rounds half away from zero. Padding does not count, unless `count_include_pad`: then
/// explicit padding counts as `zero_point`. Bit-exact with the TFLite int8 reference kernel.
///
/// Returns `None`, with the rest of `y` untouched, if a slice is shorter than its shape or a window is empty.
/// `Model::load` has checked this.
pub(crate) fn average_pool2d(op: &Pool2d, x: &[i8], y: &mut [i8]) -> Option<()> {
    let (rows, columns) = op.window.axes(op.x_shape)?;
    let channels = NonZeroUsize::new(op.x_shape.c as usize)?;
    let mut pixels = y.chunks_exact_mut(channels.get());
    for y_row in 0..op.y_shape.h {
        let row_taps = rows.taps(y_row);
        for y_column in 0..op.y_shape.w {
            let column_taps = columns.taps(y_column);
            let runs = Runs::taps(&op.window, op.x_shape, channels.get(), row_taps, column_taps);
            let real = row_taps.count.wrapping_mul(column_taps.count);
            let count = if op.count_include_pad {
                let padded_rows = rows.padded_count(y_row, op.pad_bottom);
                padded_rows.wrapping_mul(columns.padded_count(y_column, op.pad_right))
            } else {
                real
            };
            let padding = i32::from(op.zero_point).wrapping_mul(count.wrapping_sub(real) as i32);
            let count = NonZeroU32::new(count as u32)?;
            let mut channel = 0usize;
            for y in pixels.next()?.chunks_mut(BLOCK) {
                let mut sums = [padding; BLOCK];
                let sums = sums.get_mut(..y.len())?;
                runs.for_each(|x_at, _| {
                    let x = x.get(x_at.wrapping_add(channel)..)?;
                    for (sum, &x) in sums.iter_mut().zip(x) {
                        *sum = sum.wrapping_add(i32::from(x));
                    }
                    Some(())
                })?;
                for (y, &sum) in y.iter_mut().zip(sums.iter()) {
                    *y = divide_half_away(sum, count).max(op.min.into()).min(op.max.into()) as i8;
                }
                channel = channel.wrapping_add(BLOCK);
            }
        }
    }
    Some(())
}

/// `sum / count`, rounded to nearest, ties away from zero.
pub(crate) fn divide_half_away(sum: i32, count: NonZeroU32) -> i32 {
    let magnitude = sum.unsigned_abs().wrapping_add(count.get() / 2) / count;
    if sum < 0 { (magnitude as i32).wrapping_neg() } else { magnitude as i32 }
}

pub(crate) fn check(op: &Pool2d, limits: &Limits) -> Result<(), Fault> {
    check_pool(op, limits)?;
    check_padding(op.x_shape, &op.window, op.pad_bottom, op.pad_right)
}

/// Sizes with their padding are positions too.
pub(crate) fn check_padding(x: Hwc, window: &Window, bottom: u32, right: u32) -> Result<(), Fault> {
    let fits = |size: u32, before: u32, after: u32| {
        size.checked_add(before).and_then(|n| n.checked_add(after)).is_some_and(|n| n <= i32::MAX as u32 / 2)
    };
    let all_fit = fits(x.h, window.pad_top, bottom) && fits(x.w, window.pad_left, right);
    if all_fit { Ok(()) } else { Err(Fault::Shape) }
}

/// The rules that average and max pooling share.
pub(crate) fn check_pool(op: &Pool2d, limits: &Limits) -> Result<(), Fault> {
    let (x, y) = (op.x_shape, op.y_shape);
    parameter(op.min <= op.max)?;
    if x.c != y.c {
        return Err(Fault::Shape);
    }
    op.window.check_pool(x, y)?;
    let x = limits.arena::<i8>(op.x, product(&[x.h, x.w, x.c])?)?;
    let y = limits.arena::<i8>(op.y, product(&[y.h, y.w, y.c])?)?;
    x.disjoint(y)
}

pub(crate) fn run(op: &Pool2d, memory: &mut Memory) -> Option<()> {
    let (x, y) = memory.x_y(op.x, op.x_shape.elements()?, op.y, op.y_shape.elements()?)?;
    average_pool2d(op, x, y)
}

#[cfg(test)]
#[path = "average_pool2d/tests.rs"]
mod tests;
