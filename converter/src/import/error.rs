//! What can be wrong with a source file, whatever its format.

use super::{checkpoint, onnx, tflite};
use std::fmt;

/// A node that cannot be expressed in the graph IR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsupportedNode {
    /// The node's name, or one made of its output's if the file names none.
    pub name: String,
    /// Operator as the source format spells it.
    pub op: String,
    /// What about it is not supported.
    pub reason: String,
    /// What to do.
    pub hint: String,
}

impl fmt::Display for UnsupportedNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node `{}` ({}): {}; {}", self.name, self.op, self.reason, self.hint)
    }
}

/// `1 node`, `3 nodes`.
pub(super) fn count(nodes: usize) -> String {
    if nodes == 1 { "1 node".into() } else { format!("{nodes} nodes") }
}

/// One line a node.
pub(super) fn list(nodes: &[UnsupportedNode]) -> String {
    let lines: Vec<String> = nodes.iter().map(|n| format!("  {n}")).collect();
    lines.join("\n")
}

/// Why a file was not imported: the error of its format.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "one variant per format")]
pub enum ImportError {
    #[error(transparent)]
    Onnx(#[from] onnx::ImportError),
    #[error(transparent)]
    Tflite(#[from] tflite::ImportError),
    #[error(transparent)]
    Checkpoint(#[from] checkpoint::CheckpointError),
}

impl ImportError {
    /// The nodes in the way, if that is all that is wrong.
    pub fn unsupported(&self) -> Option<&[UnsupportedNode]> {
        match self {
            Self::Onnx(onnx::ImportError::Unsupported(nodes)) => Some(nodes),
            Self::Tflite(tflite::ImportError::Unsupported(nodes)) => Some(nodes),
            Self::Onnx(_) | Self::Tflite(_) | Self::Checkpoint(_) => None,
        }
    }
}
