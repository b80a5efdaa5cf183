//! Why the store refused, in numbers that let the reader act.

#[cfg(any(test, feature = "std"))]
mod display;

use embedded_storage::nor_flash::{NorFlashError, NorFlashErrorKind};
use mote_runtime::{EngineError, LoadError, SelfTestFailure};

/// Why the store did not do what it was asked for. What was active before stays active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The layout does not fit the flash: see [`LayoutError`].
    Layout(LayoutError),
    /// The flash driver reports an error, or a record reads back differently than it was written.
    Flash(NorFlashErrorKind),
    /// No slot holds a model that may run, or none that the request is for.
    NoModel,
    /// Both slots are needed: one runs or is the fallback of the other. Confirm or reject the trial, or restart.
    Busy,
    /// Nothing is being received: `begin` first, also after a flash error, to go on where the store can.
    NotReceiving,
    /// Bytes must come in order: the next one has offset `expected`, not `got`.
    Offset {
        /// Offset in the file that comes next, in bytes.
        expected: u32,
        /// Offset that was given, in bytes.
        got: u32,
    },
    /// The file needs `needed` bytes; a slot, or the length that `begin` was told, has `has`.
    TooLarge {
        /// Bytes.
        needed: u32,
        /// Bytes.
        has: u32,
    },
    /// The file has `needed` bytes, of which `got` have arrived; or it is shorter than what was announced.
    Truncated {
        /// Bytes.
        needed: u32,
        /// Bytes.
        got: u32,
    },
    /// The header says that the file has `header` bytes; `begin` was told `announced`.
    Length {
        /// Bytes.
        header: u32,
        /// Bytes.
        announced: u32,
    },
    /// SHA-256 of what arrived is not what `begin` was told, or not what the header says of its contents.
    Sha256,
    /// The file has no signature, and the feature `unsigned` is off.
    Unsigned,
    /// None of the keys has made the signature.
    WrongSignature,
    /// The file has version `got`; versions below `have` are refused since a model of that version was confirmed.
    Older {
        /// The lowest version that may be installed.
        have: u32,
        /// Version of the file.
        got: u32,
    },
    /// The runtime refuses the file.
    Load(LoadError),
    /// The model needs an arena of `needed` bytes; the device has `has`.
    Arena {
        /// Bytes.
        needed: u32,
        /// Bytes.
        has: u32,
    },
    /// The engine refuses the arena that was given for the self-test.
    Engine(EngineError),
    /// A self-test vector of the trial gave another result. The store has gone back.
    SelfTest(SelfTestFailure),
    /// The trial has `found` self-test vectors; the policy asks for `needed`. The store has gone back.
    FewVectors {
        /// Vectors that the policy asks for.
        needed: u32,
        /// Vectors in the file.
        found: u32,
    },
    /// The running model is not on trial: there is nothing to confirm or reject.
    NoTrial,
    /// The policy does not allow to go back to the previous model.
    Forbidden,
}

/// What is wrong with a [`Layout`](crate::Layout).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum LayoutError {
    /// A region does not start and end at an erase block, or is empty.
    Unaligned,
    /// A region ends behind the flash.
    OutOfBounds,
    /// Two regions overlap.
    Overlap,
    /// The log has fewer than two erase blocks.
    ShortLog,
    /// The flash does not show a slot in memory.
    NotMapped,
}

impl Error {
    /// Which error, and its fields: for a device that has no words. [`Error::Load`] and [`Error::SelfTest`] give a number
    /// of their own and then [`LoadError::numbers`], [`SelfTestFailure::numbers`]. Numbers of released versions keep
    /// their meaning.
    pub const fn numbers(self) -> [u32; 4] {
        match self {
            Self::Layout(error) => [0, error as u32, 0, 0],
            Self::Flash(kind) => {
                let kind = match kind {
                    NorFlashErrorKind::NotAligned => 0,
                    NorFlashErrorKind::OutOfBounds => 1,
                    _ => 2,
                };
                [1, kind, 0, 0]
            }
            Self::NoModel => [2, 0, 0, 0],
            Self::Busy => [3, 0, 0, 0],
            Self::NotReceiving => [4, 0, 0, 0],
            Self::Offset { expected, got } => [5, expected, got, 0],
            Self::TooLarge { needed, has } => [6, needed, has, 0],
            Self::Truncated { needed, got } => [7, needed, got, 0],
            Self::Length { header, announced } => [8, header, announced, 0],
            Self::Sha256 => [9, 0, 0, 0],
            Self::Unsigned => [10, 0, 0, 0],
            Self::WrongSignature => [11, 0, 0, 0],
            Self::Older { have, got } => [12, have, got, 0],
            Self::Load(error) => with(13, error.numbers()),
            Self::Arena { needed, has } => [14, needed, has, 0],
            Self::Engine(error) => with(15, error.numbers()),
            Self::SelfTest(failure) => with(16, failure.numbers()),
            Self::FewVectors { needed, found } => [17, needed, found, 0],
            Self::NoTrial => [18, 0, 0, 0],
            Self::Forbidden => [19, 0, 0, 0],
        }
    }

    /// The error that has these [`numbers`](Self::numbers).
    #[cfg(any(test, feature = "std"))]
    pub fn from_numbers(numbers: [u32; 4]) -> Option<Self> {
        let [kind, a, b, c] = numbers;
        let error = match kind {
            0 => Self::Layout(LayoutError::from_number(a)?),
            1 if a == 0 => Self::Flash(NorFlashErrorKind::NotAligned),
            1 if a == 1 => Self::Flash(NorFlashErrorKind::OutOfBounds),
            1 => Self::Flash(NorFlashErrorKind::Other),
            2 => Self::NoModel,
            3 => Self::Busy,
            4 => Self::NotReceiving,
            5 => Self::Offset { expected: a, got: b },
            6 => Self::TooLarge { needed: a, has: b },
            7 => Self::Truncated { needed: a, got: b },
            8 => Self::Length { header: a, announced: b },
            9 => Self::Sha256,
            10 => Self::Unsigned,
            11 => Self::WrongSignature,
            12 => Self::Older { have: a, got: b },
            13 => Self::Load(LoadError::from_numbers([a, b, c])?),
            14 => Self::Arena { needed: a, has: b },
            15 => Self::Engine(EngineError::from_numbers([a, b, c])?),
            16 => Self::SelfTest(SelfTestFailure::from_numbers([a, b, c])?),
            17 => Self::FewVectors { needed: a, found: b },
            18 => Self::NoTrial,
            19 => Self::Forbidden,
            _ => return None,
        };
        (error.numbers() == numbers).then_some(error)
    }

    /// Of a driver's error.
    pub(crate) fn flash(error: impl NorFlashError) -> Self {
        Self::Flash(error.kind())
    }
}

const fn with(number: u32, [a, b, c]: [u32; 3]) -> [u32; 4] {
    [number, a, b, c]
}

impl LayoutError {
    #[cfg(any(test, feature = "std"))]
    fn from_number(number: u32) -> Option<Self> {
        let all = [Self::Unaligned, Self::OutOfBounds, Self::Overlap, Self::ShortLog, Self::NotMapped];
        all.into_iter().find(|&error| error as u32 == number)
    }
}

impl From<LoadError> for Error {
    fn from(error: LoadError) -> Self {
        Self::Load(error)
    }
}
