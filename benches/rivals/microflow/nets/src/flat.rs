//! microflow's buffers from and to row-major slices.

use microflow::buffer::{Buffer2D, Buffer4D};

/// Made from values in row-major order.
pub trait FromFlat {
    /// Makes one; `values` holds as many as it takes.
    fn from_flat(values: &[i8]) -> Self;
}

/// Written as values in row-major order.
pub trait IntoFlat {
    /// Writes them to the front of `values` and says how many there are.
    fn into_flat(self, values: &mut [f32]) -> usize;
}

impl<const R: usize, const C: usize> FromFlat for Buffer2D<i8, R, C> {
    fn from_flat(values: &[i8]) -> Self {
        Self::from_row_slice(values)
    }
}

impl<const B: usize, const R: usize, const C: usize, const CH: usize> FromFlat for Buffer4D<i8, B, R, C, CH> {
    fn from_flat(values: &[i8]) -> Self {
        core::array::from_fn(|b| {
            Buffer2D::from_fn(|r, c| core::array::from_fn(|ch| values[((b * R + r) * C + c) * CH + ch]))
        })
    }
}

impl<const R: usize, const C: usize> IntoFlat for Buffer2D<f32, R, C> {
    fn into_flat(self, values: &mut [f32]) -> usize {
        for r in 0..R {
            for c in 0..C {
                values[r * C + c] = self[(r, c)];
            }
        }
        R * C
    }
}
