//! Convolutions and fully connected layers whose weights are mostly zero.

use super::{Conv2d, RowOrder};
use serde::{Deserialize, Serialize};

/// 2-D convolution on int8 with one group, of which only some blocks of weights are stored: the same results as [`Conv2d`]
/// with zeros for the others. A fully connected layer is one with a 1x1 kernel over a map of `rows x 1` pixels.
///
/// A row of [`Conv2d`]'s weights, zeros up to a multiple of 4 included, is a row of blocks of four. Of the blocks that are
/// stored, filter by filter and in order, `deltas` holds how far each lies from the one before it of the same filter, in
/// blocks, or, of the first one, from the start of the row; `conv.weights` holds their weights, and `counts` how many
/// there are of each filter. A distance that no byte holds is bridged by blocks of zeros. See
/// [`pack::sparse_blocks`](super::super::pack::sparse_blocks).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Conv2dSparse {
    /// Shapes, places and scales. `groups` is 1; `weights` is `i8 [blocks, 4]`, aligned to 4; `scratch` is of
    /// [`scratch_bytes`](Self::scratch_bytes).
    pub conv: Conv2d,
    /// Stored blocks of all filters.
    pub blocks: u32,
    /// `u16 [out_c]`, whose sum is `blocks`.
    pub counts: u32,
    /// `u8 [blocks]`: 1 or more, but of the first block of a filter 0 or more.
    pub deltas: u32,
    /// There is one output pixel, whose taps are the whole input in the order of memory, in whole blocks: they are read
    /// where they are. Needs no scratch memory; `x` and `y` must not overlap.
    pub direct: bool,
}

impl Conv2dSparse {
    /// Weights of a block.
    pub const BLOCK: u32 = 4;

    /// Blocks of one filter, stored or not. `None` if a filter does not fit `u32`.
    pub fn row_blocks(&self) -> Option<u32> {
        Some(self.conv.row_bytes()? / Self::BLOCK)
    }

    /// True if `conv` may be [`direct`](Self::direct).
    pub fn can_be_direct(conv: &Conv2d) -> bool {
        let (x, y, window) = (conv.x_shape, conv.y_shape, &conv.window);
        conv.groups == 1
            && (y.h, y.w) == (1, 1)
            && (window.kernel_h, window.kernel_w) == (x.h, x.w)
            && (window.dilation_h, window.dilation_w) == (1, 1)
            && (window.pad_top, window.pad_left) == (0, 0)
            && x.elements().is_some_and(|elements| elements.is_multiple_of(Self::BLOCK))
    }

    /// Bytes of scratch memory: patches, as of [`Conv2d`]; none for one that is `direct`. `None` if that does not fit `u32`.
    pub fn scratch_bytes(&self) -> Option<u32> {
        if self.direct { Some(0) } else { self.conv.scratch_bytes() }
    }

    /// True if it can run in bands of rows.
    pub(crate) fn runs_in_bands(&self) -> bool {
        !self.direct && self.conv.order == RowOrder::TopDown
    }
}
