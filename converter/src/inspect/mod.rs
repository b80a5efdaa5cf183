//! What is in a model file: the data behind `mote inspect`.

mod bands;
mod choice;
mod facts;
mod occupancy;
mod operands;
mod packed;
#[cfg(test)]
mod tests;

pub use choice::{Choice, IN_BANDS};
pub use facts::Facts;
pub use occupancy::{Occupant, Producer, Use, data_flow, in_use, occupants};
pub use operands::Operands;
pub use packed::PackedSummary;

use crate::plan::Target;
use crate::validate::source_shape;
use mote_runtime::format::{DType, FORMAT_VERSION, Instruction, Port, Rounding, Section};
use mote_runtime::{AlignedBytes, LoadError, Model};
use serde::Serialize;
use sha2::{Digest, Sha256};

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
    /// Names of the kernels that they need, as [`mote_runtime::Kernel`] spells them: a firmware for this model links these.
    pub kernels: Vec<String>,
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
    /// How its weights are packed, if they are.
    pub packed: Option<PackedSummary>,
    /// Arena range it writes, first byte and one past the last.
    pub writes: [u32; 2],
    /// Which kernel runs and why, if there is a choice: see [`Choice::kernel`].
    pub kernel: String,
    /// How the result lies over the operands, if it does: see [`Choice::memory`].
    pub memory: String,
    /// Arena bytes that it needs only while it runs.
    pub scratch_bytes: u32,
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
    #[error("{0}")]
    Load(LoadError),
}

impl Summary {
    /// Bytes of all packed weights, and of the same ones as kernels read them; `None` if no layer is packed.
    pub fn packed_bytes(&self) -> Option<(u64, u64)> {
        let packed: Vec<_> = self.instructions.iter().filter_map(|i| i.packed.as_ref()).collect();
        let sum = |bytes: fn(&PackedSummary) -> u32| packed.iter().map(|p| u64::from(bytes(p))).sum();
        (!packed.is_empty()).then(|| (sum(|p| p.bytes), sum(|p| p.dense_bytes)))
    }

    /// Reads a file's bytes (any alignment).
    pub fn from_blob(blob: &[u8]) -> Result<Self, InspectError> {
        Self::for_target(blob, Target::default())
    }

    /// As [`Self::from_blob`]; what a choice of kernels costs is told for `target`.
    pub fn for_target(blob: &[u8], target: Target) -> Result<Self, InspectError> {
        let file = AlignedBytes::copy_of(blob);
        let model = Model::load(&file).map_err(InspectError::Load)?;
        let meta = model.meta();
        let mut names = meta.port_names.lines();
        let mut port = |port: &Port| PortSummary::of(port, names.next().unwrap_or_default());
        let inputs: Vec<PortSummary> = model.inputs().iter().map(&mut port).collect();
        let outputs: Vec<PortSummary> = model.outputs().iter().map(&mut port).collect();
        let instructions = instructions(&model, target);
        let payload = Sha256::digest(model.payload());
        Ok(Self {
            schema: 1,
            name: meta.name.into(),
            format_version: FORMAT_VERSION,
            model_version: model.model_version(),
            file_bytes: model.as_bytes().len() as u32,
            sections: SECTIONS.iter().map(|&(section, name)| SectionSummary::of(&model, section, name)).collect(),
            arena_bytes: model.arena_bytes(),
            rounding: match model.rounding() {
                Rounding::Single => "single".into(),
                Rounding::Tflite => "tflite".into(),
            },
            inputs,
            outputs,
            macs: instructions.iter().map(|i| i.macs).sum(),
            instructions,
            kernels: kernels(&model),
            self_tests: model.self_test().count() as u32,
            sha256_ok: payload[..] == model.sha256()[..],
            sha256: hex(model.sha256()),
            signed: model.signature().is_some(),
            provenance: Provenance {
                converter: meta.converter.into(),
                source_sha256: hex(meta.source_sha256),
                calibration_sha256: hex(meta.calibration_sha256),
                normalization: meta.normalization.into(),
                labels: meta.labels.lines().map(String::from).collect(),
                accuracy: meta.accuracy_ppm.map(|(float, stored)| (f64::from(float) / 1e6, f64::from(stored) / 1e6)),
            },
        })
    }
}

const SECTIONS: [(Section, &str); 4] = [
    (Section::Program, "program"),
    (Section::Meta, "meta"),
    (Section::Weights, "weights"),
    (Section::SelfTest, "self_test"),
];

impl SectionSummary {
    fn of(model: &Model, section: Section, name: &str) -> Self {
        let bytes = model.section(section);
        let offset = bytes.as_ptr().addr().saturating_sub(model.as_bytes().as_ptr().addr());
        Self { name: name.into(), offset: offset as u32, bytes: bytes.len() as u32 }
    }
}

impl PortSummary {
    fn of(port: &Port, name: &str) -> Self {
        Self {
            name: name.into(),
            dtype: dtype_name(port.dtype).into(),
            shape: port.shape.to_vec(),
            scale: port.scale,
            zero_point: port.zero_point,
            source_dtype: dtype_name(port.source_dtype).into(),
            source_shape: source_shape(port),
            source_axes: port.source_axes.to_vec(),
            arena_offset: port.offset,
            arena_bytes: port.bytes().unwrap_or(0),
        }
    }
}

/// Name of an element type as NumPy spells it.
pub fn dtype_name(dtype: DType) -> &'static str {
    match dtype {
        DType::I8 => "int8",
        DType::U8 => "uint8",
        DType::I16 => "int16",
        DType::I32 => "int32",
        DType::I64 => "int64",
        DType::F16 => "float16",
        DType::F32 => "float32",
    }
}

fn instructions(model: &Model, target: Target) -> Vec<InstructionSummary> {
    let meta = model.meta();
    let mut names = meta.node_names.lines();
    let mut params = meta.result_params.chunks_exact(8).map(|c| c.split_at(4));
    let banded = bands::roles(model.instructions());
    let describe = |(index, instruction): (usize, Instruction)| {
        let (facts, choice) = (Facts::of(&instruction), Choice::of(&instruction, target));
        let (facts, choice) = banded
            .get(index)
            .copied()
            .flatten()
            .map_or((facts.clone(), choice.clone()), |role| role.apply(facts, choice));
        let (scale, zero_point) = params.next().unwrap_or_default();
        InstructionSummary {
            index,
            op: instruction.name().into(),
            node: names.next().unwrap_or_default().into(),
            input_shape: facts.x_shape,
            output_shape: facts.y_shape,
            macs: facts.macs,
            weight_bytes: facts.weight_bytes,
            packed: PackedSummary::of(&instruction),
            writes: facts.writes,
            kernel: choice.kernel,
            memory: choice.memory,
            scratch_bytes: choice.scratch_bytes,
            scale: scale.try_into().ok().map(f32::from_le_bytes),
            zero_point: zero_point.try_into().ok().map(i32::from_le_bytes),
        }
    };
    model.instructions().enumerate().map(describe).collect()
}

/// Names of the kernels that a model needs, each once, in alphabetical order.
pub fn kernels(model: &Model) -> Vec<String> {
    let mut kernels: Vec<String> = model.kernels().iter().map(|kernel| format!("{kernel:?}")).collect();
    kernels.sort();
    kernels
}

/// Two digits a byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
