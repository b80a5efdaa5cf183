//! Inner loops. Every file here exports the same safe functions; [`portable`] is the meaning, and the one that every
//! target has.
//!
//! Two layouts of `i16` in scratch memory are shared by most of them, as `u32` words of two elements, the first one low:
//!
//! - *patches* hold the inputs of [`SLOTS`] output pixels of a convolution. Each four elements `k..k + 4` of all pixels
//!   take eight words: elements `k` and `k + 2` of every pixel, then elements `k + 1` and `k + 3` of every pixel, which is
//!   the order that widening four packed bytes gives.
//! - *strips* hold four channels of a row of pixels, or of the taps of a kernel: channels 0 and 2, then 1 and 3.

#[cfg(kernel_arm_dsp)]
#[allow(unsafe_code, reason = "inline assembly; each use says why it is sound")]
mod arm_dsp;
#[cfg(any(kernel_arm_dsp, kernel_armv7m))]
#[allow(unsafe_code, reason = "assembly; each use says why it is sound")]
mod arm_tiles;
mod channel;
mod portable;
mod sparse;
#[cfg(kernel_thumb)]
#[allow(unsafe_code, reason = "assembly; each use says why it is sound")]
mod thumb;
mod tiles;

#[cfg(kernel_arm_dsp)]
pub(crate) use arm_dsp::{
    add_tflite, connect_sparse, convolve_block, convolve_quad, convolve_sparse, dot_pair_i16, fully_connect,
    max_window, sum_bytes, sum_window, widen_patch, widen_rows, widen_strip,
};
#[cfg(any(kernel_arm_dsp, kernel_armv7m))]
pub(crate) use arm_tiles::{convolve_tiles, transform_inputs};
pub(crate) use channel::{Channel, ShiftBase, Store};
pub(crate) use portable::sum_tiles;
#[cfg(not(any(kernel_arm_dsp, kernel_thumb)))]
pub(crate) use portable::{add_tflite, convolve_block, fully_connect, widen_patch, widen_rows, widen_strip};
#[cfg(not(kernel_thumb))]
pub(crate) use portable::{clear_patch, dot_patch_block, dot_patches};
pub(crate) use portable::{convolve_strips, dot_quad, dot_strips};
#[cfg(not(any(kernel_arm_dsp, kernel_armv7m)))]
pub(crate) use portable::{convolve_tiles, transform_inputs};
#[cfg(not(kernel_arm_dsp))]
pub(crate) use portable::{dot_pair_i16, sum_bytes};
#[cfg(not(any(kernel_arm_dsp, kernel_thumb)))]
pub(crate) use portable::{max_window, sum_window};
pub(crate) use portable::{multiply_add_i16, multiply_add_offset_i8};
pub(crate) use sparse::{SparseBlock, SparseFilters};
#[cfg(not(kernel_arm_dsp))]
pub(crate) use sparse::{connect_sparse, convolve_sparse};
#[cfg(kernel_thumb)]
pub(crate) use thumb::{
    add_tflite, clear_patch, convolve_block, convolve_quad, dot_patch_block, dot_patches, fully_connect, widen_patch,
    widen_rows, widen_strip,
};
pub(crate) use tiles::{TileInput, Tiles, TransformedTiles};
#[cfg(kernel_thumb)]
pub(crate) use words::{max_window, sum_window};
#[cfg(any(kernel_thumb, test))]
mod words;

use crate::format::instruction::{DepthwiseConv2d, Multiplier};
use core::ops::Range;

/// True if [`convolve_quad`] does every quad; else rows are computed one by one where it does not.
pub(crate) const ALL_ROWS: bool = cfg!(kernel_arm_dsp);

/// Computes all rows of a quad; `None`, with nothing done, where there is no kernel for that.
#[cfg(not(any(kernel_arm_dsp, kernel_thumb)))]
#[inline]
pub(crate) fn convolve_quad(_: &Quad<'_>, _: &mut crate::op::split::Split<'_>) -> Option<()> {
    None
}

/// Pixels whose patches lie side by side.
pub(crate) const SLOTS: usize = 4;

/// An addition with the roundings of the TensorFlow Lite reference kernel.
#[derive(Clone, Copy)]
pub(crate) struct Addition {
    pub a: Term,
    pub b: Term,
    /// Bits that both operands are shifted left before they are scaled.
    pub left_shift: u32,
    /// From the sum to the output.
    pub y_scale: Multiplier,
    pub y_zero_point: i8,
    /// Clamping.
    pub store: Store,
}

