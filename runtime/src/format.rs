//! The `.mote` file: the one definition of its layout, used by [`crate::Model::load`] to read it and by the
//! converter to write it.
//!
//! All integers are little-endian. Sections follow the header in the order of [`Section`], each starting at a
//! multiple of [`SECTION_ALIGN`] from the start of the file, with zero bytes between.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 4 | magic `MOTE` |
//! | 4 | 2 | format version, [`FORMAT_VERSION`] |
//! | 6 | 2 | header length, [`HEADER_BYTES`] |
//! | 8 | 4 | total length of the file |
//! | 12 | 4 | flags, [`FLAG_SIGNED`] or 0 |
//! | 16 | 4 | CRC-32 (ISO-HDLC) of bytes 0..16 and 24..start of the weights section |
//! | 20 | 4 | [`data_checksum`] of the bytes from the start of the weights section to the end |
//! | 24 | 4 | model version, for refusing downgrades |
//! | 28 | 4 | arena bytes the program needs |
//! | 32 | 32 | four sections: offset `u32`, length `u32` |
//! | 64 | 32 | SHA-256 of everything after the header |
//! | 96 | 64 | Ed25519 signature, zero unless [`FLAG_SIGNED`] |

use serde::{Deserialize, Serialize};

pub mod instruction;
pub mod overlap;
pub use instruction::Instruction;

#[cfg(feature = "std")]
pub mod pack;
#[cfg(feature = "std")]
mod write;
#[cfg(feature = "std")]
pub use write::{Contents, SelfTestVector, WriteError, seal, write};

/// First four bytes of every model file.
pub const MAGIC: [u8; 4] = *b"MOTE";
/// The version that this runtime reads and the converter writes.
pub const FORMAT_VERSION: u16 = 2;
/// Length of the header in bytes.
pub const HEADER_BYTES: usize = 160;
/// Every section starts at a multiple of this; so must the file in memory.
pub const SECTION_ALIGN: usize = 16;
/// Header flag: bytes 96..160 hold a signature.
pub const FLAG_SIGNED: u32 = 1;
/// Most axes a tensor may have.
pub const MAX_RANK: usize = 6;
/// Most inputs, and most outputs, a model may have.
pub const MAX_PORTS: usize = 8;
/// Most instructions a program may have.
pub const MAX_INSTRUCTIONS: u32 = 4096;

/// The polynomial and reflection of the checksum of header, program and metadata.
pub const CRC: crc::Crc<u32, crc::Table<1>> = crc::Crc::<u32, crc::Table<1>>::new(&crc::CRC_32_ISO_HDLC);

/// The checksum of weights and self-test vectors: `sum = (sum <<< 5 ^ word) * 0x9e37_79b1` over little-endian `u32`
/// words, the last one filled up with zeros.
///
/// Every step is a bijection of the sum and of the word, so damage inside one word never goes unnoticed. It takes three
/// instructions a word where CRC-32 takes thirty, and weights are most of a file. Against more than accidents there is
/// the SHA-256.
pub fn data_checksum(bytes: &[u8]) -> u32 {
    let step = |sum: u32, word: u32| (sum.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b1);
    let (words, tail) = bytes.as_chunks();
    let sum = words.iter().fold(0, |sum, &word| step(sum, u32::from_le_bytes(word)));
    let mut last = [0; 4];
    last.iter_mut().zip(tail).for_each(|(last, &byte)| *last = byte);
    if tail.is_empty() { sum } else { step(sum, u32::from_le_bytes(last)) }
}

/// Position in the header's section table, which is also the order in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(usize)]
pub enum Section {
    /// postcard: [`Program`], then its instructions one after the other.
    Program = 0,
    /// postcard: [`Meta`]. May be empty (stripped).
    Meta = 1,
    /// Constants, addressed by the instructions as byte offsets from the start of this section.
    Weights = 2,
    /// `u32` count, then for each vector the bytes of every input and every expected output. May be empty.
    SelfTest = 3,
}

/// Number of entries in the header's section table.
pub const SECTION_COUNT: usize = 4;

/// Element type of a stored tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum DType {
    /// Signed 8-bit, quantized.
    I8,
    /// Unsigned 8-bit. Only as the source type of a port.
    U8,
    /// Signed 16-bit, quantized symmetrically.
    I16,
    /// Signed 32-bit.
    I32,
    /// Signed 64-bit. Only as the source type of a port.
    I64,
    /// IEEE binary16. Weights, or the source type of a port.
    F16,
    /// IEEE binary32.
    F32,
}

