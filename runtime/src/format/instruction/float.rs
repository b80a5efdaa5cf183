//! Instructions on float32: for mixed models, and for comparing on a host.

#[cfg(doc)]
use super::{Binary, Conv2d, FullyConnected, Mean, Pool2d, Softmax};
use super::{Hwc, Operand, Window};
use serde::{Deserialize, Serialize};

/// Float weights: where, and stored how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FloatWeights {
    /// Weights-section offset, aligned to the element size.
    pub offset: u32,
    /// Stored as IEEE binary16 (needs feature `half`), else binary32.
    pub half: bool,
}

/// [`Conv2d`] on float32; depthwise is `groups = in_c`, `weights [out_c, kernel_h, kernel_w, in_c / groups]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Conv2dF32 {
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
    /// See above.
    pub weights: FloatWeights,
    /// `f32 [out_c]`.
    pub bias: u32,
    /// Smallest output; may be minus infinity.
    pub min: f32,
    /// Largest output; may be infinity.
    pub max: f32,
}

/// [`FullyConnected`] on float32.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FullyConnectedF32 {
    /// Input.
    pub x: u32,
    /// Output; must not overlap the input.
    pub y: u32,
    /// Independent rows.
    pub rows: u32,
    /// Inputs per row.
    pub in_n: u32,
    /// Outputs per row.
    pub out_n: u32,
    /// `[out_n, in_n]`.
    pub weights: FloatWeights,
    /// `f32 [out_n]`.
    pub bias: u32,
    /// Smallest output.
    pub min: f32,
    /// Largest output.
    pub max: f32,
}

/// Element-wise float32 operation; operands and broadcasting as [`Binary`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct BinaryF32 {
    /// First operand, `[len]`.
    pub a: Operand,
    /// Second operand, `[b_len]`.
    pub b: Operand,
    /// Output; may start exactly where an arena operand of the same length starts.
    pub y: u32,
    /// Elements of `a` and `y`.
    pub len: u32,
    /// Elements of `b`.
    pub b_len: u32,
    /// Consecutive elements of `a` that share one of `b`.
    pub b_inner: u32,
    /// Smallest output.
    pub min: f32,
    /// Largest output.
    pub max: f32,
}

/// Pooling on float32; fields as [`Pool2d`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Pool2dF32 {
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
    /// Average only: padding counts as zeros.
    pub count_include_pad: bool,
    /// Rows of explicit padding below; only read with `count_include_pad`.
    pub pad_bottom: u32,
    /// Columns of explicit padding right; only read with `count_include_pad`.
    pub pad_right: u32,
    /// Smallest output.
    pub min: f32,
    /// Largest output.
    pub max: f32,
}

/// [`Mean`] on float32.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MeanF32 {
    /// Input.
    pub x: u32,
    /// Output; must not overlap the input.
    pub y: u32,
    /// Leading elements.
    pub outer: u32,
    /// Elements averaged.
    pub n: u32,
    /// Trailing elements.
    pub inner: u32,
    /// Smallest output.
    pub min: f32,
    /// Largest output.
    pub max: f32,
}

/// [`Softmax`] on float32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SoftmaxF32 {
    /// Input.
    pub x: u32,
    /// Output; may start exactly where the input starts.
    pub y: u32,
    /// Independent rows.
    pub rows: u32,
    /// Elements per row.
    pub depth: u32,
}

/// A unary function of one float32.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Unary {
    /// `clamp(x, min, max)`: ReLU, ReLU6, Clip.
    Clamp {
        /// May be minus infinity.
        min: f32,
        /// May be infinity.
        max: f32,
    },
    /// `x >= 0 ? x : alpha * x`.
    LeakyRelu {
        /// Slope below zero.
        alpha: f32,
    },
    /// `x >= 0 ? x : alpha * (exp(x) - 1)`.
    Elu {
        /// Limit at minus infinity, negated.
        alpha: f32,
    },
    /// `gamma * (x >= 0 ? x : alpha * (exp(x) - 1))`.
    Selu {
        /// As in Elu.
        alpha: f32,
        /// Outer factor.
        gamma: f32,
    },
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// `clamp(alpha * x + beta, 0, 1)`.
    HardSigmoid {
        /// Slope.
        alpha: f32,
        /// Offset.
        beta: f32,
    },
    /// `x * clamp(x / 6 + 1/2, 0, 1)`.
    HardSwish,
    /// `x / (1 + exp(-x))`.
    Silu,
    /// `x * Phi(x)`, Phi the normal distribution function.
    Gelu,
    /// GELU by `tanh(sqrt(2 / pi) * (x + 0.044715 x^3))`.
    GeluTanh,
    /// `x * tanh(ln(1 + exp(x)))`.
    Mish,
    /// `ln(1 + exp(x))`.
    Softplus,
    /// `x / (1 + |x|)`.
    Softsign,
    /// Error function.
    Erf,
    /// Exponential.
    Exp,
    /// Natural logarithm.
    Log,
    /// Square root.
    Sqrt,
    /// `1 / x`.
    Reciprocal,
    /// `-x`.
    Neg,
    /// `|x|`.
    Abs,
    /// Largest integer not above.
    Floor,
    /// Smallest integer not below.
    Ceil,
    /// Nearest integer, ties to even.
    Round,
    /// -1, 0 or 1.
    Sign,
    /// Sine.
    Sin,
    /// Cosine.
    Cos,
}

/// A unary function on float32.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct UnaryF32 {
    /// Input.
    pub x: u32,
    /// Output; may start exactly where the input starts.
    pub y: u32,
    /// Elements.
    pub len: u32,
    /// Which function.
    pub function: Unary,
}
