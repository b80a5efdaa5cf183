//! Mean over axes.

use super::Array;

/// Mean over `axes`; `shape` is the result's.
pub(super) fn mean(x: &Array, axes: &[usize], shape: &[usize]) -> Array {
    let mut y = x.full();
    for &axis in axes {
        y = y.mean_dim(x.axis(axis));
    }
    Array::from_full(y, x.rank()).reshaped(shape)
}
