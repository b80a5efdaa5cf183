//! The float meaning of every op, on burn tensors.
//!
//! One file per family of ops, each a function from [`Array`]s to an [`Array`]. [`Executor`] walks a graph with them. Where
//! the tensors live, how wide their elements are and whether gradients are recorded is a [`Target`]; nothing else depends
//! on it. A [`Training`] makes the three ops that know of it, batch normalization, dropout and rounding, do what training needs.

mod array;
mod batch;
mod batch_norm;
mod conv2d;
mod dropout;
mod elementwise;
mod executor;
mod fake_quantize;
mod fully_connected;
mod lstm;
mod pool2d;
mod reduce;
mod shape;
mod softmax;
#[cfg(test)]
mod tests;
mod unary;

pub(crate) use array::RANK;
pub use array::{Array, Precision, Target};
pub use batch_norm::Statistics;
pub use executor::{Executor, Training};
pub use unary::unary;

/// Why a graph cannot be executed.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// The graph breaks a rule that execution relies on.
    #[error(transparent)]
    Graph(#[from] Box<crate::ir::VerifyError>),
    /// The op has no float meaning, or its operands do not fit.
    #[error("node `{node}`: {op}: {reason}")]
    Node {
        /// Which node.
        node: String,
        /// Its op.
        op: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The caller's array does not fit the graph's input.
    #[error("input `{input}` expects float32 of shape {expected:?}, got {dtype:?} of shape {got:?}")]
    Input {
        /// Which input.
        input: String,
        /// Shape in the graph.
        expected: Vec<usize>,
        /// Shape given.
        got: Vec<usize>,
        /// Type given.
        dtype: crate::ir::DType,
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
