use super::{Limits, Memory, parameter, product};
use crate::error::Fault;
use crate::format::instruction::Pad;
use core::num::NonZeroUsize;

/// Writes `x` into a larger `y` and fills the rest with `value`.
///
/// | name | shape | type |
/// |---|---|---|
/// | `x` | `x_shape` | 1, 2 or 4 bytes |
/// | `y` | `before + x_shape + after`, per axis | as `x` |
///
/// Works on bytes: `x` and `y` hold the elements' bytes, `value`'s low bytes are the filling.
///
/// Returns `None`, with the rest of `y` untouched, if a slice is shorter than its shape. `Model::load` has checked this.
pub(crate) fn pad(op: &Pad, x: &[u8], y: &mut [u8]) -> Option<()> {
    let bytes = usize::from(op.element_bytes);
    let value = op.value.to_le_bytes();
    let value = value.get(..bytes)?;
    let [x0, x1, x2, x3] = op.x_shape;
    let [b0, b1, b2, b3] = op.before;
    let [y0, y1, y2, y3] = y_shape(op)?;
    let x_row = NonZeroUsize::new((x3 as usize).wrapping_mul(bytes))?;
    let y_row = NonZeroUsize::new((y3 as usize).wrapping_mul(bytes))?;
    let before = (b3 as usize).wrapping_mul(bytes);
    let mut x_rows = x.chunks_exact(x_row.get());
    let mut y_rows = y.chunks_exact_mut(y_row.get());
    let inside = |i: u32, before: u32, size: u32| i.checked_sub(before).is_some_and(|i| i < size);
    for i0 in 0..y0 {
        for i1 in 0..y1 {
            for i2 in 0..y2 {
                let y = y_rows.next()?;
                if inside(i0, b0, x0) && inside(i1, b1, x1) && inside(i2, b2, x2) {
                    let (left, y) = y.split_at_mut_checked(before)?;
                    let (middle, right) = y.split_at_mut_checked(x_row.get())?;
                    fill(left, value);
                    middle.iter_mut().zip(x_rows.next()?).for_each(|(y, &x)| *y = x);
                    fill(right, value);
                } else {
                    fill(y, value);
                }
            }
        }
    }
    Some(())
}

fn fill(y: &mut [u8], value: &[u8]) {
    match value {
        [value] => y.fill(*value),
        _ => y.iter_mut().zip(value.iter().cycle()).for_each(|(y, &value)| *y = value),
    }
}

fn y_shape(op: &Pad) -> Option<[u32; 4]> {
    let mut shape = op.x_shape;
    for (size, (before, after)) in shape.iter_mut().zip(op.before.iter().zip(op.after)) {
        *size = size.checked_add(*before)?.checked_add(after)?;
    }
    Some(shape)
}

/// Bytes of the input and of the output.
fn lengths(op: &Pad) -> Result<(u32, u32), Fault> {
    let bytes = |shape: [u32; 4]| product(&[product(&shape)?, op.element_bytes.into()]);
    Ok((bytes(op.x_shape)?, bytes(y_shape(op).ok_or(Fault::Shape)?)?))
}

pub(crate) fn check(op: &Pad, limits: &Limits) -> Result<(), Fault> {
    parameter(matches!(op.element_bytes, 1 | 2 | 4))?;
    let (x_bytes, y_bytes) = lengths(op)?;
    limits.arena::<u8>(op.x, x_bytes)?.disjoint(limits.arena::<u8>(op.y, y_bytes)?)
}

pub(crate) fn run(op: &Pad, memory: &mut Memory) -> Option<()> {
    let (x_bytes, y_bytes) = lengths(op).ok()?;
    let (x, y) = memory.x_y(op.x, x_bytes, op.y, y_bytes)?;
    pad(op, x, y)
}

#[cfg(test)]
#[path = "pad/tests.rs"]
mod tests;
