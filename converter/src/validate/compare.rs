//! Float against stored values, layer by layer.

use super::SessionError;
use crate::emit::Emitted;
use crate::execute::ExecuteError;
use crate::ir::Graph;
use crate::plan::Plan;
use serde::Serialize;

/// How alike two arrays are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Similarity {
    /// Power of the reference over power of the difference, in decibel; infinite if equal.
    pub sqnr_db: f64,
    /// Largest absolute difference.
    pub max_abs: f64,
    /// Mean absolute difference.
    pub mean_abs: f64,
    /// Cosine of the angle between the two; 1 if both are zero.
    pub cosine: f64,
}

impl Similarity {
    /// Compares `got` with `reference`; elements beyond the shorter one are not looked at.
    pub fn of(reference: &[f32], got: &[f32]) -> Self {
        let _ = (reference, got);
        Self::default()
    }
}

/// One value's error over all samples.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerError {
    /// Index of the instruction that completes the value.
    pub instruction: usize,
    /// Node name.
    pub node: String,
    /// Op name.
    pub op: String,
    /// Real value of one step of the stored integers; 0 for float.
    pub scale: f32,
    /// Over all samples taken together.
    pub similarity: Similarity,
}

/// Why layers cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// The float run failed.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// The stored model's run failed.
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// Runs `samples` (source order) through the float `graph` and the emitted model, and compares every value that both
/// have, by name, in execution order.
pub fn compare_layers(
    graph: &Graph,
    plan: &Plan,
    emitted: &Emitted,
    samples: &[Vec<Vec<f32>>],
) -> Result<Vec<LayerError>, CompareError> {
    let _ = (graph, plan, emitted, samples);
    Ok(Vec::new())
}
