//! Why a recording cannot be used.

/// What is wrong, and where.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum RecordingError {
    #[error("cannot read `{file}`: {error}")]
    Io { file: String, error: std::io::Error },
    #[error("`{file}` is not a whole safetensors file: {error}")]
    Damaged { file: String, error: safetensors::SafeTensorError },
    #[error("`{file}` is not an index of shards: {error}")]
    Index { file: String, error: serde_json::Error },
    #[error("`{file}` has no entry `mote_recording` in its metadata")]
    NoManifest { file: String },
    #[error("`{file}`: its entry `mote_recording` cannot be read: {error}")]
    Manifest { file: String, error: serde_json::Error },
    #[error("the recording has format {found}, this program reads {known}")]
    Format { found: u32, known: u32 },
    #[error("the recording holds no {what}")]
    Nothing { what: &'static str },
    #[error("the manifest names tensor `{tensor}`, which no file holds")]
    Missing { tensor: String },
    #[error("tensor `{tensor}` has shape {found:?}, the manifest says {expected:?}")]
    Shape { tensor: String, expected: Vec<usize>, found: Vec<usize> },
    #[error("tensor `{tensor}` has type {found}, the manifest says {expected}")]
    Type { tensor: String, expected: String, found: String },
    #[error("tensor `{tensor}` holds {found}, which are no real numbers")]
    NotReal { tensor: String, found: String },
    #[error("tensor `{tensor}` holds {what} in sample {sample} (counted from 0)")]
    NotFinite { tensor: String, what: &'static str, sample: usize },
    #[error("tensor `{tensor}` holds {found} samples, the inputs {expected}")]
    Samples { tensor: String, expected: usize, found: usize },
    #[error("label {label} of sample {sample} is no class")]
    Label { label: i64, sample: usize },
    #[error("the index names `{file}`, which is not the name of a file beside it")]
    Outside { file: String },
}

impl RecordingError {
    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Io { .. } => "check the path and its permissions; shards lie beside their index",
            Self::Damaged { .. } => {
                "the file is damaged or its transfer was cut short: copy it again, or record it again"
            }
            Self::NoManifest { .. } | Self::Manifest { .. } | Self::Index { .. } => {
                "make recordings with converter/python, whose README says what they hold"
            }
            Self::Format { .. } => "record again with the recorder of this version, or use a newer mote",
            Self::NotFinite { .. } => {
                "the network itself gives no number there: check its inputs and weights, or record without this sample"
            }
            _ => "record again; the README of converter/python says what a recording holds",
        }
    }
}
