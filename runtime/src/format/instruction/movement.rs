//! Operands of instructions that move elements.

use super::Operand;
use crate::format::MAX_RANK;
use serde::{Deserialize, Serialize};

/// Writes `x` into a larger `y` and fills the rest. Works on elements of 1, 2 or 4 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Pad {
    /// Input.
    pub x: u32,
    /// Output; must not overlap the input.
    pub y: u32,
    /// 1, 2 or 4.
    pub element_bytes: u8,
    /// Shape of the input, outer axis first, padded in front with 1.
    pub x_shape: [u32; 4],
    /// Elements before the input, per axis.
    pub before: [u32; 4],
    /// Elements after the input, per axis.
    pub after: [u32; 4],
    /// Fill value; its low `element_bytes` bytes are stored little-endian.
    pub value: u32,
}

/// Copies `rows` runs of `row_bytes`, with a stride on either side: concatenation and slicing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct StridedCopy {
    /// Input.
    pub x: Operand,
    /// Output; must not overlap the input.
    pub y: u32,
    /// Runs, 1 or more.
    pub rows: u32,
    /// Bytes of one run.
    pub row_bytes: u32,
    /// Bytes from one run's start to the next in `x`.
    pub x_stride: u32,
    /// Bytes from one run's start to the next in `y`.
    pub y_stride: u32,
}

/// Permutes axes: axis `i` of `y` is axis `axes[i]` of `x`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Transpose {
    /// Input.
    pub x: u32,
    /// Output; must not overlap the input.
    pub y: u32,
    /// 1, 2 or 4.
    pub element_bytes: u8,
    /// Shape of the input, padded in front with 1.
    pub x_shape: [u32; MAX_RANK],
    /// A permutation of the axes.
    pub axes: [u8; MAX_RANK],
}
