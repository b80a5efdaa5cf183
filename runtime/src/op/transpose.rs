use super::{Limits, Memory, parameter, product};
use crate::error::Fault;
use crate::format::MAX_RANK;
use crate::format::instruction::Transpose;
use bytemuck::Pod;
use core::num::NonZeroUsize;

/// Permutes axes: axis `i` of `y` is axis `axes[i]` of `x`.
///
/// | name | shape | type |
/// |---|---|---|
/// | `x` | `x_shape` | 1, 2 or 4 bytes |
/// | `y` | `x_shape` permuted by `axes` | as `x` |
///
/// Returns `None`, with the rest of `y` untouched, if a slice is shorter than its shape. `Model::load` has checked this.
pub(crate) fn transpose<T: Pod>(op: &Transpose, x: &[T], y: &mut [T]) -> Option<()> {
    let mut x_strides = [0usize; MAX_RANK];
    let mut stride = 1usize;
    for (x_stride, &size) in x_strides.iter_mut().zip(&op.x_shape).rev() {
        *x_stride = stride;
        stride = stride.wrapping_mul(size as usize);
    }
    // Sizes of y, and how far one step along each of its axes moves in x.
    let mut axes = [(0usize, 0usize); MAX_RANK];
    for (to, &axis) in axes.iter_mut().zip(&op.axes) {
        *to = (*op.x_shape.get(usize::from(axis))? as usize, *x_strides.get(usize::from(axis))?);
    }
    let [outer @ .., (row_len, row_step)] = axes;
    let mut index = [0usize; MAX_RANK - 1];
    let mut start = 0usize;
    for row in y.chunks_exact_mut(NonZeroUsize::new(row_len)?.get()) {
        let mut at = start;
        for y in row {
            *y = *x.get(at)?;
            at = at.wrapping_add(row_step);
        }
        // By reference: zipped arrays taken by value link a panic when walked backwards.
        for (index, &(size, step)) in index.iter_mut().zip(&outer).rev() {
            *index = index.wrapping_add(1);
            start = start.wrapping_add(step);
            if *index < size {
                break;
            }
            start = start.wrapping_sub(step.wrapping_mul(size));
            *index = 0;
        }
    }
    Some(())
}

pub(crate) fn check(op: &Transpose, limits: &Limits) -> Result<(), Fault> {
    let is_permutation = (0..MAX_RANK as u8).all(|axis| op.axes.contains(&axis));
    parameter(is_permutation)?;
    let n = product(&op.x_shape)?;
    let (x, y) = match op.element_bytes {
        1 => (limits.arena::<u8>(op.x, n)?, limits.arena::<u8>(op.y, n)?),
        2 => (limits.arena::<u16>(op.x, n)?, limits.arena::<u16>(op.y, n)?),
        4 => (limits.arena::<u32>(op.x, n)?, limits.arena::<u32>(op.y, n)?),
        _ => return Err(Fault::Parameter),
    };
    x.disjoint(y)
}

pub(crate) fn run(op: &Transpose, memory: &mut Memory) -> Option<()> {
    match op.element_bytes {
        1 => run_elements::<u8>(op, memory),
        2 => run_elements::<u16>(op, memory),
        4 => run_elements::<u32>(op, memory),
        _ => None,
    }
}

fn run_elements<T: Pod>(op: &Transpose, memory: &mut Memory) -> Option<()> {
    let n = product(&op.x_shape).ok()?;
    let (x, y) = memory.x_y::<T, T>(op.x, n, op.y, n)?;
    transpose(op, x, y)
}

#[cfg(test)]
#[path = "transpose/tests.rs"]
mod tests;
