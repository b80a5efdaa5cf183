//! `[[layers]]` of a recipe, as its file spells them. Each takes the result of the one before.

use crate::ir::Unary;
use serde::Deserialize;

/// One layer. Sizes are one number for rows and columns, or `[rows, columns]`; pictures are rows, columns, channels.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Layer {
    /// Convolution of pictures.
    Conv2d {
        /// Of its parameters: `NAME.weight`, `NAME.bias`.
        name: Option<String>,
        /// Channels of the result.
        filters: usize,
        /// Window.
        kernel: Size,
        /// Distance of windows.
        #[serde(default)]
        stride: Size,
        /// Zeros around.
        #[serde(default)]
        padding: Padding,
        /// Distance of a window's taps.
        #[serde(default)]
        dilation: Size,
        /// Parts that the channels are divided into.
        #[serde(default = "one")]
        groups: usize,
        /// Adds a number per channel.
        #[serde(default = "yes")]
        bias: bool,
        /// Applied to the result.
        #[serde(default)]
        activation: Function,
    },
    /// Convolution of each channel by itself.
    DepthwiseConv2d {
        /// Of its parameters.
        name: Option<String>,
        /// Channels of the result per channel.
        #[serde(default = "one")]
        multiplier: usize,
        /// Window.
        kernel: Size,
        /// Distance of windows.
        #[serde(default)]
        stride: Size,
        /// Zeros around.
        #[serde(default)]
        padding: Padding,
        /// Distance of a window's taps.
        #[serde(default)]
        dilation: Size,
        /// Adds a number per channel.
        #[serde(default = "yes")]
        bias: bool,
        /// Applied to the result.
        #[serde(default)]
        activation: Function,
    },
    /// Every element of the result sees every element of the last axis.
    Dense {
        /// Of its parameters.
        name: Option<String>,
        /// Elements of the result.
        units: usize,
        /// Adds a number per element.
        #[serde(default = "yes")]
        bias: bool,
        /// Applied to the result.
        #[serde(default)]
        activation: Function,
    },
    /// Normalizes channels; becomes part of its neighbours when the network is converted.
    BatchNorm {
        /// Of its parameters: `weight`, `bias`, `running_mean`, `running_var`.
        name: Option<String>,
        /// Added to the variance.
        #[serde(default = "epsilon")]
        epsilon: f32,
        /// Share of a batch in the running statistics.
        #[serde(default = "momentum")]
        momentum: f32,
    },
    /// A function of each element.
    Activation {
        /// Which.
        function: Function,
    },
    /// Largest element of each window.
    MaxPool2d {
        /// Window.
        kernel: Size,
        /// Distance of windows [default: as large as the window].
        stride: Option<Size>,
        /// Around the picture.
        #[serde(default)]
        padding: Padding,
    },
    /// Mean of each window; padding does not count.
    AveragePool2d {
        /// Window.
        kernel: Size,
        /// Distance of windows [default: as large as the window].
        stride: Option<Size>,
        /// Around the picture.
        #[serde(default)]
        padding: Padding,
    },
    /// Mean of each channel.
    GlobalAveragePool {},
    /// All elements in a row: rows, columns, channels.
    Flatten {},
    /// While training, drops a share of the elements.
    Dropout {
        /// Share.
        rate: f32,
    },
    /// Scores to probabilities.
    Softmax {},
    /// Long short-term memory over `[steps, elements]`.
    Lstm {
        /// Of its parameters.
        name: Option<String>,
        /// Elements of the result per step.
        units: usize,
        /// Only the result of the last step.
        #[serde(default)]
        last: bool,
    },
    /// Adds the result of an earlier layer.
    Add {
        /// Name of that layer.
        with: String,
        /// Applied to the sum.
        #[serde(default)]
        activation: Function,
    },
}

fn one() -> usize {
    1
}
fn yes() -> bool {
    true
}
fn epsilon() -> f32 {
    1e-5
}
fn momentum() -> f32 {
    0.1
}

impl Layer {
    /// The name in the recipe, if it has one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Conv2d { name, .. }
            | Self::DepthwiseConv2d { name, .. }
            | Self::Dense { name, .. }
            | Self::BatchNorm { name, .. }
            | Self::Lstm { name, .. } => name.as_deref(),
            _ => None,
        }
    }

    /// The op, as recipes spell it.
    pub fn op(&self) -> &'static str {
        match self {
            Self::Conv2d { .. } => "conv2d",
            Self::DepthwiseConv2d { .. } => "depthwise_conv2d",
            Self::Dense { .. } => "dense",
            Self::BatchNorm { .. } => "batch_norm",
            Self::Activation { .. } => "activation",
            Self::MaxPool2d { .. } => "max_pool2d",
            Self::AveragePool2d { .. } => "average_pool2d",
            Self::GlobalAveragePool {} => "global_average_pool",
            Self::Flatten {} => "flatten",
            Self::Dropout { .. } => "dropout",
            Self::Softmax {} => "softmax",
            Self::Lstm { .. } => "lstm",
            Self::Add { .. } => "add",
        }
    }
}

/// Rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Size {
    /// The same for both.
    Both(usize),
    /// Rows, columns.
    Each([usize; 2]),
}

impl Default for Size {
    fn default() -> Self {
        Self::Both(1)
    }
}

impl Size {
    /// Rows, columns.
    pub fn pair(self) -> [usize; 2] {
        match self {
            Self::Both(n) => [n, n],
            Self::Each(pair) => pair,
        }
    }
}

/// Zeros around a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Padding {
    /// As many on each side.
    Size(Size),
    /// By a rule.
    Rule(PaddingRule),
}

/// How many zeros there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaddingRule {
    /// The result has as many rows as the input, divided by the stride and rounded up; an odd zero is at the end.
    Same,
    /// None.
    Valid,
}

impl Default for Padding {
    fn default() -> Self {
        Self::Rule(PaddingRule::Valid)
    }
}

/// A function of one element.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Function {
    #[default]
    Linear,
    Relu,
    Relu6,
    LeakyRelu,
    Elu,
    Sigmoid,
    Tanh,
    HardSigmoid,
    HardSwish,
    Silu,
    Gelu,
    Softplus,
}

impl Function {
    /// The function, if it does anything.
    pub fn unary(self) -> Option<Unary> {
        Some(match self {
            Self::Linear => return None,
            Self::Relu => Unary::Clamp { min: 0.0, max: f32::INFINITY },
            Self::Relu6 => Unary::Clamp { min: 0.0, max: 6.0 },
            Self::LeakyRelu => Unary::LeakyRelu { alpha: 0.01 },
            Self::Elu => Unary::Elu { alpha: 1.0 },
            Self::Sigmoid => Unary::Sigmoid,
            Self::Tanh => Unary::Tanh,
            Self::HardSigmoid => Unary::HardSigmoid { alpha: 1.0 / 6.0, beta: 0.5 },
            Self::HardSwish => Unary::HardSwish,
            Self::Silu => Unary::Silu,
            Self::Gelu => Unary::Gelu,
            Self::Softplus => Unary::Softplus,
        })
    }
}
