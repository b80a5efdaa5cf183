//! The state of a run between two epochs, in one safetensors file.
//!
//! The graph with its weights is stored as in every float checkpoint; `best/`, `first/` and `second/` hold the best weights
//! so far and the optimizer's memory. No state of a random number generator is among them: its numbers follow from seed
//! and position (see [`super::random`]).

use super::TrainError;
use crate::ir::Graph;
use crate::ir::io::{self, Floats};
use serde::{Deserialize, Serialize};

/// Figures of an epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Counted from 1.
    pub epoch: usize,
    /// Learning rate of its last step.
    pub rate: f32,
    /// Mean loss over the training samples, as each was seen.
    pub train_loss: f32,
    /// Share of training samples that were recognised, as each was seen.
    pub train_accuracy: Option<f32>,
    /// Mean loss over the validation samples, after the epoch.
    pub validation_loss: Option<f32>,
    /// Share of validation samples that are recognised, after the epoch.
    pub validation_accuracy: Option<f32>,
}

impl Epoch {
    /// What decides which epoch is best, larger is better: the loss on the validation samples, which tells more than their
    /// accuracy where they are few.
    pub fn merit(&self) -> Option<f32> {
        self.validation_loss.map(|loss| -loss)
    }
}

/// Where a run stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Progress {
    pub schema: u32,
    /// Hash of the recipe and what it names.
    pub recipe: String,
    /// Hash of all samples.
    pub data: String,
    /// Optimizer steps done.
    pub step: u64,
    /// Epoch of the best weights, from 1; 0 if there is none.
    pub best_epoch: usize,
    /// Its merit.
    pub best_merit: Option<f32>,
    /// Epochs that were not better by `min_delta` since the last that was.
    pub stale: usize,
    /// Merit that stale epochs did not pass.
    pub mark: Option<f32>,
    /// All epochs so far.
    pub history: Vec<Epoch>,
}

/// What this version writes and reads.
pub(super) const SCHEMA: u32 = 1;

/// A run's state.
pub(super) struct State {
    pub graph: Graph,
    pub best: Floats,
    pub first: Floats,
    pub second: Floats,
    pub progress: Progress,
}

const BEST: &str = "best/";
const FIRST: &str = "first/";
const SECOND: &str = "second/";

impl State {
    pub fn to_bytes(&self) -> Result<Vec<u8>, TrainError> {
        let mut more = Floats::new();
        for (prefix, floats) in [(BEST, &self.best), (FIRST, &self.first), (SECOND, &self.second)] {
            more.extend(floats.iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor.clone())));
        }
        let note = serde_json::to_string(&self.progress).map_err(|e| TrainError::Damaged(e.to_string()))?;
        Ok(io::save(&self.graph, &more, Some(&note))?)
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TrainError> {
        let note = io::note(bytes)?.ok_or_else(|| TrainError::Damaged("it does not say where it stands".into()))?;
        let progress: Progress = serde_json::from_str(&note).map_err(|e| TrainError::Damaged(e.to_string()))?;
        if progress.schema != SCHEMA {
            return Err(TrainError::OtherRun { what: "version of mote" });
        }
        let floats = |prefix| io::floats(bytes, prefix);
        let (best, first, second) = (floats(BEST)?, floats(FIRST)?, floats(SECOND)?);
        Ok(Self { graph: io::load(bytes)?, best, first, second, progress })
    }
}

/// True if the checkpoint is of a run with this identity.
pub fn belongs(bytes: &[u8], identity: &[String; 2]) -> bool {
    let note = io::note(bytes).ok().flatten();
    let progress = note.and_then(|note| serde_json::from_str::<Progress>(&note).ok());
    progress.is_some_and(|progress| [progress.recipe, progress.data] == *identity)
}
