//! `file -> Network`: one importer a source format, chosen by what the file holds.

pub mod checkpoint;
mod error;
pub mod onnx;
pub mod tflite;

pub use error::{ImportError, UnsupportedNode};

use crate::ir::Graph;
use crate::quantize::{QuantGraph, dequantized};
use mote_runtime::format::Rounding;
use std::collections::BTreeMap;
use std::fmt;

/// What the file leaves open.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// Shapes of inputs by name, for inputs with symbolic sizes.
    pub input_shapes: BTreeMap<String, Vec<usize>>,
    /// Refuse inputs whose first axis is fixed and above 1. Turn off for graphs whose inputs have no batch axis.
    pub require_batch_one: bool,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self { input_shapes: BTreeMap::new(), require_batch_one: true }
    }
}

/// What a file holds.
#[derive(Clone, Debug)]
pub enum Network {
    /// Real numbers: to be calibrated and quantized, or kept float.
    Float(Graph),
    /// Real numbers in which `FakeQuantize` nodes and `source_scale`s hold the quantization of the file: the passes come
    /// first, then `quantize::adopt`.
    FakeQuantized(Graph),
    /// Scales, zero points and integer weights are already chosen; nothing is left to calibrate.
    Quantized {
        /// The network.
        quant: QuantGraph,
        /// How the engine that it was made for rounds.
        rounding: Rounding,
    },
}

impl Network {
    /// A graph of real numbers, which may round.
    fn of(graph: Graph) -> Self {
        if graph.has_fake_quantization() { Self::FakeQuantized(graph) } else { Self::Float(graph) }
    }

    /// The network in real numbers. One that came quantized loses its rounding, not its scales' effect on the weights.
    pub fn into_float(self) -> Graph {
        match self {
            Self::Float(graph) => graph,
            Self::FakeQuantized(mut graph) => {
                graph.drop_fake_quantization();
                graph
            }
            Self::Quantized { quant, .. } => dequantized(&quant),
        }
    }

    /// Nodes, values and ports, whatever their element types.
    pub fn graph(&self) -> &Graph {
        match self {
            Self::Float(graph) | Self::FakeQuantized(graph) => graph,
            Self::Quantized { quant, .. } => &quant.graph,
        }
    }

    /// True if nothing is left to calibrate.
    pub fn is_quantized(&self) -> bool {
        matches!(self, Self::FakeQuantized(_) | Self::Quantized { .. })
    }
}

/// The format of a source file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// A protobuf `ModelProto`.
    Onnx {
        /// Opset of the default domain.
        opset: i64,
    },
    /// A flatbuffer of TensorFlow Lite's schema, version 3.
    Tflite,
    /// A safetensors file with the graph in it, as `mote train` writes it.
    Checkpoint,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Onnx { opset } => write!(f, "ONNX opset {opset}"),
            Self::Tflite => f.write_str("TensorFlow Lite"),
            Self::Checkpoint => f.write_str("float checkpoint"),
        }
    }
}

/// What a file says about itself.
#[derive(Clone, Debug)]
pub struct SourceInfo {
    /// Its format.
    pub format: Format,
    /// Program that wrote it, with its version; empty if it does not say.
    pub producer: String,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// An imported file.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The network in it.
    pub network: Network,
    /// Where it comes from.
    pub info: SourceInfo,
}

/// Imports a file of any supported format.
pub fn import(bytes: &[u8], options: &ImportOptions) -> Result<Imported, ImportError> {
    if tflite::is_tflite(bytes) {
        let tflite::Imported { network, producer, warnings, .. } = tflite::import(bytes, options)?;
        return Ok(Imported { network, info: SourceInfo { format: Format::Tflite, producer, warnings } });
    }
    if checkpoint::is_safetensors(bytes) {
        let network = Network::of(checkpoint::import(bytes)?);
        let info = SourceInfo { format: Format::Checkpoint, producer: "mote train".into(), warnings: Vec::new() };
        return Ok(Imported { network, info });
    }
    let onnx::Imported { graph, opset, producer, warnings } = onnx::import(bytes, options)?;
    let network = Network::of(graph);
    let info = SourceInfo { format: Format::Onnx { opset }, producer, warnings };
    Ok(Imported { network, info })
}
