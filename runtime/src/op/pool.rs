//! What max and average pooling share: the walk over windows and channels, and the rules of their instruction.

use super::split::Split;
use super::{Limits, Memory, parameter, product};
use crate::arch::PoolWindow;
use crate::error::Fault;
use crate::format::instruction::{Pool2d, RowOrder};

/// Results that are held on the stack at a time.
pub(super) const BLOCK: usize = 64;

/// One output pixel.
#[derive(Clone, Copy)]
pub(super) struct Pixel {
    pub row: u32,
    pub column: u32,
}

/// Calls `window` for [`BLOCK`] channels at most of every output pixel, with the input, where in it their window is, the
/// pixel, and the place of the results. Results are clamped and stored some at a time, in order from the top, after they are
/// computed: [`Pool2d::distances`] relies on that.
#[inline(always)]
pub(super) fn pool(
    op: &Pool2d,
    memory: &mut Split<'_>,
    mut window: impl FnMut(&[i8], &PoolWindow, Pixel, &mut [i8]) -> Option<()>,
) -> Option<()> {
    let (rows, columns) = op.window.axes(op.x_shape)?;
    let channels = op.x_shape.c as usize;
    let row_bytes = (op.x_shape.w as usize).wrapping_mul(channels);
    let mut block = [0; BLOCK];
    let (mut held, mut stored) = (0usize, 0usize);
    let mut pixels = op.y_shape.h.wrapping_mul(op.y_shape.w);
    for row in 0..op.y_shape.h {
        let row_taps = rows.taps_called(row);
        for column in 0..op.y_shape.w {
            let column_taps = columns.taps_called(column);
            let first = row_taps.start.wrapping_mul(row_bytes);
            let mut taps = PoolWindow {
                first: first.wrapping_add(column_taps.start.wrapping_mul(channels)),
                rows: row_taps.count,
                row_pitch: (op.window.dilation_h as usize).wrapping_mul(row_bytes),
                columns: column_taps.count,
                column_pitch: (op.window.dilation_w as usize).wrapping_mul(channels),
            };
            pixels = pixels.wrapping_sub(1);
            let mut left = channels;
            while left > 0 {
                let y = block.get_mut(held..)?;
                let count = y.len().min(left);
                window(memory.x()?, &taps, Pixel { row, column }, y.get_mut(..count)?)?;
                (held, left) = (held.wrapping_add(count), left.wrapping_sub(count));
                taps.first = taps.first.wrapping_add(count);
                if held == BLOCK || (left == 0 && pixels == 0) {
                    let results = block.get_mut(..held)?;
                    if (op.min, op.max) != (i8::MIN, i8::MAX) {
                        results.iter_mut().for_each(|y| *y = (*y).max(op.min).min(op.max));
                    }
                    let (_, y) = memory.scratch_y()?;
                    y.get_mut(stored..)?.get_mut(..held)?.copy_from_slice(results);
                    (held, stored) = (0, stored.wrapping_add(BLOCK));
                }
            }
        }
    }
    Some(())
}

pub(super) fn check(op: &Pool2d, limits: &Limits) -> Result<(), Fault> {
    let (x, y) = (op.x_shape, op.y_shape);
    parameter(op.min <= op.max)?;
    if x.c != y.c {
        return Err(Fault::Shape);
    }
    op.window.check_pool(x, y)?;
    let x = limits.arena::<i8>(op.x, product(&[x.h, x.w, x.c])?)?;
    let y = limits.arena::<i8>(op.y, product(&[y.h, y.w, y.c])?)?;
    let apart = !x.overlaps(y) || op.distances().allow(op.x, op.y, RowOrder::TopDown);
    if apart { Ok(()) } else { Err(Fault::Overlap) }
}

/// Input and output.
pub(super) fn places<'a>(op: &Pool2d, memory: &'a mut Memory) -> Option<Split<'a>> {
    memory.split((op.x, op.x_shape.elements()?), (0, 0), (op.y, op.y_shape.elements()?))
}
