//! The instruction set. One variant per kernel; operands are byte offsets, all decided by the converter.
//!
//! Unless said otherwise: `x`, `y` are byte offsets into the arena; `weights`, `bias`, tables are byte offsets into
//! the weights section (`i32` and `f32` arrays aligned to 4); batch is 1; layout is NHWC; `min` and `max` clamp the
//! stored output (the fused activation), `min <= max`.

mod bands;
mod convolution;
mod elementwise;
mod float;
mod int16;
mod lstm;
mod movement;
mod packed;
mod requantize;
mod sparse;
mod winograd;

pub use bands::*;
pub use convolution::*;
pub use elementwise::*;
pub use float::*;
pub use int16::*;
pub use lstm::*;
pub use movement::*;
pub use packed::*;
pub use requantize::*;
pub use sparse::*;
pub use winograd::*;

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

/// Where an operand lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Operand {
    /// Byte offset into the arena.
    Arena(u32),
    /// Byte offset into the weights section.
    Weights(u32),
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
    /// Output; may overlap the input as [`Pool2d::distances`] allows from the top down.
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
    LstmF32(LstmF32),
    Conv2dWinograd(Conv2dWinograd),
    Conv2dI16(Conv2dI16),
    DepthwiseConv2dI16(DepthwiseConv2dI16),
    FullyConnectedI16(FullyConnectedI16),
    AddI16(AddI16),
    MulI16(MulI16),
    AveragePool2dI16(Pool2dI16),
    MaxPool2dI16(Pool2dI16),
    MeanI16(MeanI16),
    SoftmaxI16(SoftmaxI16),
    LookupI16(LookupI16),
    SigmoidI16(SigmoidI16),
    RescaleI16(RescaleI16),
    WidenI8(WidenI8),
    NarrowI16(NarrowI16),
    QuantizeI16(QuantizeI16),
    DequantizeI16(DequantizeI16),
    Bands(Bands),
    Conv2dSparse(Conv2dSparse),
    Conv2dPacked(Conv2dPacked),
    FullyConnectedPacked(FullyConnectedPacked),
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
            Self::LstmF32(_) => "lstm_f32",
            Self::Conv2dWinograd(_) => "conv2d_winograd",
            Self::Conv2dI16(_) => "conv2d_i16",
            Self::DepthwiseConv2dI16(_) => "depthwise_conv2d_i16",
            Self::FullyConnectedI16(_) => "fully_connected_i16",
            Self::AddI16(_) => "add_i16",
            Self::MulI16(_) => "mul_i16",
            Self::AveragePool2dI16(_) => "average_pool2d_i16",
            Self::MaxPool2dI16(_) => "max_pool2d_i16",
            Self::MeanI16(_) => "mean_i16",
            Self::SoftmaxI16(_) => "softmax_i16",
            Self::LookupI16(_) => "lookup_i16",
            Self::SigmoidI16(_) => "sigmoid_i16",
            Self::RescaleI16(_) => "rescale_i16",
            Self::WidenI8(_) => "widen_i8",
            Self::NarrowI16(_) => "narrow_i16",
            Self::QuantizeI16(_) => "quantize_i16",
            Self::DequantizeI16(_) => "dequantize_i16",
            Self::Bands(_) => "bands",
            Self::Conv2dSparse(_) => "conv2d_sparse",
            Self::Conv2dPacked(_) => "conv2d_packed",
            Self::FullyConnectedPacked(_) => "fully_connected_packed",
        }
    }
}