/// One operand of an [`Addition`].
#[derive(Clone, Copy)]
pub(crate) struct Term {
    pub zero_point: i8,
    pub scale: Multiplier,
}

/// Rows of an input that go to a patch, row by row; and those of the pixels next to it, to the slots that follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rect {
    /// Where the first row starts in the input, and how far rows are apart.
    pub x: usize,
    pub x_pitch: usize,
    /// Where the first row starts in the patch, and how far rows are apart.
    pub k: usize,
    pub k_pitch: usize,
    pub rows: usize,
    /// Elements of a row.
    pub len: usize,
    /// Pixels, 1 or more, and how far their rows are apart in the input.
    pub pixels: usize,
    pub pixel_pitch: usize,
}

/// The elements of one channel that a pooling window covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PoolWindow {
    /// Where the first one is in the input.
    pub first: usize,
    /// Rows, 1 or more, and how far they are apart.
    pub rows: usize,
    pub row_pitch: usize,
    /// Columns, 1 or more, and how far they are apart.
    pub columns: usize,
    pub column_pitch: usize,
}

impl PoolWindow {
    /// Most elements that [`sum_window`] sums up: `-128 * 256` fits `i16`.
    pub const MAX_SUM: usize = 256;

    /// The part of `x` that `channels` channels next to each other take up; `None` if it is not all there, or empty.
    fn of<'x>(&self, x: &'x [i8], channels: usize) -> Option<&'x [i8]> {
        let down = self.rows.checked_sub(1)?.checked_mul(self.row_pitch)?;
        let right = self.columns.checked_sub(1)?.checked_mul(self.column_pitch)?;
        x.get(self.first..)?.get(..down.checked_add(right)?.checked_add(channels)?)
    }
}

/// The patches of a block of pixels and the filters to multiply them with.
#[derive(Clone, Copy)]
pub(crate) struct Block<'a> {
    /// [`SLOTS`] patches of `row_bytes` elements.
    pub patches: &'a [u32],
    /// One row for each of `channels`.
    pub weights: &'a [i8],
    /// Weights of one filter, a multiple of 4 and not 0.
    pub row_bytes: usize,
    /// Of the outputs to compute.
    pub channels: &'a [Channel],
    /// Rounding and clamping.
    pub store: Store,
}

/// A row of outputs of four channels of a depthwise convolution.
#[derive(Clone, Copy)]
pub(crate) struct Strips<'a> {
    /// Rows of pixels, of which the first output reads from the first pixel on.
    pub x: &'a [u32],
    /// Taps, in the order of the rows of `x`.
    pub taps: &'a [u32],
    /// Where the taps of an output are.
    pub window: StripWindow,
    /// Words from the first pixel of one output to that of the next.
    pub step: usize,
    /// Of the outputs to compute.
    pub channels: &'a [Channel; 4],
    /// Rounding and clamping.
    pub store: Store,
}

/// Four channels of a depthwise convolution.
#[cfg_attr(not(any(kernel_arm_dsp, kernel_thumb)), allow(dead_code, reason = "for kernels of all rows at once"))]
#[derive(Clone, Copy)]
pub(crate) struct Quad<'a> {
    pub op: &'a DepthwiseConv2d,
    /// What its scratch memory holds; the taps are there, the last row first if the order is from the bottom.
    pub strips: &'a StripLayout,
    /// The first one.
    pub channel: usize,
    /// Of the outputs to compute.
    pub channels: &'a [Channel; 4],
    /// Rounding and clamping.
    pub store: Store,
}

/// What the scratch memory of a depthwise convolution holds, in words: the taps, all rows but the last twice; then a ring
/// of as many rows of pixels as the kernel has.
pub(crate) struct StripLayout {
    /// Taps of a row, and of all.
    pub tap_row_words: usize,
    pub tap_words: usize,
    /// Where the ring starts.
    pub ring_start: usize,
    /// Words of a row of the ring that are input; the others are padding.
    pub middle: Range<usize>,
    /// Where the taps of an output are.
    pub window: StripWindow,
    /// Words from the first pixel of one output to that of the next.
    pub step: usize,
}

/// Where the strips of one output pixel are.
#[derive(Clone, Copy)]
pub(crate) struct StripWindow {
    /// Kernel rows.
    pub rows: usize,
    /// Kernel columns.
    pub columns: usize,
    /// Words from one kernel row's first pixel to the next one's.
    pub row_words: usize,
    /// Words from one kernel column's pixel to the next one's.
    pub column_words: usize,
}
