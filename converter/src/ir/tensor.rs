//! Constant data: a shape and elements of one type, row-major.

pub use mote_runtime::format::DType;

/// A constant.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "one variant per element type")]
pub enum Tensor {
    F32 { shape: Vec<usize>, data: Vec<f32> },
    I8 { shape: Vec<usize>, data: Vec<i8> },
    I16 { shape: Vec<usize>, data: Vec<i16> },
    I32 { shape: Vec<usize>, data: Vec<i32> },
    I64 { shape: Vec<usize>, data: Vec<i64> },
}

impl Tensor {
    /// A float constant. `data.len()` must be the product of `shape`.
    pub fn f32(shape: impl Into<Vec<usize>>, data: Vec<f32>) -> Self {
        let shape = shape.into();
        debug_assert_eq!(shape.iter().product::<usize>(), data.len());
        Self::F32 { shape, data }
    }

    /// Sizes per axis.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::F32 { shape, .. }
            | Self::I8 { shape, .. }
            | Self::I16 { shape, .. }
            | Self::I32 { shape, .. }
            | Self::I64 { shape, .. } => shape,
        }
    }

    /// Element type.
    pub fn dtype(&self) -> DType {
        match self {
            Self::F32 { .. } => DType::F32,
            Self::I8 { .. } => DType::I8,
            Self::I16 { .. } => DType::I16,
            Self::I32 { .. } => DType::I32,
            Self::I64 { .. } => DType::I64,
        }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape().iter().product()
    }

    /// True if there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements, if they are float32.
    pub fn as_f32(&self) -> Option<&[f32]> {
        match self {
            Self::F32 { data, .. } => Some(data),
            _ => None,
        }
    }

    /// The same elements in the same order under another shape of as many elements.
    pub fn reshaped(&self, shape: &[usize]) -> Self {
        let shape = shape.to_vec();
        debug_assert_eq!(shape.iter().product::<usize>(), self.len());
        match self {
            Self::F32 { data, .. } => Self::F32 { shape, data: data.clone() },
            Self::I8 { data, .. } => Self::I8 { shape, data: data.clone() },
            Self::I16 { data, .. } => Self::I16 { shape, data: data.clone() },
            Self::I32 { data, .. } => Self::I32 { shape, data: data.clone() },
            Self::I64 { data, .. } => Self::I64 { shape, data: data.clone() },
        }
    }

    /// A tensor of the given shape whose element `i` is element `from[i]` of this one.
    ///
    /// # Panics
    /// If an index is out of range.
    pub fn gathered(&self, shape: &[usize], from: &[usize]) -> Self {
        fn pick<T: Copy>(data: &[T], from: &[usize]) -> Vec<T> {
            from.iter().map(|&i| data[i]).collect()
        }
        let shape = shape.to_vec();
        match self {
            Self::F32 { data, .. } => Self::F32 { shape, data: pick(data, from) },
            Self::I8 { data, .. } => Self::I8 { shape, data: pick(data, from) },
            Self::I16 { data, .. } => Self::I16 { shape, data: pick(data, from) },
            Self::I32 { data, .. } => Self::I32 { shape, data: pick(data, from) },
            Self::I64 { data, .. } => Self::I64 { shape, data: pick(data, from) },
        }
    }

    /// Axis `i` of the result is axis `perm[i]` of this tensor.
    ///
    /// # Panics
    /// If `perm` is not a permutation of the axes.
    pub fn permuted(&self, perm: &[usize]) -> Self {
        let indices: Vec<usize> = (0..self.len()).collect();
        let shape: Vec<usize> = perm.iter().map(|&p| self.shape()[p]).collect();
        self.gathered(&shape, &super::permute(&indices, self.shape(), perm))
    }
}
