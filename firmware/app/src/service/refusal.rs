//! From what the store says to what the host is told: the one place.

use mote_link::Refusal;
use mote_runtime::EngineError;
use mote_store::Error;

/// What the host has asked for. It decides what a store without a model for it, or one that is busy, means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// To boot, or to run what was booted.
    Boot,
    /// To receive a file.
    Write,
    /// To look at a file again.
    Verify,
    /// To make a file the one that runs.
    Activate,
    /// To go back.
    Rollback,
    /// To empty a slot.
    Erase,
    /// To run the self-test vectors.
    SelfTest,
}

impl Doing {
    /// For the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boot => "boot failed",
            Self::Write => "write refused",
            Self::Verify => "verify refused",
            Self::Activate => "activate refused",
            Self::Rollback => "rollback refused",
            Self::Erase => "erase refused",
            Self::SelfTest => "self-test failed",
        }
    }
}

/// What the host is told when the store does not do what it was asked for. Every number of `error` is in it.
///
/// | error | refusal |
/// |---|---|
/// | [`Error::Layout`] | [`Refusal::Flash`] with code 256 and up: [`Error::numbers`] and 256 |
/// | [`Error::Flash`] | [`Refusal::Flash`] with code 0 (not aligned), 1 (out of bounds), 2 (other) |
/// | [`Error::Arena`] | [`Refusal::Engine`], as [`EngineError::ArenaTooSmall`] |
/// | [`Error::Offset`], [`Error::Truncated`], [`Error::FewVectors`] | [`Refusal::Incomplete`] |
/// | [`Error::Length`] | [`Refusal::TooLarge`]: more was announced than the header has room for |
/// | [`Error::NoModel`], [`Error::Busy`] | as [`Doing`] has it |
/// | [`Error::Forbidden`] | [`Refusal::Unsupported`] |
/// | any other | the one of the same name and fields |
pub const fn refusal(error: Error, doing: Doing) -> Refusal {
    match error {
        Error::Layout(_) => Refusal::Flash { code: 256 | error.numbers()[1] },
        Error::Flash(_) => Refusal::Flash { code: error.numbers()[1] },
        Error::NoModel => match doing {
            Doing::Verify | Doing::Activate => Refusal::SlotNotValid,
            Doing::Rollback => Refusal::NothingToRollBack,
            Doing::Boot | Doing::Write | Doing::Erase | Doing::SelfTest => Refusal::NoModel,
        },
        Error::Busy => match doing {
            Doing::Write | Doing::Erase => Refusal::SlotInUse,
            _ => Refusal::Busy,
        },
        Error::NotReceiving => Refusal::NoTransfer,
        Error::Offset { expected, got } => Refusal::Incomplete { needed: expected, got },
        Error::TooLarge { needed, has } => Refusal::TooLarge { needed, got: has },
        Error::Truncated { needed, got } => Refusal::Incomplete { needed, got },
        Error::Length { header, announced } => Refusal::TooLarge { needed: announced, got: header },
        Error::Sha256 => Refusal::Checksum,
        Error::Unsigned => Refusal::Unsigned,
        Error::WrongSignature => Refusal::BadSignature,
        Error::Older { have, got } => Refusal::OlderVersion { found: got, least: have },
        Error::Load(error) => Refusal::Load(error.numbers()),
        Error::Arena { needed, has } => Refusal::Engine(EngineError::ArenaTooSmall { needed, got: has }.numbers()),
        Error::Engine(error) => Refusal::Engine(error.numbers()),
        Error::SelfTest(failure) => Refusal::SelfTest(failure.numbers()),
        Error::FewVectors { needed, found } => Refusal::Incomplete { needed, got: found },
        Error::NoTrial => Refusal::SlotNotValid,
        // The policy's decision is part of the firmware; so is an error that this firmware does not know.
        _ => Refusal::Unsupported,
    }
}
