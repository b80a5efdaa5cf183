//! `Graph -> Graph`: one rewrite a file.
//!
//! [`DEFAULT`] lists the passes in order. The driver runs the list again and again until a whole round changes
//! nothing, so a pass may rely on later passes having seen the graph, and may leave work for the next round.

mod affine;
mod cancel_transposes;
mod dead_code;
mod drop_identities;
mod fold_batch_norm;
mod fold_constants;
mod fuse_activations;
mod fuse_bias;
mod fuse_pads;
mod lower_axes;
mod lower_scale_shift;
mod lower_training;
mod merge_reshapes;
mod query;
mod recompose;
mod relabel_transposes;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use cancel_transposes::CancelTransposes;
pub use dead_code::DeadCode;
pub use drop_identities::DropIdentities;
pub use fold_batch_norm::FoldBatchNorm;
pub use fold_constants::FoldConstants;
pub use fuse_activations::FuseActivations;
pub use fuse_bias::FuseBias;
pub use fuse_pads::FusePads;
pub use lower_axes::LowerAxes;
pub use lower_scale_shift::LowerScaleShift;
pub use lower_training::LowerTraining;
pub use merge_reshapes::MergeReshapes;
pub use recompose::Recompose;
pub use relabel_transposes::RelabelTransposes;

use crate::ir::{CycleError, Graph, ShapeError, VerifyError, verify};

/// One rewrite of the graph. [`DEFAULT`] lists them in order; the driver repeats until none fires.
pub trait Pass: Sync {
    /// For `--dump-after` and the log, e.g. `fold-batch-norm`.
    fn name(&self) -> &'static str;
    /// Returns how many nodes it rewrote; 0 means the graph is untouched.
    fn run(&self, graph: &mut Graph) -> Result<usize, PassError>;
}

/// Why the passes gave up.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// The graph was broken before any pass ran.
    #[error("the imported graph is not valid: {0}")]
    Input(Box<VerifyError>),
    /// A pass left a broken graph.
    #[error("pass `{pass}` broke the graph: {source}; please report it with the model")]
    Verify {
        /// Name of the pass.
        pass: &'static str,
        /// What is broken.
        source: Box<VerifyError>,
    },
    /// The rewrites feed each other for ever.
    #[error("pass `{pass}` still fires after {rounds} rounds; please report it with the model")]
    NoConvergence {
        /// The last pass that fired.
        pass: &'static str,
        /// How often the whole list ran.
        rounds: usize,
    },
    /// A pass built a node whose operands do not fit.
    #[error("node `{node}`: {source}")]
    Shape {
        /// Name of the node.
        node: String,
        /// What does not fit.
        source: Box<ShapeError>,
    },
    /// A pass left nodes that depend on each other in a circle.
    #[error(transparent)]
    Cycle(#[from] CycleError),
    /// A constant node could not be computed.
    #[error("node `{node}` has constant operands but cannot be computed: {reason}")]
    Constant {
        /// Name of the node.
        node: String,
        /// Why.
        reason: String,
    },
}

/// What one pass did in all rounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassReport {
    /// Name of the pass.
    pub name: &'static str,
    /// Nodes rewritten.
    pub rewrites: usize,
}

/// The passes, in order.
pub const DEFAULT: &[&dyn Pass] = &[
    &LowerTraining,
    &FoldConstants,
    &DropIdentities,
    &MergeReshapes,
    // On the source's own spelling, before any of its parts is fused elsewhere.
    &Recompose,
    // From here on feature maps are channels last, so "per channel" means the last axis.
    &CancelTransposes,
    &RelabelTransposes,
    &FusePads,
    // Biases and scales before clamps: a clamp ends what can be folded into weights.
    &FuseBias,
    &FoldBatchNorm,
    &LowerScaleShift,
    &FuseActivations,
    &LowerAxes,
    &DeadCode,
];

/// More rounds than any real network needs: each rewrite shortens a chain, and a round shortens every chain.
const MAX_ROUNDS: usize = 64;

/// Runs [`DEFAULT`] until nothing changes.
pub fn run_default(graph: &mut Graph) -> Result<Vec<PassReport>, PassError> {
    run_default_with(graph, &mut |_, _| {})
}

/// As [`run_default`]; calls `after` with the name of every pass that changed the graph, and the graph.
pub fn run_default_with(graph: &mut Graph, after: &mut dyn FnMut(&str, &Graph)) -> Result<Vec<PassReport>, PassError> {
    run(DEFAULT, graph, after)
}

/// Runs the given passes until nothing changes.
pub fn run(
    passes: &[&dyn Pass],
    graph: &mut Graph,
    after: &mut dyn FnMut(&str, &Graph),
) -> Result<Vec<PassReport>, PassError> {
    verify(graph).map_err(|e| PassError::Input(Box::new(e)))?;
    let mut reports: Vec<_> = passes.iter().map(|p| PassReport { name: p.name(), rewrites: 0 }).collect();
    let mut last_fired = None;
    for _ in 0..MAX_ROUNDS {
        let mut fired = None;
        for (pass, report) in passes.iter().zip(&mut reports) {
            let rewrites = pass.run(graph)?;
            if rewrites > 0 {
                fired = Some(pass.name());
                report.rewrites += rewrites;
                verify(graph).map_err(|source| broken(pass.name(), source))?;
                after(pass.name(), graph);
            }
        }
        last_fired = fired;
        if fired.is_none() {
            graph.compact();
            verify(graph).map_err(|source| broken("compact", source))?;
            return Ok(reports);
        }
    }
    Err(PassError::NoConvergence { pass: last_fired.unwrap_or_default(), rounds: MAX_ROUNDS })
}

fn broken(pass: &'static str, source: VerifyError) -> PassError {
    PassError::Verify { pass, source: Box::new(source) }
}
