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

/// Where the biases of all output channels are, by their width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Biases {
    /// Weights-section offset of `i32`.
    I32(u32),
    /// Weights-section offset of `i16`, where all fit.
    I16(u32),
}

/// The factors from accumulators to stored outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Factors {
    /// One for all channels.
    One(Multiplier),
    /// Five bytes a channel: weights-section offsets of `i32` multipliers and of `i8` shifts.
    Each {
        /// `i32 [channels]`.
        multipliers: u32,
        /// `i8 [channels]`.
        shifts: u32,
    },
    /// Four bytes a channel, where no factor is 0 and the shifts differ by 3 at most. `words` is the weights-section
    /// offset of `u32`: the low 30 bits are those of the multiplier, whose bit 30 is always set; the top two bits are
    /// what the channel's shift is below `shift`.
    Packed {
        /// `u32 [channels]`.
        words: u32,
        /// The largest shift, in `[-28, 30]`.
        shift: i8,
    },
}

/// Turning sums into stored outputs: `clamp(requantize(sum + bias[c], factor[c]) + y_zero_point, min, max)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Requantize8 {
    /// Added to the sums. Scale `x_scale * w_scale[c]`.
    pub biases: Biases,
    /// `x_scale * w_scale[c] / y_scale`.
    pub factors: Factors,
    /// Zero point of the output.
    pub y_zero_point: i8,
    /// Smallest stored output.
    pub min: i8,
    /// Largest stored output.
    pub max: i8,
}

/// In which order a kernel works through the rows of a feature map.
///
/// An output may overlap its input where every byte is read before it is overwritten: an output below its input is
/// computed from the top, one above it from the bottom. See [`overlap`](super::overlap).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RowOrder {
    /// The first row first.
    #[default]
    TopDown,
    /// The last row first.
    BottomUp,
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
    LstmF32(LstmF32),
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
        }
    }
}
