//! Moving arrays between the order of the source network and the stored order.

use super::Port;

/// Reorders a row-major array: axis `i` of the result is axis `perm[i]` of `data`.
///
/// # Panics
/// If `data` does not hold `shape`, or `perm` is not a permutation of its axes.
pub fn permute<T: Copy>(data: &[T], shape: &[usize], perm: &[usize]) -> Vec<T> {
    assert_eq!(data.len(), shape.iter().product::<usize>(), "array does not have shape {shape:?}");
    assert!(super::is_permutation(perm, shape.len()), "{perm:?} does not permute the axes of {shape:?}");
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    let Some((&inner, outer)) = perm.split_last() else { return data.to_vec() };
    let mut out = Vec::with_capacity(data.len());
    let mut index = vec![0; outer.len()];
    let mut base = 0;
    while out.len() < data.len() {
        out.extend((0..shape[inner]).map(|i| data[base + i * strides[inner]]));
        for (position, &axis) in index.iter_mut().zip(outer).rev() {
            *position += 1;
            base += strides[axis];
            if *position < shape[axis] {
                break;
            }
            base -= *position * strides[axis];
            *position = 0;
        }
    }
    out
}

/// The permutation that undoes `perm`.
///
/// # Panics
/// If `perm` is not a permutation.
pub fn inverse(perm: &[usize]) -> Vec<usize> {
    let mut inverse = vec![0; perm.len()];
    for (i, &p) in perm.iter().enumerate() {
        inverse[p] = i;
    }
    inverse
}

impl Port {
    /// True if arrays are stored in the order of the source network.
    pub fn is_source_order(&self) -> bool {
        self.source_axes.is_sorted()
    }

    /// Sizes per axis as stored.
    pub fn stored_shape(&self) -> Vec<usize> {
        self.source_axes.iter().map(|&axis| self.source_shape[axis]).collect()
    }

    /// Reorders an array of the source network for the graph.
    ///
    /// # Panics
    /// If `source` does not hold `source_shape`.
    pub fn to_stored<T: Copy>(&self, source: &[T]) -> Vec<T> {
        permute(source, &self.source_shape, &self.source_axes)
    }

    /// Reorders an array of the graph to what the source network would have given.
    ///
    /// # Panics
    /// If `stored` does not have as many elements as `source_shape`.
    pub fn to_source<T: Copy>(&self, stored: &[T]) -> Vec<T> {
        permute(stored, &self.stored_shape(), &inverse(&self.source_axes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{DType, ValueId};

    fn nchw_port() -> Port {
        Port {
            value: ValueId(0),
            name: "x".into(),
            source_shape: vec![1, 2, 2, 3],
            source_dtype: DType::F32,
            source_axes: vec![0, 2, 3, 1],
        }
    }

    #[test]
    fn channels_first_array_is_stored_channels_last() {
        let source: Vec<i32> = (0..12).collect();
        let stored = nchw_port().to_stored(&source);
        assert_eq!(stored, [0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11]);
        assert_eq!(nchw_port().stored_shape(), [1, 2, 3, 2]);
    }

    #[test]
    fn to_source_undoes_to_stored() {
        let source: Vec<i32> = (0..12).collect();
        assert_eq!(nchw_port().to_source(&nchw_port().to_stored(&source)), source);
    }

    #[test]
    fn scalars_and_vectors_permute_to_themselves() {
        assert_eq!(permute(&[7], &[], &[]), [7]);
        assert_eq!(permute(&[1, 2, 3], &[3], &[0]), [1, 2, 3]);
    }

    #[test]
    fn five_axes_permute() {
        let shape = [2, 1, 3, 2, 2];
        let data: Vec<usize> = (0..24).collect();
        let perm = [4, 2, 0, 1, 3];
        let once = permute(&data, &shape, &perm);
        let there: Vec<usize> = perm.iter().map(|&p| shape[p]).collect();
        assert_eq!(permute(&once, &there, &inverse(&perm)), data);
        // once[i4, i2, i0, i1, i3] = data[i0, i1, i2, i3, i4], here at i0 = 1, i2 = 2, i3 = 0, i4 = 1.
        assert_eq!(once[((3 + 2) * 2 + 1) * 2], (3 + 2) * 4 + 1);
    }
}
