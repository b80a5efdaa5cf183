//! `Plan -> blob`: one emitter file per op family, mirroring `runtime/src/op`. And from a blob to a crate of constants.

mod blob;
mod constant_channels;
mod context;
mod conv2d;
mod copy;
mod elementwise;
mod fixed_point;
mod fully_connected;
mod int16;
mod lstm;
mod mean;
mod node;
mod packed;
mod pool;
mod ports;
mod rust_crate;
mod softmax;
mod sparse;
mod tables16;
mod unary;
mod weights;

#[cfg(test)]
mod tests;

pub use blob::emit;
pub use fixed_point::multiplier;
pub use rust_crate::{CrateFile, crate_name, rust_crate};

use crate::ir::{NodeId, ValueId};
use mote_runtime::LoadError;
use mote_runtime::format::Rounding;
use mote_runtime::format::WriteError;

/// What to write besides the program and its weights.
#[derive(Clone, Debug)]
pub struct EmitOptions {
    /// Rounding of every requantization.
    pub rounding: Rounding,
    /// For refusing downgrades on the device.
    pub model_version: u32,
    /// Store the weights of float32 nodes as IEEE binary16.
    pub half_weights: bool,
    /// Names and provenance; `None` writes none of it.
    pub meta: Option<MetaOptions>,
    /// Self-test vectors: for each, every input as float32 in source order. The expected outputs are computed.
    pub self_test: Vec<Vec<Vec<f32>>>,
}

impl Default for EmitOptions {
    fn default() -> Self {
        Self {
            rounding: Rounding::Single,
            model_version: 0,
            half_weights: false,
            meta: Some(MetaOptions::default()),
            self_test: Vec::new(),
        }
    }
}

/// The parts of the metadata that the graph does not tell.
#[derive(Clone, Debug, Default)]
pub struct MetaOptions {
    /// Class names in order, or empty.
    pub labels: Vec<String>,
    /// How inputs were normalised before calibration, as the command line spells it.
    pub normalization: String,
    /// Options of the command line that steered the planner, or empty.
    pub planned: String,
    /// SHA-256 of the source file, or empty.
    pub source_sha256: Vec<u8>,
    /// SHA-256 over the calibration inputs, or empty.
    pub calibration_sha256: Vec<u8>,
    /// Top-1 accuracy in millionths: float, stored model.
    pub accuracy_ppm: Option<(u32, u32)>,
}

/// Where an instruction comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstructionSource {
    /// The node of the planned graph that it (or part of it) implements.
    pub node: NodeId,
    /// The value that is complete after it; `None` if further instructions complete it, or none do because it is made in
    /// bands for the next node.
    pub completes: Option<ValueId>,
}

/// A finished model file.
#[derive(Clone, Debug)]
pub struct Emitted {
    /// The file.
    pub bytes: Vec<u8>,
    /// One entry per instruction.
    pub sources: Vec<InstructionSource>,
}

/// Why a plan cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum EmitError {
    /// The device has no instruction for this use of an op.
    #[error("node `{node}`: {op}: {reason}")]
    Node {
        /// Which node.
        node: String,
        /// Its op.
        op: &'static str,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// An input or output cannot be described.
    #[error("port `{port}`: {reason}")]
    Port {
        /// Its name in the source.
        port: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A self-test sample does not fit the inputs.
    #[error("self-test sample {sample}, input `{input}`: expected {expected} elements, got {got}")]
    SelfTest {
        /// Which sample, from 0.
        sample: usize,
        /// Which input.
        input: String,
        /// Elements of the input.
        expected: usize,
        /// Elements given.
        got: usize,
    },
    /// The model has too many inputs or outputs.
    #[error("the model has {got} {what}, a model file holds at most {limit}")]
    PortCount {
        /// Inputs or outputs.
        what: &'static str,
        /// Most allowed.
        limit: usize,
        /// In the model.
        got: usize,
    },
    /// The format's limits.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The runtime refuses what was written: a bug of the converter.
    #[error("internal error: the runtime refuses the emitted file at {at}: {error}; please report it with the model")]
    Refused {
        /// The node, or the part of the file.
        at: String,
        /// The runtime's reason.
        error: LoadError,
    },
}
