//! The instruction set. One variant per kernel; operands are byte offsets, all decided by the converter.
//!
//! Unless said otherwise: `x`, `y` are byte offsets into the arena; `weights`, `bias`, tables are byte offsets into
//! the weights section (`i32` and `f32` arrays aligned to 4); batch is 1; layout is NHWC; `min` and `max` clamp the
//! stored output (the fused activation), `min <= max`.

mod float;
mod lstm;

pub use float::*;
pub use lstm::*;

use serde::{Deserialize, Serialize};

/// Height, width and channels of a feature map, in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Hwc {
    /// Rows.
    pub h: u32,
    /// Columns.
    pub w: u32,
    /// Channels.
    pub c: u32,
}

impl Hwc {
    /// Number of elements, or `None` if it does not fit `u32`.
    pub fn elements(self) -> Option<u32> {
        self.h.checked_mul(self.w)?.checked_mul(self.c)
    }
}

/// A sliding window. Padding at the bottom and right follows from the output size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Window {
    /// Kernel rows, 1 or more.
    pub kernel_h: u32,
    /// Kernel columns, 1 or more.
    pub kernel_w: u32,
    /// Rows between outputs, 1 or more.
    pub stride_h: u32,
    /// Columns between outputs, 1 or more.
    pub stride_w: u32,
    /// Rows between taps, 1 or more.
    pub dilation_h: u32,
    /// Columns between taps, 1 or more.
    pub dilation_w: u32,
    /// Rows of padding above the input.
    pub pad_top: u32,
    /// Columns of padding left of the input.
    pub pad_left: u32,
}

/// `real multiplier = multiplier * 2^(shift - 31)`; `multiplier` in `[2^30, 2^31)` or 0, `shift` in `[-31, 30]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Multiplier {
    /// Q0.31 mantissa.
    pub multiplier: i32,
    /// Power of two, positive = left.
    pub shift: i8,
}

/// Turning accumulators into stored outputs: `clamp(requantize(acc, multiplier[c]) + y_zero_point, min, max)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Requantize8 {
    /// Weights-section offset of `i32` multipliers: one per output channel, or one in all.
    pub multipliers: u32,
    /// Weights-section offset of `i8` shifts, as many as multipliers.
    pub shifts: u32,
    /// One multiplier and shift per output channel; else one for all.
    pub per_channel: bool,
    /// Zero point of the output.
    pub y_zero_point: i8,
    /// Smallest stored output.
    pub min: i8,
    /// Largest stored output.
    pub max: i8,
}

/// Where an operand lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Operand {
    /// Byte offset into the arena.
    Arena(u32),
    /// Byte offset into the weights section.
    Weights(u32),
}

/// 2-D convolution on int8. `x [h, w, in_c]`, `weights [out_c, kernel_h, kernel_w, in_c / groups]` with zero point 0,
/// `bias [out_c] i32` with scale `x_scale * w_scale[c]`, `y [h, w, out_c]`. Padding reads as `x_zero_point`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Conv2d {
    /// Input.
    pub x: u32,
    /// Output; must not overlap the input.
    pub y: u32,
    /// Shape of the input.
    pub x_shape: Hwc,
    /// Shape of the output.
    pub y_shape: Hwc,
    /// Kernel, stride, dilation, padding.
    pub window: Window,
    /// Divides both channel counts.
    pub groups: u32,
    /// `i8`, see above.
    pub weights: u32,
    /// `i32`, see above.
    pub bias: u32,
    /// Zero point of the input, subtracted from every tap.
    pub x_zero_point: i8,
    /// Per channel of the output.
    pub requantize: Requantize8,
}

/// 2-D depthwise convolution on int8. Output channel `c` reads input channel `c / (out_c / in_c)`.
/// `weights [kernel_h, kernel_w, out_c]`; the rest as [`Conv2d`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DepthwiseConv2d {
    /// Input.
    pub x: u32,
    /// Output; must not overlap the input.
    pub y: u32,
    /// Shape of the input.
    pub x_shape: Hwc,
    /// Shape of the output; its channels are a multiple of the input's.
    pub y_shape: Hwc,
    /// Kernel, stride, dilation, padding.
    pub window: Window,
    /// `i8`, see above.
    pub weights: u32,
    /// `i32 [out_c]`.
    pub bias: u32,
    /// Zero point of the input.
    pub x_zero_point: i8,
    /// Per channel of the output.
    pub requantize: Requantize8,
}

