//! What a device tells about itself. Names are `&str` in a message and, on a host, `String` where they are kept.

use crate::decoder::Faults;
use crate::frame::Writer;
use crate::wire::{Reader, Wire, fields, variants};
#[cfg(feature = "std")]
use std::string::String;

/// Most bytes of a name in a message.
pub const MAX_NAME_BYTES: usize = 24;

/// Answer to a hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize, serde::Deserialize))]
pub struct Welcome<S> {
    /// The version that both speak from here on.
    pub version: u8,
    /// What this firmware does.
    pub capabilities: Capabilities,
    /// Most bytes of data in a message that the device takes.
    pub max_chunk_bytes: u16,
    /// How many chunks a host may send without having got an answer: what the device can keep while it writes flash.
    pub window: u8,
    /// Slots for models.
    pub slots: u8,
    /// Name of the board's folder; up to [`MAX_NAME_BYTES`].
    pub board: S,
    /// Version of the firmware; up to [`MAX_NAME_BYTES`].
    pub firmware: S,
}

#[cfg(feature = "std")]
impl Welcome<&str> {
    /// The same, to be kept.
    pub fn owned(self) -> Welcome<String> {
        let Self { version, capabilities, max_chunk_bytes, window, slots, board, firmware } = self;
        let (board, firmware) = (board.into(), firmware.into());
        Welcome { version, capabilities, max_chunk_bytes, window, slots, board, firmware }
    }
}

/// What a firmware does beyond hello and info: a sum of bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Capabilities(pub u32);

impl Capabilities {
    /// Keeps models in slots: write, verify, activate, rollback, erase.
    pub const STORE: Self = Self(1);
    /// Takes only signed files.
    pub const SIGNED: Self = Self(2);
    /// Runs a model on inputs from the host.
    pub const RUN: Self = Self(4);
    /// Takes the time of instructions.
    pub const BENCH: Self = Self(8);
    /// Runs self-test vectors.
    pub const SELF_TEST: Self = Self(16);
    /// Keeps a log.
    pub const LOG: Self = Self(32);
    /// Restarts when asked to.
    pub const REBOOT: Self = Self(64);

    /// Both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True if all of `other` are there.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// How a device is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize, serde::Deserialize))]
pub struct Info {
    /// The slot whose model runs.
    pub active: Option<u8>,
    /// The least model version that the device takes.
    pub least_version: u32,
    /// Bytes of a slot for a file.
    pub slot_bytes: u32,
    /// Bytes for the arena of a model.
    pub arena_bytes: u32,
    /// Ticks a second of [`Response::Ran`](crate::Response::Ran) and the timings; 0 if unknown.
    pub ticks_per_second: u32,
    /// What the device received and threw away.
    pub faults: Faults,
}

/// What a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize, serde::Deserialize))]
pub struct SlotInfo<S> {
    /// What may be done with it.
    pub state: SlotState,
    /// Version of the model; 0 where there is none.
    pub version: u32,
    /// Bytes of the file, complete or not.
    pub length: u32,
    /// Of the whole file.
    pub sha256: [u8; 32],
    /// Name of the model; up to [`MAX_NAME_BYTES`].
    pub name: S,
}

#[cfg(feature = "std")]
impl SlotInfo<&str> {
    /// The same, to be kept.
    pub fn owned(self) -> SlotInfo<String> {
        let Self { state, version, length, sha256, name } = self;
        SlotInfo { state, version, length, sha256, name: name.into() }
    }
}

/// What may be done with a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SlotState {
    /// Nothing.
    Empty,
    /// A transfer has begun and can be continued.
    Receiving {
        /// Bytes that have arrived.
        received: u32,
    },
    /// A complete file that was verified.
    Valid,
    /// The model that runs, until it has proved itself or the one before comes back.
    Trial,
    /// The model that runs.
    Active,
    /// A file that did not pass.
    Bad,
}

/// The loaded model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize, serde::Deserialize))]
pub struct ModelInfo<S> {
    /// Up to [`MAX_NAME_BYTES`].
    pub name: S,
    /// Bytes of the file.
    pub file_bytes: u32,
    /// Bytes of the arena that it was planned for.
    pub arena_bytes: u32,
    /// In its program.
    pub instructions: u16,
    /// Number of inputs.
    pub inputs: u8,
    /// Number of outputs.
    pub outputs: u8,
}

#[cfg(feature = "std")]
impl ModelInfo<&str> {
    /// The same, to be kept.
    pub fn owned(self) -> ModelInfo<String> {
        let Self { name, file_bytes, arena_bytes, instructions, inputs, outputs } = self;
        ModelInfo { name: name.into(), file_bytes, arena_bytes, instructions, inputs, outputs }
    }
}

/// Time of whole runs, in ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize, serde::Deserialize))]
pub struct Bench {
    /// Runs measured.
    pub runs: u16,
    /// Instructions with times of their own.
    pub instructions: u16,
    /// The fastest run.
    pub min: u64,
    /// The run in the middle.
    pub median: u64,
    /// The slowest run.
    pub max: u64,
}

/// Time of one instruction over the runs of a bench, in ticks; `u32::MAX` if it took longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// In the fastest run.
    pub min: u32,
    /// In the run in the middle.
    pub median: u32,
    /// In the slowest run.
    pub max: u32,
}

impl Timing {
    /// Bytes of a timing in a message.
    pub const BYTES: usize = 12;
    /// Most timings in a message.
    pub const MAX_IN_MESSAGE: usize = 40;

    /// `min`, `median` and `max`, little-endian.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let words = [self.min, self.median, self.max].map(u32::to_le_bytes);
        for (place, byte) in bytes.iter_mut().zip(words.as_flattened()) {
            *place = *byte;
        }
        bytes
    }

    /// All timings in `entries` of a [`Response::Timings`](crate::Response::Timings).
    pub fn read_all(entries: &[u8]) -> impl Iterator<Item = Self> {
        let (timings, _) = entries.as_chunks::<{ Self::BYTES }>();
        timings.iter().map(|&[a, b, c, d, e, f, g, h, i, j, k, l]| Self {
            min: u32::from_le_bytes([a, b, c, d]),
            median: u32::from_le_bytes([e, f, g, h]),
            max: u32::from_le_bytes([i, j, k, l]),
        })
    }
}

fields!(['a, S] Welcome<S> { version, capabilities, max_chunk_bytes, window, slots, board, firmware });
fields!(['a] Info { active, least_version, slot_bytes, arena_bytes, ticks_per_second, faults });
fields!(['a, S] SlotInfo<S> { state, version, length, sha256, name });
fields!(['a, S] ModelInfo<S> { name, file_bytes, arena_bytes, instructions, inputs, outputs });
fields!(['a] Bench { runs, instructions, min, median, max });
variants!(['a] SlotState {
    0 = Empty,
    1 = Receiving { received },
    2 = Valid,
    3 = Trial,
    4 = Active,
    5 = Bad,
});

impl Wire<'_> for Capabilities {
    fn put(&self, writer: &mut Writer<'_>) {
        self.0.put(writer);
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        u32::take(reader).map(Self)
    }
}
