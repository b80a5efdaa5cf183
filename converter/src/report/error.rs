//! Why there is no page.

use super::chart::ChartError;
use crate::inspect::InspectError;
use crate::validate::SessionError;

/// Which part failed.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum ReportError {
    #[error(transparent)]
    Inspect(#[from] InspectError),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Chart(#[from] ChartError),
    #[error("cannot fill the page: {0}")]
    Template(#[from] minijinja::Error),
    #[error("cannot write a picture: {0}")]
    Picture(#[from] image::ImageError),
    #[error("`{file}` cannot be read as {kind}: {reason}")]
    Json { file: String, kind: &'static str, reason: String },
}
