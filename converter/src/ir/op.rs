//! The kinds of computation. Sizes that follow from the inputs' shapes are not repeated here.

use super::{DType, Unary};
use serde::{Deserialize, Serialize};

/// Fused output clamp, in real values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Activation {
    /// Smallest output, may be minus infinity.
    pub min: f32,
    /// Largest output, may be infinity.
    pub max: f32,
}

impl Activation {
    /// No clamp.
    pub const NONE: Self = Self { min: f32::NEG_INFINITY, max: f32::INFINITY };
}

/// Padding in elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Pads {
    pub top: usize,
    pub left: usize,
    pub bottom: usize,
    pub right: usize,
}

/// What a node computes. `x` is `inputs[0]`; axes count from 0 and are never negative.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Op {
    /// `x [1, h, w, in]`, weights `[out, kh, kw, in / groups]`, optional bias `[out]` -> `[1, h', w', out]`.
    /// Depthwise is `groups == in`.
    Conv2d {
        /// Rows, columns.
        stride: [usize; 2],
        /// Rows, columns.
        dilation: [usize; 2],
        /// Zeros around the input.
        pads: Pads,
        /// Divides both channel counts.
        groups: usize,
        /// Fused clamp.
        activation: Activation,
    },
    /// `x [..., in]`, weights `[out, in]`, optional bias `[out]` -> `[..., out]`.
    FullyConnected {
        /// Fused clamp.
        activation: Activation,
    },
    /// `a + b` with NumPy broadcasting.
    Add {
        /// Fused clamp.
        activation: Activation,
    },
    /// `a - b`, `b` broadcast to `a`. Networks in real numbers add the negated operand instead.
    Sub {
        /// Fused clamp.
        activation: Activation,
    },
    /// `a * b` with NumPy broadcasting.
    Mul {
        /// Fused clamp.
        activation: Activation,
    },
    /// `y = x * scale + shift`, per channel of the last axis: inputs `x`, `scale [c]`, `shift [c]`.
    /// What a BatchNormalization that could not be folded becomes.
    ScaleShift,
    /// `y = (x - mean) / sqrt(variance + epsilon) * scale + shift`, per channel of the last axis: inputs `x`, `scale [c]`,
    /// `shift [c]`, `mean [c]`, `variance [c]`. While it is trained, mean and variance are those of the batch, and the
    /// constants follow them. Only before the passes, which make it a `ScaleShift`.
    BatchNorm {
        /// Added to the variance.
        epsilon: f32,
        /// Share of the batch's statistics in the new constants, 0 to 1.
        momentum: f32,
    },
    /// While it is trained, an element is 0 with probability `rate` and `x / (1 - rate)` otherwise; else `x`. Only before the
    /// passes.
    Dropout {
        /// At least 0 and below 1.
        rate: f32,
    },
    /// Average over windows of `x [1, h, w, c]`. The output size is part of the value's shape (ceil mode shows there).
    AveragePool2d {
        /// Rows, columns.
        kernel: [usize; 2],
        /// Rows, columns.
        stride: [usize; 2],
        /// Rows, columns.
        dilation: [usize; 2],
        /// Around the input.
        pads: Pads,
        /// Padding counts as zeros in the average.
        count_include_pad: bool,
    },
    /// Maximum over windows of `x [1, h, w, c]`; padding never wins.
    MaxPool2d {
        /// Rows, columns.
        kernel: [usize; 2],
        /// Rows, columns.
        stride: [usize; 2],
        /// Rows, columns.
        dilation: [usize; 2],
        /// Around the input.
        pads: Pads,
    },
    /// Mean over `axes` (sorted, unique). Global average pooling is `axes [1, 2]`.
    Mean {
        /// Reduced axes.
        axes: Vec<usize>,
        /// Reduced axes stay as size 1.
        keep_dims: bool,
    },
    /// Constant padding, per axis.
    Pad {
        /// Elements before, per axis.
        before: Vec<usize>,
        /// Elements after, per axis.
        after: Vec<usize>,
        /// Fill value.
        value: f32,
    },
    /// Softmax over one axis.
    Softmax {
        /// Which.
        axis: usize,
    },
    /// A function of each element. ReLU, ReLU6 and Clip are `Unary::Clamp`.
    Unary(Unary),
    /// Joins all inputs along `axis`.
    Concat {
        /// Which.
        axis: usize,
    },
    /// Takes `x[start[i] .. end[i] step step[i]]` along every axis; `step >= 1`.
    Slice {
        /// First element, per axis.
        start: Vec<usize>,
        /// One past the last element, per axis.
        end: Vec<usize>,
        /// Distance, per axis.
        step: Vec<usize>,
    },
    /// Long short-term memory, in float or int8 with an int16 cell: `x [1, steps, in]` -> `[1, steps, units]`. Operands:
    /// `x`, state `cell [1, units]`, state `hidden [1, units]`, then for the input, forget, candidate and output gate
    /// weights `[units, in]`, weights `[units, units]` and bias `[units]`.
    Lstm {
        /// Bound of the cell's magnitude in real values; 0 for none.
        cell_clip: f32,
    },
    /// Same elements in the same order, another shape (that of the output value).
    Reshape,
    /// Axis `i` of the output is axis `perm[i]` of the input.
    Transpose {
        /// A permutation.
        perm: Vec<usize>,
    },
    /// The nearest `scale * (q - zero_point)` with a `q` that `dtype` can store: what a network that came quantized rounds to here.
    /// Only before quantization, which turns it into the parameters of a value.
    FakeQuantize {
        /// Positive and finite.
        scale: f32,
        /// An int8; 0 for int16.
        zero_point: i32,
        /// `I8` or `I16`.
        dtype: DType,
    },
    /// Float to int8 or int16, with the parameters of the output value. Only after quantization.
    Quantize,
    /// int8 or int16 to float, with the parameters of the input value. Only after quantization.
    Dequantize,
    /// int8 or int16 to either of them with other parameters. Only after quantization.
    Requantize,
    /// A function of each int8 element, as a table: entry `x + 128`. Only after quantization.
    // The last, because serde counts a skipped variant when it writes and not when it reads.
    #[serde(skip)]
    Table {
        /// What the table approximates.
        function: Unary,
        /// Stored results.
        table: Box<[i8; 256]>,
    },
}

