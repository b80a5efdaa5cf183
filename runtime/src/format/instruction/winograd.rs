//! 3x3 convolution by Winograd's minimal filtering F(2x2, 3x3), in integers.

use super::{Hwc, Requantize8, RowOrder, Window};
use serde::{Deserialize, Serialize};

/// 2-D convolution on int8 with a 3x3 kernel, stride, dilation and groups of 1: the same results as
/// [`Conv2d`](super::Conv2d), with 16 products of 16-bit numbers for 36 of 8-bit ones.
///
/// Weights are `4 * G g G^T` of every 3x3 filter `g`, which are integers: `16 positions` of `i16`, up to `9 * 127`. The
/// file holds `[ceil(out_c / 2), 16 positions, ceil(in_c / 4), 2 pairs, 2 outputs, 2 inputs]`: two filters together, rows
/// of positions from the top and the columns 1, 2, 0, 3 of each, channels in fours as the pairs 0, 2 and 1, 3, zeros where
/// there is no such channel. Positions in row 3 are stored negative, and those in column 3, so that a position in both is
/// not. See [`pack::winograd_filters`](super::super::pack::winograd_filters).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Conv2dWinograd {
    /// Input.
    pub x: u32,
    /// Output; may overlap the input as `order` allows.
    pub y: u32,
    /// Arena offset, aligned to 4, of [`scratch_bytes`](Self::scratch_bytes) that overlap neither `x` nor `y`.
    pub scratch: u32,
    /// Shape of the input; 1820 channels at most.
    pub x_shape: Hwc,
    /// Shape of the output.
    pub y_shape: Hwc,
    /// Rows of padding above the input.
    pub pad_top: u32,
    /// Columns of padding left of the input.
    pub pad_left: u32,
    /// `i16`, see above, aligned to 4.
    pub weights: u32,
    /// Zero point of the input, subtracted from every element.
    pub x_zero_point: i8,
    /// Which rows come first.
    pub order: RowOrder,
    /// Per channel of the output.
    pub requantize: Requantize8,
}

impl Conv2dWinograd {
    /// Tiles of 2x2 output pixels that are computed together, side by side.
    pub const TILES: u32 = 4;
    /// Products of each tile and pair of channels.
    pub const POSITIONS: u32 = 16;
    /// Most input channels: four times the sum of `9 * 1820` products of a difference of two `i8` and an `i8` fits `i32`.
    pub const MAX_IN_C: u32 = 1820;

    /// The window that its outputs have.
    pub fn window(&self) -> Window {
        let (pad_top, pad_left) = (self.pad_top, self.pad_left);
        let (kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w) = (3, 3, 1, 1, 1, 1);
        Window { kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left }
    }

    /// Products in the sum that an output stands for. `None` if that does not fit `u32`.
    pub fn taps(&self) -> Option<u32> {
        self.x_shape.c.checked_mul(9)
    }

    /// Input channels that the weights have, a multiple of 4. `None` if that does not fit `u32`.
    pub fn padded_in_c(&self) -> Option<u32> {
        self.x_shape.c.checked_next_multiple_of(4)
    }

    /// Bytes of the stored weights. `None` if that does not fit `u32`.
    pub fn weight_bytes(&self) -> Option<u32> {
        let filters = self.y_shape.c.checked_next_multiple_of(2)?.checked_mul(Self::POSITIONS * 2)?;
        filters.checked_mul(self.padded_in_c()?)
    }

    /// Bytes of scratch memory: the transformed inputs of a group of tiles. `None` if that does not fit `u32`.
    pub fn scratch_bytes(&self) -> Option<u32> {
        self.padded_in_c()?.checked_mul(Self::POSITIONS * Self::TILES * 2)
    }
}
