//! `[train]` of a recipe, as its file spells it.

use super::compress::Teacher;
use crate::recipe::DataSource;
use serde::{Deserialize, Serialize};

/// How a network is trained.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Samples to learn from.
    pub data: DataSource,
    /// Samples that tell how training goes, in a file of their own.
    pub validation: Option<DataSource>,
    /// Or parts of `data`, chosen by the seed.
    #[serde(default)]
    pub split: Split,
    /// What the outputs are compared with.
    #[serde(default)]
    pub target: Target,
    /// Passes over the training data.
    pub epochs: usize,
    /// Samples per step.
    #[serde(default = "batch")]
    pub batch: usize,
    /// Of all random numbers.
    #[serde(default)]
    pub seed: u64,
    /// What is made small.
    #[serde(default)]
    pub loss: Loss,
    /// Share of the truth that is spread over all classes, 0 to below 1; for cross entropy.
    #[serde(default)]
    pub label_smoothing: f32,
    /// Adds `l1 * sum(|w|)` to the loss, over weights (not biases and normalizations).
    #[serde(default)]
    pub l1: f32,
    /// Adds `l2 / 2 * sum(w^2)` to the loss, over weights.
    #[serde(default)]
    pub l2: f32,
    /// Weights shrink by `rate * weight_decay` of themselves each step, apart from the gradient [default: 0.01 for
    /// AdamW, else 0].
    pub weight_decay: Option<f32>,
    /// The gradient of all parameters together is scaled down to this length.
    pub clip_norm: Option<f32>,
    /// How parameters follow gradients.
    #[serde(default)]
    pub optimizer: Optimizer,
    /// How the rate changes.
    #[serde(default)]
    pub schedule: Schedule,
    /// Random changes of the training samples.
    #[serde(default)]
    pub augment: Augment,
    /// Stop when validation gets no better.
    pub early_stopping: Option<EarlyStopping>,
    /// Parameters that stay as they are: names, `*` for any text.
    #[serde(default)]
    pub freeze: Vec<String>,
    /// Another network, whose scores are learned too.
    pub teacher: Option<Teacher>,
    /// Convert the trained network to a `.mote` file.
    #[serde(default = "yes")]
    pub convert: bool,
    /// Accuracy on the `evaluate` data, in percent, that the float network must reach.
    pub min_accuracy: Option<f64>,
}

fn yes() -> bool {
    true
}

fn batch() -> usize {
    32
}

/// Shares of the training data that are kept from training, 0 to below 1.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// For validation.
    #[serde(default)]
    pub validation: f64,
    /// For the accuracy that is told at the end, in place of `evaluate`.
    #[serde(default)]
    pub test: f64,
}

/// What outputs are compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The labels, one class a sample.
    #[default]
    Labels,
    /// The input: an autoencoder.
    Input,
}

/// What is made small, averaged over samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Of classes; the scores may be logits or come out of a softmax.
    #[default]
    CrossEntropy,
    /// Of each score by itself; scores must come out of a sigmoid.
    BinaryCrossEntropy,
    /// Mean squared error.
    Mse,
}

