//! Why the app gave up.

use crate::job::JobError;
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

impl Failure {
    /// Which part gave up, and its error in numbers.
    pub const fn numbers(self) -> (&'static str, [u32; 3]) {
        match self {
            Self::Load(error) => ("load", error.numbers()),
            Self::Engine(error) => ("engine", error.numbers()),
            Self::SelfTest(error) => ("selftest", error.numbers()),
            Self::Job(error) => ("job", error.numbers()),
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
