//! Why a file cannot be validated.

use crate::recording::RecordingError;
use crate::validate::evaluate::EvaluateError;
use crate::validate::{LayersError, SessionError};

/// What is wrong, and where.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum ReferenceError {
    #[error(transparent)]
    Recording(#[from] RecordingError),
    #[error(transparent)]
    Layers(#[from] LayersError),
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error("the network has {expected} {what}, the recording {found}")]
    Count { what: &'static str, expected: usize, found: usize },
    #[error("{what} `{name}` of the network has shape {expected:?}, the recording holds {found:?} of `{tensor}`")]
    Shape { what: &'static str, name: String, expected: Vec<usize>, tensor: String, found: Vec<usize> },
    #[error("the network has no node `{node}`")]
    NoNode { node: String },
    #[error("the recording has no layer `{layer}`")]
    NoLayer { layer: String },
    #[error("node `{node}` has {expected} elements, recorded layer `{layer}` {found}")]
    GivenShape { node: String, layer: String, expected: usize, found: usize },
    #[error("sample {sample} has label {label}, the network tells {classes} classes apart")]
    Label { sample: usize, label: usize, classes: usize },
    #[error("the task is reconstruction, but the output has {output} elements and the input {input}")]
    Reconstruction { input: usize, output: usize },
}

impl ReferenceError {
    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Recording(error) => error.hint(),
            Self::Layers(LayersError::Stripped) => "convert without --strip",
            Self::Layers(LayersError::NothingInCommon) => {
                "give the network that the file was converted from with --float"
            }
            Self::Count { .. } | Self::Shape { .. } => {
                "give the recording of this network, or its network with --float"
            }
            Self::NoNode { .. } => "`mote inspect FILE` lists the nodes",
            Self::NoLayer { .. } => "the layers of a recording are the paths of its modules, as in `features.0.conv`",
            Self::GivenShape { .. } => "map a node to a layer with as many elements",
            Self::Label { .. } => "labels count classes from 0; check --task and the labels",
            Self::Reconstruction { .. } => "name another --task",
            _ => "check the file, the reference and the network",
        }
    }
}
