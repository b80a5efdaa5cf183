//! Operands of instructions with weights.

use super::{Hwc, Requantize8, Window};
use serde::{Deserialize, Serialize};

/// In which order a kernel works through the rows of a feature map.
///
/// An output may overlap its input where every byte is read before it is overwritten: an output below its input is
/// computed from the top, one above it from the bottom. See [`overlap`](super::super::overlap).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RowOrder {
    /// The first row first.
    #[default]
    TopDown,
    /// The last row first.
    BottomUp,
}

/// 2-D convolution on int8. `x [h, w, in_c]`, `weights [out_c, row]` with zero point 0: each `row` holds
/// `[kernel_h, kernel_w, in_c / groups]` and zeros up to a multiple of 4 bytes. `y [h, w, out_c]`. Padding reads as
/// `x_zero_point`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Conv2d {
    /// Input.
    pub x: u32,
    /// Output; may overlap the input as `order` allows.
    pub y: u32,
    /// Arena offset, aligned to 4, of [`scratch_bytes`](Self::scratch_bytes) that overlap neither `x` nor `y`.
    pub scratch: u32,
    /// Shape of the input.
    pub x_shape: Hwc,
    /// Shape of the output.
    pub y_shape: Hwc,
    /// Kernel, stride, dilation, padding.
    pub window: Window,
    /// Divides both channel counts.
    pub groups: u32,
    /// `i8`, see above, aligned to 4.
    pub weights: u32,
    /// Zero point of the input, subtracted from every tap.
    pub x_zero_point: i8,
    /// Which pixels come first.
    pub order: RowOrder,
    /// Per channel of the output.
    pub requantize: Requantize8,
}

impl Conv2d {
    /// Output pixels computed together: their patches are in the scratch memory at the same time.
    pub const BLOCK: u32 = 4;

    /// Bytes of one filter in the file, padding included. `None` if that does not fit `u32`.
    pub fn row_bytes(&self) -> Option<u32> {
        let taps = self.window.kernel_h.checked_mul(self.window.kernel_w)?;
        taps.checked_mul(self.x_shape.c.checked_div(self.groups)?)?.checked_next_multiple_of(4)
    }

    /// True if every output pixel reads the input pixel at its place and no other.
    pub fn is_pointwise(&self) -> bool {
        let window = &self.window;
        (window.kernel_h, window.kernel_w, window.stride_h, window.stride_w) == (1, 1, 1, 1)
            && (window.pad_top, window.pad_left) == (0, 0)
            && (self.x_shape.h, self.x_shape.w) == (self.y_shape.h, self.y_shape.w)
    }

    /// Bytes of scratch memory: one patch of `i16` for each pixel of a block.
    pub fn scratch_bytes(&self) -> Option<u32> {
        self.row_bytes()?.checked_mul(2 * Self::BLOCK)
    }
}

/// 2-D depthwise convolution on int8. Output channel `c` reads input channel `c / (out_c / in_c)`.
/// `weights [kernel_h, kernel_w, out_c]`; the rest as [`Conv2d`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DepthwiseConv2d {
    /// Input.
    pub x: u32,
    /// Output; may overlap the input as `order` allows.
    pub y: u32,
    /// Arena offset, aligned to 4, of `scratch_bytes` that overlap neither `x` nor `y`.
    pub scratch: u32,
    /// Scratch memory that a kernel may use to be faster; 0 for none. Any kernel works without.
    pub scratch_bytes: u32,
    /// Shape of the input.
    pub x_shape: Hwc,
    /// Shape of the output; its channels are a multiple of the input's.
    pub y_shape: Hwc,
    /// Kernel, stride, dilation, padding.
    pub window: Window,
    /// `i8`, see above, aligned to 4.
    pub weights: u32,
    /// Zero point of the input.
    pub x_zero_point: i8,
    /// Which rows come first.
    pub order: RowOrder,
    /// Per channel of the output.
    pub requantize: Requantize8,
}

impl DepthwiseConv2d {
    /// The row that is computed as the `step`th.
    pub(crate) fn row(&self, step: u32) -> u32 {
        match self.order {
            RowOrder::TopDown => step,
            RowOrder::BottomUp => self.y_shape.h.wrapping_sub(1).wrapping_sub(step),
        }
    }

    /// Columns of an input row with the padding that its outputs read.
    pub fn strip_columns(&self) -> Option<u32> {
        let outputs = self.y_shape.w.checked_sub(1)?.checked_mul(self.window.stride_w)?;
        let reach = self.window.kernel_w.checked_sub(1)?.checked_mul(self.window.dilation_w)?;
        outputs.checked_add(reach)?.checked_add(1)
    }

    /// Bytes of scratch memory with which four channels can be computed at a time, in words of two `i16`: one padded row
    /// of pixels for each row of the kernel; and the kernel's taps, all but the last row of them twice, so that they can
    /// be read from any row on. `None` if channels do not come in fours, there are several outputs per input, or rows of
    /// taps are apart.
    pub fn strip_bytes(&self) -> Option<u32> {
        let window = &self.window;
        let one_to_one = self.x_shape.c == self.y_shape.c && self.x_shape.c.is_multiple_of(4);
        if !one_to_one || (window.dilation_h != 1 && window.kernel_h != 1) {
            return None;
        }
        let rows = self.strip_columns()?.checked_mul(window.kernel_h)?;
        let taps = window.kernel_h.checked_mul(2)?.checked_sub(1)?.checked_mul(window.kernel_w)?;
        rows.checked_add(taps)?.checked_mul(8)
    }
}

/// Fully connected on int8: `y[r, o] = requantize(dot(x[r], weights[o]) + bias[o])`. `x [rows, in_n]`, bias with the
/// input's zero point folded in: `bias - x_zero_point * sum(weights[o])`.
///
/// Weights are stored four outputs together, `[ceil(out_n / 4), ceil(in_n / 4), 4 outputs, 4 inputs]`, zeros where
/// there is no such output or input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FullyConnected {
    /// Input.
    pub x: u32,
    /// Output; must not overlap the input.
    pub y: u32,
    /// Independent rows, 1 or more.
    pub rows: u32,
    /// Inputs per row.
    pub in_n: u32,
    /// Outputs per row.
    pub out_n: u32,
    /// `i8`, see above, aligned to 4.
    pub weights: u32,
    /// Per output.
    pub requantize: Requantize8,
}

impl FullyConnected {
    /// Bytes of the stored weights. `None` if that does not fit `u32`.
    pub fn weight_bytes(&self) -> Option<u32> {
        self.in_n.checked_next_multiple_of(4)?.checked_mul(self.out_n.checked_next_multiple_of(4)?)
    }
}
