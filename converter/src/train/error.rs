//! Why training did not start, or did not end.

use super::network::LayerError;
use crate::BuildError;
use crate::execute::ExecuteError;
use crate::ir::io::LoadError;

/// Why training failed.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum TrainError {
    #[error(transparent)]
    Layer(#[from] LayerError),
    #[error("`{key}` is {value}; {expected}")]
    Setting { key: &'static str, value: String, expected: &'static str },
    #[error("the network has nothing to train: no weights that are not frozen lead to its first output")]
    NothingToTrain,
    #[error("`{pattern}` in `freeze` fits no parameter; there are {names}")]
    Freeze { pattern: String, names: String },
    #[error("`augment.{what}` needs pictures, but the input has shape {shape:?}")]
    Augment { what: &'static str, shape: Vec<usize> },
    #[error("binary cross entropy needs a sigmoid as the last layer: its scores are probabilities")]
    NoSigmoid,
    #[error("an autoencoder gives back as many elements as it takes; this network takes {input} and gives {output}")]
    NoAutoencoder { input: usize, output: usize },
    #[error("the split leaves no samples to {purpose}")]
    EmptySplit { purpose: &'static str },
    #[error("{0}")]
    Samples(Box<BuildError>),
    #[error(transparent)]
    Pass(#[from] crate::passes::PassError),
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    #[error("the loss became {loss} in epoch {epoch}, step {step}")]
    Diverged { epoch: usize, step: usize, loss: f64 },
    #[error("parameter `{name}` is no longer finite after epoch {epoch}")]
    NotFinite { epoch: usize, name: String },
    #[error(transparent)]
    Prune(#[from] crate::prune::PruneError),
    #[error(transparent)]
    Quantize(#[from] crate::quantize::QuantizeError),
    #[error(transparent)]
    Plan(#[from] crate::plan::PlanError),
    #[error(transparent)]
    Emit(#[from] crate::emit::EmitError),
    #[error(transparent)]
    Session(#[from] crate::validate::SessionError),
    #[error(
        "the teacher's shapes are {teacher}, the student's {student}: they must be the same, batch and axes of size 1 aside"
    )]
    OtherShape { teacher: String, student: String },
    #[error("the {whose} has no node `{name}`; it has {names}")]
    NoFeature { whose: &'static str, name: String, names: String },
    #[error("the teacher's scores are missing: give an array of as many rows as there are training samples")]
    NoTeacher,
    #[error("the teacher's array holds {got}; {samples} samples of {scores} scores are needed")]
    TeacherScores { got: String, samples: usize, scores: usize },
    #[error("the checkpoint cannot be used: {0}")]
    Checkpoint(#[from] LoadError),
    #[error("the checkpoint is of another {what}")]
    OtherRun { what: &'static str },
    #[error("the checkpoint is damaged: {0}")]
    Damaged(String),
    #[error("cannot write `{path}`: {source}")]
    Write { path: String, source: std::io::Error },
}

impl TrainError {
    /// True if training ran and failed, rather than being asked for something impossible.
    pub fn is_divergence(&self) -> bool {
        matches!(self, Self::Diverged { .. } | Self::NotFinite { .. })
    }

    /// The next thing to try.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Diverged { .. } | Self::NotFinite { .. } => {
                "lower the optimizer's `rate`, add `warm_up` or `clip_norm`; the checkpoint of the last good epoch is kept"
                    .into()
            }
            Self::OtherRun { .. } => "start over with --fresh, or name another folder with --out".into(),
            Self::NoSigmoid => "add { op = \"activation\", function = \"sigmoid\" } at the end of the layers".into(),
            Self::Augment { .. } => "remove the key, or declare `input` as [rows, columns, channels]".into(),
            Self::Damaged(_) | Self::Checkpoint(_) => "start over with --fresh".into(),
            _ => return None,
        })
    }
}
