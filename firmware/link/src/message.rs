//! What host and device say to each other.

use crate::info::{Bench, Info, ModelInfo, SlotInfo, Welcome};
use crate::refusal::Refusal;
use crate::wire::{fields, variants};

/// The oldest version of the protocol that this crate speaks.
pub const OLDEST_VERSION: u8 = 1;
/// The newest version of the protocol that this crate speaks.
pub const NEWEST_VERSION: u8 = 1;

/// What a host asks for. A device answers each with one [`Response`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Request {
    /// Opens a session. Its bytes mean the same in every version. Answer: [`Response::Welcome`].
    Hello {
        /// The oldest version that the host speaks.
        min_version: u8,
        /// The newest.
        max_version: u8,
    },
    /// How is the device? Answer: [`Response::Info`].
    Info,
    /// What is in a slot? Answer: [`Response::Slot`].
    Slot {
        /// From 0.
        slot: u8,
    },
    /// Opens a transfer of a file into a slot, or continues one that was interrupted. Answer: [`Response::Begun`].
    WriteBegin(WriteBegin),
    /// Ends the transfer: the device verifies the file. Answer: [`Response::Done`].
    WriteEnd,
    /// Verifies the file in a slot once more. Answer: [`Response::Done`].
    Verify {
        /// From 0.
        slot: u8,
    },
    /// Makes the file in a slot the model that runs. Answer: [`Response::Done`].
    Activate {
        /// From 0.
        slot: u8,
    },
    /// Goes back to the model before. Answer: [`Response::Done`].
    Rollback,
    /// Empties a slot. Answer: [`Response::Done`].
    Erase {
        /// From 0.
        slot: u8,
    },
    /// Which model is loaded? Answer: [`Response::Model`].
    Model,
    /// Opens a transfer into an input of the loaded model. Answer: [`Response::Begun`].
    InputBegin {
        /// Index of the input.
        port: u8,
        /// Bytes of the input, as a check.
        length: u32,
    },
    /// Runs the model once on what its inputs hold. Answer: [`Response::Ran`].
    Run,
    /// Reads from an output of the loaded model. Answer: [`Response::Output`].
    Output {
        /// Index of the output.
        port: u8,
        /// Of the first byte wanted.
        offset: u32,
    },
    /// Runs the model `repeat` times and takes the time of each instruction. Answer: [`Response::Bench`].
    Bench {
        /// At least 1.
        repeat: u16,
    },
    /// Reads what the last bench measured. Answer: [`Response::Timings`].
    Timings {
        /// Index of the first instruction wanted.
        first: u16,
    },
    /// Runs the self-test vectors of the loaded model. Answer: [`Response::SelfTest`].
    SelfTest,
    /// Reads the log. Answer: [`Response::Log`].
    Log {
        /// Position of the first byte wanted, as a device counts the bytes of its log; goes around.
        after: u32,
    },
    /// Restarts the device, after the answer is on its way. Answer: [`Response::Done`].
    Reboot,
}

/// Announces a file. The device goes on where it was interrupted if its slot holds the beginning of a file with this
/// length and SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize, serde::Deserialize))]
pub struct WriteBegin {
    /// From 0.
    pub slot: u8,
    /// Bytes of the file.
    pub length: u32,
    /// Of the whole file.
    pub sha256: [u8; 32],
}

/// What a device answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Response<'a> {
    /// To [`Request::Hello`]. Its first field means the same in every version.
    Welcome(#[cfg_attr(test, serde(borrow))] Welcome<&'a str>),
    /// To any request that the device did not do. Its first variants mean the same in every version.
    Refused(Refusal),
    /// It is done.
    Done,
    /// To [`Request::Info`].
    Info(Info),
    /// To [`Request::Slot`].
    Slot(#[cfg_attr(test, serde(borrow))] SlotInfo<&'a str>),
    /// The transfer is open.
    Begun {
        /// Where data goes on: 0, or how much of this very file the device has already.
        next_offset: u32,
    },
    /// To [`Request::Model`].
    Model(#[cfg_attr(test, serde(borrow))] ModelInfo<&'a str>),
    /// To [`Request::Run`].
    Ran {
        /// Time in the board's own unit.
        ticks: u64,
    },
    /// To [`Request::Output`].
    Output {
        /// Bytes of the whole output.
        total: u32,
        /// From the offset asked for; at most [`MAX_CHUNK_BYTES`](crate::MAX_CHUNK_BYTES).
        bytes: &'a [u8],
    },
    /// To [`Request::Bench`].
    Bench(Bench),
    /// To [`Request::Timings`].
    Timings {
        /// Index of the first instruction.
        first: u16,
        /// None behind the last instruction; see [`Timing::read_all`](crate::Timing::read_all).
        entries: &'a [u8],
    },
    /// To [`Request::SelfTest`]: all gave the expected bytes.
    SelfTest {
        /// How many there are.
        vectors: u32,
    },
    /// To [`Request::Log`].
    Log {
        /// Position of the first byte: that asked for, or a later one if the bytes there are lost.
        at: u32,
        /// None if there is nothing new; at most [`MAX_CHUNK_BYTES`](crate::MAX_CHUNK_BYTES).
        bytes: &'a [u8],
    },
}

/// A chunk of the open transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize, serde::Deserialize))]
pub struct Data<'a> {
    /// Of the first byte, in the file or input.
    pub offset: u32,
    /// Up to [`MAX_CHUNK_BYTES`](crate::MAX_CHUNK_BYTES); none to ask whether everything before `offset` has arrived.
    pub bytes: &'a [u8],
}

/// To every [`Data`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize, serde::Deserialize))]
pub enum Ack {
    /// Everything in front of `next_offset` has arrived and is kept; so was this data, now or before.
    Next {
        /// Of the first byte that is wanted.
        next_offset: u32,
    },
    /// The data begins behind `next_offset` and was dropped: something before it is lost.
    Gap {
        /// Of the first byte that is wanted.
        next_offset: u32,
    },
    /// The device did not take the data, and the transfer is over.
    Refused(Refusal),
}

/// What a device says on its own. None is needed, and each may get lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Event<'a> {
    /// The device has started.
    Started,
    /// New bytes of the log.
    Log {
        /// Position of the first byte.
        at: u32,
        /// At most [`MAX_EVENT_BYTES`].
        bytes: &'a [u8],
    },
}

