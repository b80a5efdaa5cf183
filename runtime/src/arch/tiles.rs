//! What kernels of Winograd's convolution read.

use super::{Channel, Store};
use crate::format::instruction::{Conv2dWinograd, Hwc};

/// Where the inputs of a group of tiles side by side lie.
#[derive(Clone, Copy)]
pub(crate) struct TileInput<'a> {
    /// The whole input.
    pub x: &'a [i8],
    pub shape: Hwc,
    /// First row and column that the first tile reads; below 0 where that is padding.
    pub row: i32,
    pub column: i32,
    pub x_zero_point: i8,
}

impl<'a> TileInput<'a> {
    /// The elements of the `index`th row that the tiles read. `None` if it is padding.
    #[inline]
    pub fn row(&self, index: usize) -> Option<&'a [i8]> {
        let row = self.row.wrapping_add(index as i32) as u32;
        if row >= self.shape.h {
            return None;
        }
        let elements = (self.shape.w as usize).wrapping_mul(self.shape.c as usize);
        self.x.get(elements.wrapping_mul(row as usize)..)?.get(..elements)
    }
}

/// Transformed inputs of a group of tiles.
#[derive(Clone, Copy)]
pub(crate) struct TransformedTiles<'a> {
    /// For each position, in the order of the weights, for each pair of channels, one word a tile.
    pub v: &'a [u32],
    /// Channels, a multiple of 4.
    pub in_c: usize,
}

impl TransformedTiles<'_> {
    /// Words of a position: two channels of a tile each. As many `i16` are the weights of two filters.
    #[inline]
    pub fn position_words(&self) -> usize {
        self.in_c.wrapping_mul(Conv2dWinograd::TILES as usize / 2)
    }

    /// Elements of all weights of two filters.
    #[inline]
    pub fn filter_elements(&self) -> usize {
        self.position_words().wrapping_mul(Conv2dWinograd::POSITIONS as usize)
    }
}

/// Transformed inputs and the filters to multiply them with.
#[derive(Clone, Copy)]
pub(crate) struct Tiles<'a> {
    pub inputs: TransformedTiles<'a>,
    /// Two filters together; there may be more than `channels`.
    pub weights: &'a [i16],
    /// Of the outputs to compute.
    pub channels: &'a [Channel],
    /// Rounding and clamping.
    pub store: Store,
}
