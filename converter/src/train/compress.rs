//! `[[compress]]` and `[train.teacher]` of a recipe, as its file spells them.

use super::config::{Optimizer, Schedule, Training};
use super::{Augment, TrainError};
use crate::prune::channels::Channels;
use crate::prune::weights::Sparsity;
use crate::quantize::QuantizeOptions;
use serde::Deserialize;
use std::path::PathBuf;

/// A step after training that makes the network smaller, and trains what is left. Steps run in order, each on what the one
/// before it gave.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Take whole channels out first.
    pub channels: Option<Channels>,
    /// Make weights zero while training goes on. They stay zero in all later steps.
    pub weights: Option<Sparsity>,
    /// Train with the integers of the device. Nothing but the conversion may follow.
    pub quantize: Option<Rounded>,
    /// Passes over the training data.
    pub epochs: usize,
    /// In place of that of `[train]`.
    pub optimizer: Option<Optimizer>,
    /// In place of that of `[train]`.
    pub schedule: Option<Schedule>,
    /// In place of that of `[train]`.
    pub augment: Option<Augment>,
    /// In place of that of `[train]`.
    pub freeze: Option<Vec<String>>,
}

impl Step {
    /// What it does, in a few words.
    pub fn name(&self) -> &'static str {
        match (&self.channels, &self.weights, &self.quantize) {
            (Some(_), None, None) => "channels",
            (None, Some(_), None) => "weights",
            (None, None, Some(_)) => "quantize",
            (None, None, None) => "fine-tune",
            _ => "several",
        }
    }

    /// The settings of its training.
    pub fn training(&self, base: &Training) -> Training {
        let mut training = base.clone();
        training.epochs = self.epochs;
        training.optimizer = self.optimizer.unwrap_or(training.optimizer);
        training.schedule = self.schedule.unwrap_or(training.schedule);
        training.augment = self.augment.clone().unwrap_or(training.augment);
        training.freeze = self.freeze.clone().unwrap_or(training.freeze);
        training
    }
}

/// Refuses steps that do not go together.
pub fn check_steps(steps: &[Step]) -> Result<(), TrainError> {
    for (at, step) in steps.iter().enumerate() {
        if let Some(channels) = &step.channels {
            channels.check()?;
        }
        if let Some(weights) = &step.weights {
            weights.check()?;
        }
        if step.quantize.is_some() && at + 1 < steps.len() {
            let expected = "only the last step can train with integers: what follows would undo it";
            return Err(TrainError::Setting { key: "compress", value: "in this order".into(), expected });
        }
        if step.quantize.is_some() && step.epochs == 0 {
            return Err(TrainError::Setting { key: "epochs", value: "0".into(), expected: "give 1 or more" });
        }
    }
    Ok(())
}

/// How the integers are chosen that training rounds to.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rounded {
    /// Layers whose weights have four bits: names, `*` for any text.
    #[serde(default)]
    pub int4: Vec<String>,
    /// Nodes with int16 activations: names, `*` for any text.
    #[serde(default)]
    pub int16: Vec<String>,
    /// Training samples that ranges are chosen from, spread evenly [default: 256].
    pub samples: Option<usize>,
}

/// Samples that tell ranges and the energy of channels, if nothing else is said.
pub(super) const SAMPLES: usize = 256;

impl Rounded {
    pub(super) fn options(&self) -> QuantizeOptions {
        QuantizeOptions {
            int16_nodes: self.int16.clone(),
            int4_weights: self.int4.clone(),
            // Training corrects means itself.
            bias_correction: false,
            ..QuantizeOptions::default()
        }
    }
}

/// Distillation (Hinton et al. 2015): the loss becomes `(1 - weight) * loss + weight * T^2 * KL(teacher / T, student / T)`,
/// and the squared differences of features.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Teacher {
    /// A trained network of any format, beside the recipe.
    pub checkpoint: Option<PathBuf>,
    /// Or its scores for all samples of `data`, in their order: a `.npy` array `[samples, scores]` that a GPU run has stored.
    pub logits: Option<PathBuf>,
    /// What scores are divided by before they become probabilities.
    #[serde(default = "four")]
    pub temperature: f32,
    /// Share of the teacher in the loss, 0 to 1.
    #[serde(default = "most")]
    pub weight: f32,
    /// Values that should agree.
    #[serde(default)]
    pub features: Vec<Feature>,
}

/// Two nodes whose results have the same shape.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// Name of the node in the teacher.
    pub teacher: String,
    /// Name of the node here.
    pub student: String,
    /// Adds `weight * mean((teacher - student)^2)` to the loss.
    #[serde(default = "one")]
    pub weight: f32,
}

fn four() -> f32 {
    4.0
}

fn most() -> f32 {
    0.7
}

fn one() -> f32 {
    1.0
}

impl Teacher {
    /// Refuses what makes no sense.
    pub fn check(&self) -> Result<(), TrainError> {
        let setting = |key, value: String, expected| Err(TrainError::Setting { key, value, expected });
        if self.checkpoint.is_some() == self.logits.is_some() {
            return setting("teacher", "unclear".into(), "give either its `checkpoint` or its `logits`");
        }
        if !(self.temperature > 0.0 && self.temperature.is_finite()) {
            return setting("temperature", self.temperature.to_string(), "it is above 0");
        }
        if !(0.0..=1.0).contains(&self.weight) {
            return setting("teacher.weight", self.weight.to_string(), "it is between 0 and 1");
        }
        if self.logits.is_some() && !self.features.is_empty() {
            return setting("features", "given".into(), "they need the teacher's `checkpoint`, not its `logits`");
        }
        Ok(())
    }
}
