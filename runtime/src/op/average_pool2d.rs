use super::split::Split;
use super::{Limits, Memory, pool};
use crate::arch::{self, PoolWindow};
use crate::error::Fault;
use crate::format::instruction::{Hwc, Pool2d, Window};
use core::num::NonZeroU32;

/// Average pooling: `y[h, w, c] = clamp(sum(x) / n, min, max)` over the elements of each window.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `x` | `[h, w, c]` | i8 | per tensor | any |
/// | `y` | `[y_h, y_w, c]` | i8 | as `x` | as `x` |
///
/// Works on stored values and rounds half away from zero. Padding does not count, unless `count_include_pad`: then
/// explicit padding counts as `zero_point`. Bit-exact with the TFLite int8 reference kernel. `memory` gives input and
/// output, which may overlap as `check` allows.
///
/// Returns `None`, with the rest of `y` untouched, if a slice is shorter than its shape or a window is empty.
/// `Model::load` has checked this.
#[inline(never)]
pub(crate) fn average_pool2d(op: &Pool2d, memory: &mut Split<'_>) -> Option<()> {
    let (rows, columns) = op.window.axes(op.x_shape)?;
    let mut divide = Divide::by(NonZeroU32::MIN);
    pool::pool(op, memory, |x, window, pixel, y| {
        let real = window.rows.wrapping_mul(window.columns);
        let count = if op.count_include_pad {
            let padded_rows = rows.padded_count(pixel.row, op.pad_bottom);
            padded_rows.wrapping_mul(columns.padded_count(pixel.column, op.pad_right))
        } else {
            real
        };
        let padding = i32::from(op.zero_point).wrapping_mul(count.wrapping_sub(real) as i32);
        if divide.count.get() != count as u32 {
            divide = Divide::by(NonZeroU32::new(count as u32)?);
        }
        let mut sums = [padding; pool::BLOCK];
        let sums = sums.get_mut(..y.len())?;
        add_window(x, window, sums)?;
        y.iter_mut().zip(sums.iter()).for_each(|(y, &sum)| *y = divide.average(sum));
        Some(())
    })
}

/// Adds up a window: all of it at once, or a part of a row at a time if it is large.
#[inline(never)]
fn add_window(x: &[i8], window: &PoolWindow, sums: &mut [i32]) -> Option<()> {
    let mut parts = [0; pool::BLOCK];
    let parts = parts.get_mut(..sums.len())?;
    let whole = window.rows.wrapping_mul(window.columns) <= PoolWindow::MAX_SUM;
    let (rows, most) = if whole { (window.rows, window.columns) } else { (1, PoolWindow::MAX_SUM) };
    let (mut row, mut column) = (0, 0);
    while row < window.rows {
        let columns = window.columns.wrapping_sub(column).min(most);
        let across = row.wrapping_mul(window.row_pitch).wrapping_add(column.wrapping_mul(window.column_pitch));
        let part = PoolWindow { first: window.first.wrapping_add(across), rows, columns, ..*window };
        arch::sum_window(x, &part, parts)?;
        sums.iter_mut().zip(parts.iter()).for_each(|(sum, &part)| *sum = sum.wrapping_add(part.into()));
        column = column.wrapping_add(columns);
        if column >= window.columns {
            (row, column) = (row.wrapping_add(rows), 0);
        }
    }
    Some(())
}

/// `sum / count`, rounded to nearest, ties away from zero.
pub(crate) fn divide_half_away(sum: i32, count: NonZeroU32) -> i32 {
    let magnitude = sum.unsigned_abs().wrapping_add(count.get() / 2) / count;
    if sum < 0 { (magnitude as i32).wrapping_neg() } else { magnitude as i32 }
}

/// Division of sums by the number of their elements, rounded to nearest, ties away from zero.
#[derive(Clone, Copy)]
struct Divide {
    count: NonZeroU32,
    /// `2^24 / count`, rounded up, if `count` is 256 at most. Half a count more than the magnitude of a sum is at most
    /// `128.5 * count`; times this it fits 32 bits, and what rounding up adds to the product is below `2^24`, so that the
    /// product's upper bits are the quotient. 0 for more elements.
    reciprocal: u32,
}

impl Divide {
    fn by(count: NonZeroU32) -> Self {
        let small = count.get() <= PoolWindow::MAX_SUM as u32;
        Self { count, reciprocal: if small { (1u32 << 24).div_ceil(count.get()) } else { 0 } }
    }

    /// `sum / count`, of a sum of `count` stored values.
    #[inline]
    fn average(self, sum: i32) -> i8 {
        let rounded_up = sum.unsigned_abs().wrapping_add(self.count.get() / 2);
        let magnitude = match self.reciprocal {
            0 => rounded_up / self.count,
            reciprocal => rounded_up.wrapping_mul(reciprocal) >> 24,
        };
        // A sum of stored values has a stored average.
        (if sum < 0 { magnitude.wrapping_neg() } else { magnitude }) as i8
    }
}

pub(crate) fn check(op: &Pool2d, limits: &Limits) -> Result<(), Fault> {
    pool::check(op, limits)?;
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

pub(crate) fn run(op: &Pool2d, memory: &mut Memory) -> Option<()> {
    average_pool2d(op, &mut pool::places(op, memory)?)
}

#[cfg(test)]
#[path = "average_pool2d/tests.rs"]
mod tests;
