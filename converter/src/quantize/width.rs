//! The two widths of stored integers.

use crate::ir::DType;

/// How many bits an activation has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Width {
    /// int8, any zero point.
    #[default]
    I8,
    /// int16, zero point 0.
    I16,
}

impl Width {
    /// The element type.
    pub fn dtype(self) -> DType {
        match self {
            Self::I8 => DType::I8,
            Self::I16 => DType::I16,
        }
    }

    /// The width of an element type, if it is one of the two.
    pub fn of(dtype: DType) -> Option<Self> {
        match dtype {
            DType::I8 => Some(Self::I8),
            DType::I16 => Some(Self::I16),
            _ => None,
        }
    }

    /// As words in names and messages spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::I8 => "int8",
            Self::I16 => "int16",
        }
    }

    /// Smallest and largest stored value.
    pub fn stored(self) -> (f64, f64) {
        match self {
            Self::I8 => (-128.0, 127.0),
            Self::I16 => (-32768.0, 32767.0),
        }
    }

    /// Largest magnitude of what a weight is multiplied with, whatever the zero point.
    pub(super) fn reach(self) -> f64 {
        match self {
            Self::I8 => 255.0,
            Self::I16 => 32768.0,
        }
    }

    /// Largest magnitude of a sum of products: int8 kernels add up 32 bits, int16 ones 64, of which 47 are scaled.
    pub(super) fn largest_sum(self) -> f64 {
        match self {
            Self::I8 => f64::from(i32::MAX),
            Self::I16 => (1u64 << 46) as f64,
        }
    }
}

/// Something for each width.
#[derive(Clone, Debug, Default)]
pub struct PerWidth<T>(pub [T; 2]);

impl<T> std::ops::Index<Width> for PerWidth<T> {
    type Output = T;

    fn index(&self, width: Width) -> &T {
        &self.0[width as usize]
    }
}

impl<T> std::ops::IndexMut<Width> for PerWidth<T> {
    fn index_mut(&mut self, width: Width) -> &mut T {
        &mut self.0[width as usize]
    }
}
