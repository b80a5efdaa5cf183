//! Constant data: a shape and elements of one type, row-major.

pub use mote_runtime::format::DType;

/// A constant.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "one variant per element type")]
pub enum Tensor {
    F32 { shape: Vec<usize>, data: Vec<f32> },
    I8 { shape: Vec<usize>, data: Vec<i8> },
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
            Self::F32 { shape, .. } | Self::I8 { shape, .. } | Self::I32 { shape, .. } | Self::I64 { shape, .. } => {
                shape
            }
        }
    }

    /// Element type.
    pub fn dtype(&self) -> DType {
        match self {
            Self::F32 { .. } => DType::F32,
            Self::I8 { .. } => DType::I8,
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
}
