//! Operands of instructions on int16 activations with int8 weights ("16x8"). All int16 values have zero point 0; they lie at
//! multiples of 2 bytes.

use super::{Factors, Hwc, Multiplier, Operand, RowOrder, Window};
use serde::{Deserialize, Serialize};

/// Where the biases of all output channels are, by their width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum WideBiases {
    /// All are 0.
    Zero,
    /// Weights-section offset of `i32`.
    Int32(u32),
    /// Weights-section offset of `i64`, aligned to 8.
    Int64(u32),
}

/// Turning 64-bit sums into stored outputs: `clamp(scaled(sum + bias[c], factor[c]), min, max)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Requantize16 {
    /// Added to the sums. Scale `x_scale * w_scale[c]`.
    pub biases: WideBiases,
    /// `x_scale * w_scale[c] / y_scale`; shifts up to 14.
    pub factors: Factors,
    /// True for the arithmetic that the TensorFlow Lite reference kernels have for 64-bit biases, see
    /// [`requantize_reduced`](crate::fixed_point::requantize_reduced); only in models with its rounding. False for
    /// [`requantize_wide`](crate::fixed_point::requantize_wide).
    pub reduced: bool,
    /// Smallest stored output.
    pub min: i16,
    /// Largest stored output.
    pub max: i16,
}

/// 2-D convolution on int16. `x [h, w, in_c]`, `weights [out_c, row]`, each `row` as in [`Conv2d`](super::Conv2d).
/// `y [h, w, out_c]`. Padding reads as 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Conv2dI16 {
    /// Input.
    pub x: u32,
    /// Output; may overlap the input as `order` allows.
    pub y: u32,
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
    /// Which pixels come first.
    pub order: RowOrder,
    /// Per channel of the output.
    pub requantize: Requantize16,
}

/// 2-D depthwise convolution on int16. Output channel `c` reads input channel `c / (out_c / in_c)`.
/// `weights [kernel_h, kernel_w, out_c]`; the rest as [`Conv2dI16`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DepthwiseConv2dI16 {
    /// Input.
    pub x: u32,
    /// Output; may overlap the input as `order` allows.
    pub y: u32,
    /// Shape of the input.
    pub x_shape: Hwc,
    /// Shape of the output; its channels are a multiple of the input's.
    pub y_shape: Hwc,
    /// Kernel, stride, dilation, padding.
    pub window: Window,
    /// `i8`, see above, aligned to 4.
    pub weights: u32,
    /// Which pixels come first.
    pub order: RowOrder,
    /// Per channel of the output.
    pub requantize: Requantize16,
}

/// Fully connected on int16: `y[r, o] = scaled(dot(x[r], weights[o]) + bias[o])`. `x [rows, in_n]`, `weights [out_n, row]`:
/// each `row` holds `[in_n]` and zeros up to a multiple of 4 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FullyConnectedI16 {
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
    pub requantize: Requantize16,
}

/// Element-wise int16 operation on two operands, with broadcasting of `b` as in [`Binary`](super::Binary).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct BinaryI16 {
    /// First operand, `[len]`.
    pub a: Operand,
    /// Second operand, `[b_len]`.
    pub b: Operand,
    /// Output `[len]`; may start exactly where an arena operand of the same length starts, else no overlap.
    pub y: u32,
    /// Elements of `a` and `y`.
    pub len: u32,
    /// Elements of `b`, 1 or more.
    pub b_len: u32,
    /// Consecutive elements of `a` that share one element of `b`, 1 or more.
    pub b_inner: u32,
    /// Smallest stored output.
    pub min: i16,
    /// Largest stored output.
    pub max: i16,
}

/// Addition or subtraction on int16: both operands are shifted left by `left_shift` and scaled, added or subtracted, and
/// the result is scaled by `y_scale`. Arithmetic of the TensorFlow Lite reference kernel, each step rounded as the model
/// says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AddI16 {
    /// Operands and output.
    pub binary: BinaryI16,
    /// True for `a - b`.
    pub subtract: bool,
    /// Left shift before scaling, 0..=15.
    pub left_shift: u8,
    /// Scale of `a`, shift 0 or less.
    pub a_scale: Multiplier,
    /// Scale of `b`, shift 0 or less.
    pub b_scale: Multiplier,
    /// Scale of the sum, shift 0 or less.
    pub y_scale: Multiplier,
}

/// Multiplication on int16: `y = clamp(requantize(a * b, scale), min, max)`, `scale = a_scale * b_scale / y_scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MulI16 {
    /// Operands and output.
    pub binary: BinaryI16,
    /// Scale of the product.
    pub scale: Multiplier,
}

/// Average or max pooling on int16, as [`Pool2d`](super::Pool2d). At most 65535 elements in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Pool2dI16 {
    /// Input.
    pub x: u32,
    /// Output; must not overlap the input.
    pub y: u32,
    /// Shape of the input.
    pub x_shape: Hwc,
    /// Shape of the output; same channels.
    pub y_shape: Hwc,
    /// Kernel, stride, dilation, padding.
    pub window: Window,
    /// Average only: padding counts as elements of value 0.
    pub count_include_pad: bool,
    /// Rows of explicit padding below the input; only read with `count_include_pad`.
    pub pad_bottom: u32,
    /// Columns of explicit padding right of the input; only read with `count_include_pad`.
    pub pad_right: u32,
    /// Smallest stored output.
    pub min: i16,
    /// Largest stored output.
    pub max: i16,
}

