//! The `.mote` file: the one definition of its layout, used by [`crate::Model::load`] to read it and by the
//! converter to write it.
//!
//! All integers are little-endian. The header is followed by the sections in the order of [`Section`], without gaps but
//! one: the weights start at a multiple of [`SECTION_ALIGN`] from the start of the file, with zero bytes before them.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 4 | magic `MOTE` |
//! | 4 | 2 | format version, [`FORMAT_VERSION`] |
//! | 6 | 2 | header length: [`HEADER_BYTES`], with a signature [`SIGNATURE_BYTES`] more |
//! | 8 | 4 | total length of the file |
//! | 12 | 4 | reserved, 0 |
//! | 16 | 8 | checksum of bytes 0..16 and 32..start of the weights section |
//! | 24 | 8 | checksum of the bytes from the start of the weights section to the end |
//! | 32 | 4 | model version, for refusing downgrades |
//! | 36 | 4 | arena bytes the program needs |
//! | 40 | 16 | lengths of the four sections |
//! | 56 | 32 | SHA-256 of everything after the header |
//! | 88 | 64 | Ed25519 signature, if the header is long enough |
//!
//! A checksum is `sum = low(sum) * 0x9e37_79b1 + high(sum) + word` in 64 bits, from 0, over little-endian `u32` words, the last
//! one filled up with zeros; `low` and `high` are the halves of `sum`.

use serde::{Deserialize, Serialize};

mod checksum;
pub(crate) mod decode;
pub mod instruction;
pub mod overlap;
pub(crate) use checksum::Checksum;
pub use checksum::Crc32;
pub use instruction::Instruction;

#[cfg(feature = "std")]
pub mod pack;
#[cfg(feature = "std")]
pub mod packed;
#[cfg(feature = "std")]
mod write;
#[cfg(feature = "std")]
pub use write::{Contents, SelfTestVector, WriteError, seal, with_model_version, with_signature, write};

/// First four bytes of every model file.
pub const MAGIC: [u8; 4] = *b"MOTE";
/// The version that this runtime reads and the converter writes.
pub const FORMAT_VERSION: u16 = 2;
/// Length of the header in bytes, without a signature.
pub const HEADER_BYTES: usize = 88;
/// Length of a signature in bytes; if there is one, it ends the header.
pub const SIGNATURE_BYTES: usize = 64;
/// The weights start at a multiple of this in the file; the file must start at one in memory.
pub const SECTION_ALIGN: usize = 16;
/// Most axes a tensor may have.
pub const MAX_RANK: usize = 6;
/// Most inputs, and most outputs, a model may have.
pub const MAX_PORTS: usize = 8;
/// Most instructions a program may have.
pub const MAX_INSTRUCTIONS: u32 = 4096;

/// Position in the header's list of lengths, which is also the order in the file.
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

/// Number of sections.
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
    /// Element type in the arena: `I8`, `I16` or `F32`.
    pub dtype: DType,
    /// Sizes per axis as stored, batch axis first, channels last.
    pub shape: heapless::Vec<u32, MAX_RANK>,
    /// `real = scale * (stored - zero_point)`; 1 for `F32`.
    pub scale: f32,
    /// See `scale`; 0 for `I16` and `F32`.
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
