use super::{Limits, Memory, parameter};
use crate::error::Fault;
use crate::format::instruction::{Operand, StridedCopy};

/// Copies `rows` runs of `row_bytes` bytes, with a stride on either side: concatenation and slicing.
///
/// | name | shape | type |
/// |---|---|---|
/// | `x` | `[rows, row_bytes]`, a row every `x_stride` bytes | bytes |
/// | `y` | `[rows, row_bytes]`, a row every `y_stride` bytes | bytes |
///
/// Returns `None`, with the rest of `y` untouched, if a slice is shorter than its shape. `Model::load` has checked this.
pub(crate) fn strided_copy(op: &StridedCopy, x: &[u8], y: &mut [u8]) -> Option<()> {
    let (mut x_at, mut y_at) = (0usize, 0usize);
    for _ in 0..op.rows {
        let x = x.get(x_at..)?.get(..op.row_bytes as usize)?;
        let y = y.get_mut(y_at..)?.get_mut(..op.row_bytes as usize)?;
        y.iter_mut().zip(x).for_each(|(y, &x)| *y = x);
        x_at = x_at.wrapping_add(op.x_stride as usize);
        y_at = y_at.wrapping_add(op.y_stride as usize);
    }
    Some(())
}

/// Bytes from the start of the first row to the end of the last.
fn extent(op: &StridedCopy, stride: u32) -> Option<u32> {
    op.rows.checked_sub(1)?.checked_mul(stride)?.checked_add(op.row_bytes)
}

pub(crate) fn check(op: &StridedCopy, limits: &Limits) -> Result<(), Fault> {
    if op.rows == 0 || op.row_bytes == 0 {
        return Err(Fault::Shape);
    }
    parameter(op.rows == 1 || op.y_stride >= op.row_bytes)?;
    let x_bytes = extent(op, op.x_stride).ok_or(Fault::Shape)?;
    let y = limits.arena::<u8>(op.y, extent(op, op.y_stride).ok_or(Fault::Shape)?)?;
    match op.x {
        Operand::Arena(offset) => limits.arena::<u8>(offset, x_bytes)?.disjoint(y),
        Operand::Weights(offset) => limits.weights::<u8>(offset, x_bytes).map(drop),
    }
}

pub(crate) fn run(op: &StridedCopy, memory: &mut Memory) -> Option<()> {
    let (x_bytes, y_bytes) = (extent(op, op.x_stride)?, extent(op, op.y_stride)?);
    match op.x {
        Operand::Arena(offset) => {
            let (x, y) = memory.x_y(offset, x_bytes, op.y, y_bytes)?;
            strided_copy(op, x, y)
        }
        Operand::Weights(offset) => {
            let x = memory.weights(offset, x_bytes)?;
            strided_copy(op, x, memory.arena(op.y, y_bytes)?)
        }
    }
}

#[cfg(test)]
#[path = "strided_copy/tests.rs"]
mod tests;