/// How parameters follow gradients `g`, at learning rate `rate`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Optimizer {
    /// `v = momentum * v + g; w -= rate * v`, or with `nesterov` `w -= rate * (g + momentum * v)`.
    Sgd {
        /// Learning rate.
        #[serde(default = "rate_sgd")]
        rate: f64,
        /// 0 for none.
        #[serde(default)]
        momentum: f64,
        /// Look ahead.
        #[serde(default)]
        nesterov: bool,
    },
    /// As SGD, but one step an epoch, with the gradient of all samples.
    GradientDescent {
        /// Learning rate.
        #[serde(default = "rate_sgd")]
        rate: f64,
        /// 0 for none.
        #[serde(default)]
        momentum: f64,
    },
    /// `s += g^2; w -= rate * g / (sqrt(s) + epsilon)`.
    Adagrad {
        /// Learning rate.
        #[serde(default = "rate_sgd")]
        rate: f64,
        /// Keeps the quotient finite.
        #[serde(default = "epsilon_small")]
        epsilon: f64,
    },
    /// `s = decay * s + (1 - decay) * g^2; w -= rate * g / (sqrt(s) + epsilon)`.
    Rmsprop {
        /// Learning rate.
        #[serde(default = "rate_adam")]
        rate: f64,
        /// Of the mean square.
        #[serde(default = "decay")]
        decay: f64,
        /// Keeps the quotient finite.
        #[serde(default = "epsilon")]
        epsilon: f64,
    },
    /// Kingma and Ba 2015, with bias correction.
    Adam {
        /// Learning rate.
        #[serde(default = "rate_adam")]
        rate: f64,
        /// Of the mean.
        #[serde(default = "beta1")]
        beta1: f64,
        /// Of the mean square.
        #[serde(default = "beta2")]
        beta2: f64,
        /// Keeps the quotient finite.
        #[serde(default = "epsilon")]
        epsilon: f64,
    },
    /// Adam with weight decay apart from the gradient (Loshchilov and Hutter 2019).
    Adamw {
        /// Learning rate.
        #[serde(default = "rate_adam")]
        rate: f64,
        /// Of the mean.
        #[serde(default = "beta1")]
        beta1: f64,
        /// Of the mean square.
        #[serde(default = "beta2")]
        beta2: f64,
        /// Keeps the quotient finite.
        #[serde(default = "epsilon")]
        epsilon: f64,
    },
}

fn rate_sgd() -> f64 {
    0.01
}
fn rate_adam() -> f64 {
    0.001
}
fn epsilon() -> f64 {
    1e-8
}
fn epsilon_small() -> f64 {
    1e-10
}
fn decay() -> f64 {
    0.9
}
fn beta1() -> f64 {
    0.9
}
fn beta2() -> f64 {
    0.999
}

impl Default for Optimizer {
    fn default() -> Self {
        Self::Adamw { rate: rate_adam(), beta1: beta1(), beta2: beta2(), epsilon: epsilon() }
    }
}

/// How the learning rate changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// After the warm-up.
    #[serde(default)]
    pub kind: ScheduleKind,
    /// Epochs in which the rate grows from 0, a line.
    #[serde(default)]
    pub warm_up: f64,
    /// Share of the rate that a cosine ends with.
    #[serde(default)]
    pub floor: f64,
    /// Epochs between the steps of `step`.
    pub every: Option<f64>,
    /// Factor of each step of `step` [default: 0.1].
    pub factor: Option<f64>,
}

/// Shape of the schedule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleKind {
    /// Stays.
    #[default]
    Constant,
    /// Half a cosine down to `floor`.
    Cosine,
    /// Times `factor` after every `every` epochs.
    Step,
}

/// Random changes of a training sample, in this order.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augment {
    /// Rotation by up to this many degrees, pictures only.
    #[serde(default)]
    pub rotate: f32,
    /// Cuts out a part with at least this share of height and width, 0 to 1, and scales it up; pictures only.
    pub crop: Option<f32>,
    /// Shift by up to this many rows and columns, pictures only.
    #[serde(default)]
    pub shift: usize,
    /// Shift by up to this many steps along the first axis after the batch: time of sounds and spectrograms.
    #[serde(default)]
    pub time_shift: usize,
    /// Mirror half of the pictures.
    pub flip: Option<Flip>,
    /// Normal noise of this deviation, in normalized units.
    #[serde(default)]
    pub noise: f32,
    /// A square of this side becomes background, pictures only.
    #[serde(default)]
    pub cutout: usize,
}

/// Which way pictures are mirrored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flip {
    /// Left and right.
    Horizontal,
    /// Up and down.
    Vertical,
    /// Each by itself.
    Both,
}

/// When to stop before the last epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlyStopping {
    /// Epochs without a lower loss on the validation samples.
    pub patience: usize,
    /// What counts as lower: by at least this.
    #[serde(default)]
    pub min_delta: f64,
}