impl DType {
    /// Bytes of one element.
    pub const fn bytes(self) -> u32 {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::I16 | Self::F16 => 2,
            Self::I32 | Self::F32 => 4,
            Self::I64 => 8,
        }
    }
}

/// How requantization rounds; fixed for a whole model. See [`crate::fixed_point`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Rounding {
    /// Double rounding, as the TensorFlow Lite reference kernels: for models that came quantized.
    Tflite,
    /// One 64-bit product, add half, arithmetic shift: for models that the converter quantized.
    Single,
}

/// A tensor that the caller writes or reads: where it lives in the arena and how to read its bytes.
///
/// The arena holds the tensor in *stored* order and type (`shape`, `dtype`). `source_dtype` and `source_axes` say
/// what the network looked like before conversion, so that tools accept and return the user's own arrays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Port {
    /// Byte offset in the arena, aligned to the element size.
    pub offset: u32,
    /// Element type in the arena: `I8` or `F32`.
    pub dtype: DType,
    /// Sizes per axis as stored, batch axis first, channels last.
    pub shape: heapless::Vec<u32, MAX_RANK>,
    /// `real = scale * (stored - zero_point)`; 1 for `F32`.
    pub scale: f32,
    /// See `scale`; 0 for `F32`.
    pub zero_point: i32,
    /// Element type in the source network.
    pub source_dtype: DType,
    /// Stored axis `i` is axis `source_axes[i]` of the source network's tensor. A permutation of `0..rank`.
    pub source_axes: heapless::Vec<u8, MAX_RANK>,
}

impl Port {
    /// Number of elements, or `None` if the product does not fit `u32`.
    pub fn elements(&self) -> Option<u32> {
        self.shape.iter().try_fold(1u32, |n, &d| n.checked_mul(d))
    }

    /// Number of bytes in the arena, or `None` if it does not fit `u32`.
    pub fn bytes(&self) -> Option<u32> {
        self.elements()?.checked_mul(self.dtype.bytes())
    }

    /// Sizes per axis in the source network's order.
    pub fn source_shape(&self) -> heapless::Vec<u32, MAX_RANK> {
        let size = |source_axis: usize| {
            let stored = self.source_axes.iter().zip(&self.shape);
            stored.filter(|&(&axis, _)| usize::from(axis) == source_axis).map(|(_, &size)| size).next()
        };
        (0..self.shape.len()).filter_map(size).collect()
    }
}

/// Head of the program section; `instruction_count` postcard-encoded [`Instruction`]s follow it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Program {
    /// Rounding of every requantization.
    pub rounding: Rounding,
    /// What the caller fills before a run.
    pub inputs: heapless::Vec<Port, MAX_PORTS>,
    /// What the caller reads after a run.
    pub outputs: heapless::Vec<Port, MAX_PORTS>,
    /// How many instructions follow.
    pub instruction_count: u32,
}

/// Names, labels and provenance. Not needed to run; a device can show it, tools print it.
///
/// Lists are newline-separated text, so that the device reads them in place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Meta<'a> {
    /// Name of the network.
    pub name: &'a str,
    /// One line per input, then per output: its name in the source file.
    pub port_names: &'a str,
    /// One line per instruction: the source node it implements.
    pub node_names: &'a str,
    /// Per instruction 8 bytes, so that a tool can read the result it leaves in the arena: scale `f32` (0 if the result
    /// is float32), zero point `i32`. Empty if not known.
    #[serde(borrow)]
    pub result_params: &'a [u8],
    /// One line per class, or empty.
    pub labels: &'a str,
    /// How inputs were normalised before calibration, as the converter's option spells it.
    pub normalization: &'a str,
    /// Version of the converter that wrote the file.
    pub converter: &'a str,
    /// SHA-256 of the source model file.
    #[serde(borrow)]
    pub source_sha256: &'a [u8],
    /// SHA-256 over the calibration inputs, empty if none were used.
    pub calibration_sha256: &'a [u8],
    /// Top-1 accuracy in millionths, float and stored model, measured at conversion; `None` if not measured.
    pub accuracy_ppm: Option<(u32, u32)>,
}