/// Mean over the middle axis of `x [outer, n, inner]` on int16:
/// `y [outer, inner] = clamp(requantize(sum(x), scale), min, max)`, `scale` as in [`Mean`](super::Mean).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MeanI16 {
    /// Input.
    pub x: u32,
    /// Output; must not overlap the input.
    pub y: u32,
    /// Leading elements.
    pub outer: u32,
    /// Elements averaged, 1 to 65535.
    pub n: u32,
    /// Trailing elements.
    pub inner: u32,
    /// Smallest stored output.
    pub min: i16,
    /// Largest stored output.
    pub max: i16,
    /// Scale of the sum.
    pub scale: Multiplier,
}

/// Softmax over the last axis of `x [rows, depth]` on int16; output scale 1/32768. Arithmetic of the TensorFlow Lite
/// reference kernel (two interpolated tables), in both rounding modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SoftmaxI16 {
    /// Input.
    pub x: u32,
    /// Output; may start exactly where the input starts.
    pub y: u32,
    /// Independent rows.
    pub rows: u32,
    /// Elements per row, 1 to 65535.
    pub depth: u32,
    /// `x_scale * 65535 / 10`; shift up to 14.
    pub scale: Multiplier,
    /// Weights-section offset of 513 `i16`: `exp` over `[-10, 0]` in Q15.
    pub exp_table: u32,
    /// Weights-section offset of 513 `i16`: `1 / (1 + x)` over `[0, 1]` in Q15.
    pub reciprocal_table: u32,
}

/// A function of each int16 element as a table of 513 points, linear between them: point `i` is the result of
/// `128 * i - 32768`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LookupI16 {
    /// Input.
    pub x: u32,
    /// Output; may start exactly where the input starts.
    pub y: u32,
    /// Elements.
    pub len: u32,
    /// Weights-section offset of 513 `i16`.
    pub table: u32,
}

/// Sigmoid or hyperbolic tangent on int16; output scale 1/32768. Arithmetic of the TensorFlow Lite reference kernels (a table
/// of the sigmoid in steps of 1/24, linear between them), in both rounding modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SigmoidI16 {
    /// Input.
    pub x: u32,
    /// Output; may start exactly where the input starts.
    pub y: u32,
    /// Elements.
    pub len: u32,
    /// True for the hyperbolic tangent.
    pub tanh: bool,
    /// `x_scale * 3 * 4096 * 2^shift`, 0 to 32767.
    pub multiplier: u32,
    /// Right shift of the product, 0 to 31.
    pub shift: u8,
    /// Weights-section offset of 256 `u16`: the sigmoid of `i / 24` in units of `2^-16`.
    pub table: u32,
}

/// Another scale, a factor for each sign: `y = clamp(requantize(x, if x < 0 { negative } else { positive }), min, max)`.
/// Changes of scale, ReLU and its relatives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RescaleI16 {
    /// Input.
    pub x: u32,
    /// Output; may start exactly where the input starts.
    pub y: u32,
    /// Elements.
    pub len: u32,
    /// Factor of elements of 0 and more.
    pub positive: Multiplier,
    /// Factor of elements below 0.
    pub negative: Multiplier,
    /// Smallest stored output.
    pub min: i16,
    /// Largest stored output.
    pub max: i16,
}

/// int8 to int16: `y = clamp(requantize(x - x_zero_point, scale), -32768, 32767)`, `x [len] i8`, `y [len] i16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct WidenI8 {
    /// Input.
    pub x: u32,
    /// Output; must not overlap the input.
    pub y: u32,
    /// Elements.
    pub len: u32,
    /// Zero point of the input.
    pub x_zero_point: i8,
    /// `x_scale / y_scale`.
    pub scale: Multiplier,
}

/// int16 to int8: `y = clamp(requantize(x, scale) + y_zero_point, -128, 127)`, `x [len] i16`, `y [len] i8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NarrowI16 {
    /// Input.
    pub x: u32,
    /// Output; must not overlap the input.
    pub y: u32,
    /// Elements.
    pub len: u32,
    /// Zero point of the output.
    pub y_zero_point: i8,
    /// `x_scale / y_scale`.
    pub scale: Multiplier,
}

/// `y = clamp(round_half_away(x / scale), -32768, 32767)`, `x [len] f32`, `y [len] i16`; NaN gives 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct QuantizeI16 {
    /// Input.
    pub x: u32,
    /// Output; may start exactly where the input starts, else no overlap.
    pub y: u32,
    /// Elements.
    pub len: u32,
    /// Finite, above 0.
    pub scale: f32,
}

/// `y = scale * x`, `x [len] i16`, `y [len] f32`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DequantizeI16 {
    /// Input.
    pub x: u32,
    /// Output; must not overlap the input.
    pub y: u32,
    /// Elements.
    pub len: u32,
    /// Finite, above 0.
    pub scale: f32,
}

impl Conv2dI16 {
    /// Bytes of one filter in the file, padding included. `None` if that does not fit `u32`.
    pub fn row_bytes(&self) -> Option<u32> {
        let taps = self.window.kernel_h.checked_mul(self.window.kernel_w)?;
        taps.checked_mul(self.x_shape.c.checked_div(self.groups)?)?.checked_next_multiple_of(4)
    }
}
