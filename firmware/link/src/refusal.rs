//! Why a device did not do what it was asked for.

use crate::wire::variants;

/// Why a device did not do what it was asked for, in numbers that let the reader act. Nothing was changed on the device unless
/// a variant says so. Later versions of the protocol append variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Refusal {
    /// The device speaks none of the versions that the hello offers, only these.
    Version {
        /// The oldest.
        min: u8,
        /// The newest.
        max: u8,
    },
    /// The device does not know the session: it restarted, or another host has said hello since.
    NoSession,
    /// The bytes are no message of the agreed version.
    Malformed,
    /// This firmware does not do it; see [`Capabilities`](crate::Capabilities).
    Unsupported,
    /// The answer does not fit into a frame.
    AnswerTooLong,
    /// Something else is going on that must end first.
    Busy,
    /// There are only so many slots.
    SlotUnknown {
        /// Their number.
        slots: u8,
    },
    /// What the command needs is not in the slot: a complete, verified file.
    SlotNotValid,
    /// The slot holds the model that runs, or the one to go back to.
    SlotInUse,
    /// The file does not fit.
    TooLarge {
        /// Bytes of the file.
        needed: u32,
        /// Bytes that there are.
        got: u32,
    },
    /// The file is not signed, and this device takes only what is.
    Unsigned,
    /// The signature is not one of a key that the device trusts.
    BadSignature,
    /// The model is older than the device may run.
    OlderVersion {
        /// Version of the file.
        found: u32,
        /// The least that is allowed.
        least: u32,
    },
    /// The file's SHA-256 is not what was announced. The slot is empty.
    Checksum,
    /// `Model::load` refused the file: `LoadError::numbers`.
    Load([u32; 3]),
    /// `Engine::new` refused the model or its arena: `EngineError::numbers`.
    Engine([u32; 3]),
    /// A self-test vector gave other bytes: `SelfTestFailure::numbers`.
    SelfTest([u32; 3]),
    /// No model is loaded.
    NoModel,
    /// There is no model to go back to.
    NothingToRollBack,
    /// The flash did not do as told. What was to be written is not complete.
    Flash {
        /// The driver's own number.
        code: u32,
    },
    /// Data or the end of a transfer, and none is open: the device restarted, or refused an earlier chunk.
    NoTransfer,
    /// Data would go on behind the announced length.
    PastEnd {
        /// Bytes announced.
        length: u32,
    },
    /// The end of a transfer that is not complete.
    Incomplete {
        /// Bytes announced.
        needed: u32,
        /// Bytes received.
        got: u32,
    },
    /// The model has only so many inputs, or outputs.
    PortUnknown {
        /// Their number.
        ports: u8,
    },
    /// The input has another size.
    InputBytes {
        /// Bytes of the input.
        needed: u32,
        /// Bytes announced.
        got: u32,
    },
    /// There are no more bytes, entries or instructions than this.
    PastLast {
        /// Their number.
        count: u32,
    },
}

#[cfg(feature = "std")]
impl std::error::Error for Refusal {}

#[cfg(feature = "std")]
impl core::fmt::Display for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Version { min, max } => write!(f, "the device speaks versions {min} to {max} of the protocol"),
            Self::NoSession => {
                write!(f, "the device does not know the session; it restarted, or another host talks to it")
            }
            Self::Malformed => write!(f, "the device does not understand the message"),
            Self::Unsupported => write!(f, "this firmware does not do it"),
            Self::AnswerTooLong => write!(f, "the device's answer does not fit into a frame"),
            Self::Busy => write!(f, "the device is busy with something that must end first"),
            Self::SlotUnknown { slots } => write!(f, "the device has only {slots} slots, counted from 0"),
            Self::SlotNotValid => write!(f, "the slot holds no complete, verified file"),
            Self::SlotInUse => write!(f, "the slot holds the model that runs, or the one to go back to"),
            Self::TooLarge { needed, got } => write!(f, "the file has {needed} bytes; there is room for {got}"),
            Self::Unsigned => write!(f, "the file is not signed, and the device takes only signed ones"),
            Self::BadSignature => write!(f, "the file is not signed with a key that the device trusts"),
            Self::OlderVersion { found, least } => {
                write!(f, "the model has version {found}; the device takes {least} and newer")
            }
            Self::Checksum => write!(f, "the file that arrived has another SHA-256"),
            Self::Load(numbers) => match mote_runtime::LoadError::from_numbers(*numbers) {
                Some(error) => write!(f, "the device refuses the model: {error}"),
                None => write!(f, "the device refuses the model: load error {numbers:?}"),
            },
            Self::Engine(numbers) => match mote_runtime::EngineError::from_numbers(*numbers) {
                Some(error) => write!(f, "the model does not run on the device: {error}"),
                None => write!(f, "the model does not run on the device: engine error {numbers:?}"),
            },
            Self::SelfTest([vector, output, byte]) => {
                write!(f, "self-test vector {vector} gives another byte {byte} of output {output} on the device")
            }
            Self::NoModel => write!(f, "the device has no model"),
            Self::NothingToRollBack => write!(f, "the device has no model to go back to"),
            Self::Flash { code } => write!(f, "the device's flash failed with code {code}"),
            Self::NoTransfer => write!(f, "the device knows of no transfer"),
            Self::PastEnd { length } => write!(f, "data behind the announced {length} bytes"),
            Self::Incomplete { needed, got } => write!(f, "only {got} of {needed} bytes have arrived"),
            Self::PortUnknown { ports } => write!(f, "the model has only {ports} of these ports, counted from 0"),
            Self::InputBytes { needed, got } => write!(f, "the input has {needed} bytes, not {got}"),
            Self::PastLast { count } => write!(f, "there are only {count}"),
        }
    }
}

variants!(['a] Refusal {
    0 = Version { min, max },
    1 = NoSession,
    2 = Malformed,
    3 = Unsupported,
    4 = AnswerTooLong,
    5 = Busy,
    6 = SlotUnknown { slots },
    7 = SlotNotValid,
    8 = SlotInUse,
    9 = TooLarge { needed, got },
    10 = Unsigned,
    11 = BadSignature,
    12 = OlderVersion { found, least },
    13 = Checksum,
    14 = Load(numbers),
    15 = Engine(numbers),
    16 = SelfTest(numbers),
    17 = NoModel,
    18 = NothingToRollBack,
    19 = Flash { code },
    20 = NoTransfer,
    21 = PastEnd { length },
    22 = Incomplete { needed, got },
    23 = PortUnknown { ports },
    24 = InputBytes { needed, got },
    25 = PastLast { count },
});