impl Op {
    /// The clamp that a node applies at its end, if its kind can have one.
    pub fn clamp(&self) -> Option<Activation> {
        match self {
            Self::Conv2d { activation, .. }
            | Self::FullyConnected { activation }
            | Self::Add { activation }
            | Self::Sub { activation }
            | Self::Mul { activation } => Some(*activation),
            Self::Unary(Unary::Clamp { min, max }) => Some(Activation { min: *min, max: *max }),
            _ => None,
        }
    }

    /// Name as printed in tables and errors.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Conv2d { .. } => "conv2d",
            Self::FullyConnected { .. } => "fully_connected",
            Self::Add { .. } => "add",
            Self::Sub { .. } => "sub",
            Self::Mul { .. } => "mul",
            Self::ScaleShift => "scale_shift",
            Self::BatchNorm { .. } => "batch_norm",
            Self::Dropout { .. } => "dropout",
            Self::AveragePool2d { .. } => "average_pool2d",
            Self::MaxPool2d { .. } => "max_pool2d",
            Self::Mean { .. } => "mean",
            Self::Pad { .. } => "pad",
            Self::Softmax { .. } => "softmax",
            Self::Unary(_) | Self::Table { .. } => "unary",
            Self::Concat { .. } => "concat",
            Self::Slice { .. } => "slice",
            Self::Lstm { .. } => "lstm",
            Self::Reshape => "reshape",
            Self::Transpose { .. } => "transpose",
            Self::FakeQuantize { .. } => "fake_quantize",
            Self::Quantize => "quantize",
            Self::Dequantize => "dequantize",
            Self::Requantize => "requantize",
        }
    }
}
