//! Ops that move elements and compute nothing.

use super::Array;
use super::array::RANK;
use burn_tensor::ops::PadMode;
use burn_tensor::{Slice, Tensor};

/// Constant padding per axis.
pub(super) fn pad(x: &Array, before: &[usize], after: &[usize], value: f32) -> Array {
    let pairs: Vec<(usize, usize)> = before.iter().copied().zip(after.iter().copied()).collect();
    x.map(|t| t.pad(pairs, PadMode::Constant(value)))
}

/// Joins along `axis`.
pub(super) fn concat(parts: &[&Array], axis: usize) -> Array {
    let rank = parts.first().map_or(0, |p| p.rank());
    let axis = axis + RANK - rank;
    Array::from_full(Tensor::cat(parts.iter().map(|p| p.full()).collect(), axis), rank)
}

/// `x[start .. end step step]` per axis.
pub(super) fn slice(x: &Array, start: &[usize], end: &[usize], step: &[usize]) -> Array {
    let mut slices = [Slice::full(); RANK];
    for axis in 0..start.len() {
        slices[x.axis(axis)] = Slice::new(start[axis] as isize, Some(end[axis] as isize), step[axis] as isize);
    }
    x.map(|t| t.slice(slices))
}

/// Axis `i` of the result is axis `perm[i]` of `x`.
pub(super) fn transpose(x: &Array, perm: &[usize]) -> Array {
    let mut axes: [usize; RANK] = std::array::from_fn(|i| i);
    for (i, &p) in perm.iter().enumerate() {
        axes[x.axis(i)] = x.axis(p);
    }
    x.map(|t| t.permute(axes))
}
