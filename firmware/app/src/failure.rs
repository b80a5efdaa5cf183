//! Why the app gave up.

use crate::job::JobError;
use core::fmt;
use mote_runtime::{EngineError, LoadError, SelfTestFailure};

/// Why [`crate::run`] stopped, or what it found wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The model was refused.
    Load(LoadError),
    /// The arena was refused.
    Engine(EngineError),
    /// A self-test vector gave other bytes than the file says.
    SelfTest(SelfTestFailure),
    /// The job is damaged or does not fit the model; see [`JobError`].
    Job(JobError),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load(error) => write!(f, "load {error:?}"),
            Self::Engine(error) => write!(f, "engine {error:?}"),
            Self::SelfTest(error) => write!(f, "selftest {error:?}"),
            Self::Job(error) => write!(f, "job {error:?}"),
        }
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        Self::Load(error)
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<JobError> for Failure {
    fn from(error: JobError) -> Self {
        Self::Job(error)
    }
}

impl From<SelfTestFailure> for Failure {
    fn from(error: SelfTestFailure) -> Self {
        Self::SelfTest(error)
    }
}