/// Fully connected on int8: `y[r, o] = requantize(dot(x[r], weights[o]) + bias[o])`. `x [rows, in_n]`,
/// `weights [out_n, in_n]`, `bias [out_n] i32` with the input's zero point folded in: `bias - x_zero_point * sum(weights[o])`.
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
    /// `i8`, see above.
    pub weights: u32,
    /// `i32`, see above.
    pub bias: u32,
    /// Per output.
    pub requantize: Requantize8,
}

/// Element-wise int8 operation on two operands, with broadcasting of `b`:
/// element `i` of `a` meets element `(i / b_inner) % b_len` of `b`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Binary {
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
    /// Zero point of `a`.
    pub a_zero_point: i8,
    /// Zero point of `b`.
    pub b_zero_point: i8,
    /// Zero point of `y`.
    pub y_zero_point: i8,
    /// Smallest stored output.
    pub min: i8,
    /// Largest stored output.
    pub max: i8,
}

/// Addition on int8.
///
/// With [`Rounding::Tflite`](super::Rounding): both operands are shifted left by `left_shift`, scaled by `a_scale` and
/// `b_scale`, added, scaled by `y_scale`, as the TensorFlow Lite reference kernel.
/// With [`Rounding::Single`](super::Rounding): `y = ((a - za) * a_scale.multiplier + (b - zb) * b_scale.multiplier
/// + 2^(s - 1)) >> s` in i32, where `s = -y_scale.shift` in `1..=30`; multipliers in `[-2^21, 2^21]`; `left_shift`,
/// the other shifts and `y_scale.multiplier` are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Add {
    /// Operands and output.
    pub binary: Binary,
    /// Left shift before scaling, 0..=20.
    pub left_shift: u8,
    /// Scale of `a`.
    pub a_scale: Multiplier,
    /// Scale of `b`.
    pub b_scale: Multiplier,
    /// Scale of the sum.
    pub y_scale: Multiplier,
}

/// Multiplication on int8: `y = requantize((a - za) * (b - zb), scale) + zy`, `scale = a_scale * b_scale / y_scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Mul {
    /// Operands and output.
    pub binary: Binary,
    /// Scale of the product.
    pub scale: Multiplier,
}

/// Average or max pooling on int8; input and output share scale and zero point.
///
/// The average rounds half away from zero: `(sum + n/2) / n` for positive sums, `(sum - n/2) / n` else, over the
/// *stored* values, as the TensorFlow Lite reference kernel. Every window must hold at least one real element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Pool2d {
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
    /// Average only: padding counts as elements of value `zero_point`, within `h + pad_top + pad_bottom`, see below.
    pub count_include_pad: bool,
    /// Rows of explicit padding below the input; only read with `count_include_pad`.
    pub pad_bottom: u32,
    /// Columns of explicit padding right of the input; only read with `count_include_pad`.
    pub pad_right: u32,
    /// Stored value of padding; only read with `count_include_pad`.
    pub zero_point: i8,
    /// Smallest stored output.
    pub min: i8,
    /// Largest stored output.
    pub max: i8,
}

/// Mean over the middle axis of `x [outer, n, inner]` on int8:
/// `y [outer, inner] = clamp(requantize(sum(x) - n * x_zero_point, scale) + y_zero_point)`, with
/// `scale = x_scale / (y_scale * n)`, with [`Rounding::Tflite`](super::Rounding) divided as the reference kernel does, so that
/// the mantissa may be below `2^30`. Global average pooling is `outer = 1`, `n = h * w`, `inner = c`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Mean {
    /// Input.
    pub x: u32,
    /// Output; must not overlap the input.
    pub y: u32,
    /// Leading elements.
    pub outer: u32,
    /// Elements averaged, 1 to 2^22.
    pub n: u32,
    /// Trailing elements.
    pub inner: u32,
    /// Zero point of the input.
    pub x_zero_point: i8,
    /// Zero point of the output.
    pub y_zero_point: i8,
    /// Smallest stored output.
    pub min: i8,
    /// Largest stored output.
    pub max: i8,
    /// Scale of the sum.
    pub scale: Multiplier,
}

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

/// Softmax over the last axis of `x [rows, depth]` on int8; output scale 1/256, zero point -128.
/// Arithmetic of the TensorFlow Lite reference kernel (26-bit fixed-point exponential), in both rounding modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Softmax {
    /// Input.
    pub x: u32,
    /// Output; may start exactly where the input starts.
    pub y: u32,
    /// Independent rows.
    pub rows: u32,
    /// Elements per row, 1 to 4096.
    pub depth: u32,
    /// `beta * x_scale * 2^26` as multiplier and shift; `shift` in `0..=30`.
    pub scale: Multiplier,
    /// Differences to the row's maximum below this contribute 0; at most 0.
    pub diff_min: i32,
}