/// Most bytes of the log in one event.
pub const MAX_EVENT_BYTES: usize = 64;

impl Request {
    /// True if a host may ask again when the device has restarted: what is asked for does not depend on what a device forgets
    /// then, and doing it twice is as good as doing it once.
    pub const fn repeatable(&self) -> bool {
        !matches!(self, Self::Rollback | Self::Reboot) && !self.needs_memory()
    }

    /// True if it is about what a device forgets when it restarts: inputs, outputs, times.
    pub const fn needs_memory(&self) -> bool {
        matches!(self, Self::Run | Self::Output { .. } | Self::Timings { .. })
    }

    /// True if a device may have to erase, verify or compute before it can answer.
    pub const fn is_slow(&self) -> bool {
        match self {
            Self::WriteBegin(_) | Self::WriteEnd | Self::Verify { .. } | Self::Erase { .. } => true,
            Self::Activate { .. } | Self::Rollback => true,
            Self::Run | Self::Bench { .. } | Self::SelfTest => true,
            Self::Hello { .. } | Self::Info | Self::Slot { .. } | Self::Model | Self::Reboot => false,
            Self::InputBegin { .. } | Self::Output { .. } | Self::Timings { .. } | Self::Log { .. } => false,
        }
    }

    /// What it asks for, for people.
    #[cfg(feature = "std")]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Hello { .. } => "hello",
            Self::Info => "info",
            Self::Slot { .. } => "slot",
            Self::WriteBegin(_) => "write",
            Self::WriteEnd => "end of write",
            Self::Verify { .. } => "verify",
            Self::Activate { .. } => "activate",
            Self::Rollback => "roll back",
            Self::Erase { .. } => "erase",
            Self::Model => "model",
            Self::InputBegin { .. } => "input",
            Self::Run => "run",
            Self::Output { .. } => "output",
            Self::Bench { .. } => "bench",
            Self::Timings { .. } => "timings",
            Self::SelfTest => "self-test",
            Self::Log { .. } => "log",
            Self::Reboot => "reboot",
        }
    }
}

fields!(['a] WriteBegin { slot, length, sha256 });
fields!(['a] Data<'a> { offset, bytes });

variants!(['a] Request {
    0 = Hello { min_version, max_version },
    1 = Info,
    2 = Slot { slot },
    3 = WriteBegin(file),
    4 = WriteEnd,
    5 = Verify { slot },
    6 = Activate { slot },
    7 = Rollback,
    8 = Erase { slot },
    9 = Model,
    10 = InputBegin { port, length },
    11 = Run,
    12 = Output { port, offset },
    13 = Bench { repeat },
    14 = Timings { first },
    15 = SelfTest,
    16 = Log { after },
    17 = Reboot,
});

variants!(['a] Response<'a> {
    0 = Welcome(welcome),
    1 = Refused(refusal),
    2 = Done,
    3 = Info(info),
    4 = Slot(slot),
    5 = Begun { next_offset },
    6 = Model(model),
    7 = Ran { ticks },
    8 = Output { total, bytes },
    9 = Bench(bench),
    10 = Timings { first, entries },
    11 = SelfTest { vectors },
    12 = Log { at, bytes },
});

variants!(['a] Ack {
    0 = Next { next_offset },
    1 = Gap { next_offset },
    2 = Refused(refusal),
});

variants!(['a] Event<'a> {
    0 = Started,
    1 = Log { at, bytes },
});
