//! What can be wrong with a TensorFlow Lite file, each with what to do next.

pub use crate::import::error::UnsupportedNode;
use crate::import::error::{count, list};
use crate::quantize::QuantizeError;

/// Why a TensorFlow Lite file was not imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say it")]
pub enum ImportError {
    #[error("the file is damaged: {0}; copy or convert it again")]
    Damaged(planus::Error),

    #[error("the file is damaged: {reason}; copy or convert it again")]
    Broken { reason: String },

    #[error("schema version {found} is not supported, only 3 is; convert the network with TensorFlow 2")]
    Version { found: u32 },

    #[error("the file has {got} {what}, at most {limit} are supported; this importer is for small networks")]
    TooMany { what: &'static str, got: usize, limit: usize },

    #[error("the file's constants need more memory than the file is long several times over; it is damaged")]
    Inflated,

    #[error("the file holds {got} subgraphs; networks of one graph are supported: convert it without control flow")]
    Subgraphs { got: usize },

    #[error("tensor {index} `{name}`: {reason}")]
    Tensor { index: usize, name: String, reason: String },

    #[error("operator {operator} ({op}): {reason}; the file is damaged")]
    Operator { operator: usize, op: String, reason: String },

    #[error("the network has no {what}")]
    NoPorts { what: &'static str },

    #[error(
        "input `{input}` has a fixed batch of {batch}; the device runs one sample at a time: \
         convert the network with batch 1"
    )]
    Batch { input: String, batch: usize },

    #[error("output `{output}` does not depend on any input; remove it from the network")]
    ConstantOutput { output: String },

    #[error(
        "`--input-shape {name}`: the shapes of a TensorFlow Lite file are fixed; convert the network with that shape"
    )]
    InputShape { name: String },

    #[error("{} cannot be imported:\n{}", count(.0.len()), list(.0))]
    Unsupported(Vec<UnsupportedNode>),

    #[error("the imported network does not hold together: {0}")]
    Verify(#[from] Box<crate::ir::VerifyError>),

    #[error(transparent)]
    Quantize(#[from] QuantizeError),
}

impl From<planus::Error> for ImportError {
    fn from(error: planus::Error) -> Self {
        Self::Damaged(error)
    }
}

/// Why one operator was not lowered. Unsupported ones are collected; anything else stops the import.
#[derive(Debug)]
pub(super) enum LowerError {
    /// Valid, but not expressible.
    Unsupported { reason: String, hint: String },
    /// The file is wrong.
    Fatal(ImportError),
}

impl From<ImportError> for LowerError {
    fn from(error: ImportError) -> Self {
        Self::Fatal(error)
    }
}

impl From<planus::Error> for LowerError {
    fn from(error: planus::Error) -> Self {
        Self::Fatal(error.into())
    }
}

/// Shorthand for an unsupported operator.
pub(super) fn unsupported<T>(reason: impl Into<String>, hint: impl Into<String>) -> Result<T, LowerError> {
    Err(LowerError::Unsupported { reason: reason.into(), hint: hint.into() })
}