/// Any unary operation on int8 as a 256-byte table: `y = table[x + 128]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Lookup {
    /// Input.
    pub x: u32,
    /// Output; may start exactly where the input starts.
    pub y: u32,
    /// Elements.
    pub len: u32,
    /// Weights-section offset of 256 `i8`.
    pub table: u32,
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
    pub x_shape: [u32; super::MAX_RANK],
    /// A permutation of the axes.
    pub axes: [u8; super::MAX_RANK],
}

/// `y = clamp(round_half_away(x / scale) + zero_point, -128, 127)`, `x [len] f32`, `y [len] i8`; NaN gives the zero point.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Quantize {
    /// Input.
    pub x: u32,
    /// Output; may start exactly where the input starts, else no overlap.
    pub y: u32,
    /// Elements.
    pub len: u32,
    /// Finite, above 0.
    pub scale: f32,
    /// Zero point of the output.
    pub zero_point: i8,
}

/// `y = scale * (x - zero_point)`, `x [len] i8`, `y [len] f32`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Dequantize {
    /// Input.
    pub x: u32,
    /// Output; must not overlap the input.
    pub y: u32,
    /// Elements.
    pub len: u32,
    /// Finite, above 0.
    pub scale: f32,
    /// Zero point of the input.
    pub zero_point: i8,
}

/// Changes scale and zero point of int8: `y = clamp(requantize(x - x_zero_point, scale) + y_zero_point, -128, 127)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Requantize {
    /// Input.
    pub x: u32,
    /// Output; may start exactly where the input starts.
    pub y: u32,
    /// Elements.
    pub len: u32,
    /// Zero point of the input.
    pub x_zero_point: i8,
    /// Zero point of the output.
    pub y_zero_point: i8,
    /// `x_scale / y_scale`.
    pub scale: Multiplier,
}

/// One step of a program.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[allow(missing_docs, reason = "each variant is documented at its parameters")]
pub enum Instruction {
    Conv2d(Conv2d),
    DepthwiseConv2d(DepthwiseConv2d),
    FullyConnected(FullyConnected),
    Add(Add),
    Mul(Mul),
    AveragePool2d(Pool2d),
    MaxPool2d(Pool2d),
    Mean(Mean),
    Softmax(Softmax),
    Lookup(Lookup),
    Requantize(Requantize),
    Quantize(Quantize),
    Dequantize(Dequantize),
    Pad(Pad),
    StridedCopy(StridedCopy),
    Transpose(Transpose),
    Conv2dF32(Conv2dF32),
    FullyConnectedF32(FullyConnectedF32),
    AddF32(BinaryF32),
    MulF32(BinaryF32),
    AveragePool2dF32(Pool2dF32),
    MaxPool2dF32(Pool2dF32),
    MeanF32(MeanF32),
    SoftmaxF32(SoftmaxF32),
    UnaryF32(UnaryF32),
    Lstm(Lstm),
    Sub(Add),
}

impl Instruction {
    /// Name of the kernel, as printed in tables: `conv2d`, `add_f32`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Conv2d(_) => "conv2d",
            Self::DepthwiseConv2d(_) => "depthwise_conv2d",
            Self::FullyConnected(_) => "fully_connected",
            Self::Add(_) => "add",
            Self::Mul(_) => "mul",
            Self::AveragePool2d(_) => "average_pool2d",
            Self::MaxPool2d(_) => "max_pool2d",
            Self::Mean(_) => "mean",
            Self::Softmax(_) => "softmax",
            Self::Lookup(_) => "lookup",
            Self::Requantize(_) => "requantize",
            Self::Quantize(_) => "quantize",
            Self::Dequantize(_) => "dequantize",
            Self::Pad(_) => "pad",
            Self::StridedCopy(_) => "strided_copy",
            Self::Transpose(_) => "transpose",
            Self::Conv2dF32(_) => "conv2d_f32",
            Self::FullyConnectedF32(_) => "fully_connected_f32",
            Self::AddF32(_) => "add_f32",
            Self::MulF32(_) => "mul_f32",
            Self::AveragePool2dF32(_) => "average_pool2d_f32",
            Self::MaxPool2dF32(_) => "max_pool2d_f32",
            Self::MeanF32(_) => "mean_f32",
            Self::SoftmaxF32(_) => "softmax_f32",
            Self::UnaryF32(_) => "unary_f32",
            Self::Lstm(_) => "lstm",
            Self::Sub(_) => "sub",
        }
    }
}
