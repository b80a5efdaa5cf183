//! `Graph -> QuantGraph`: ranges from calibration data, scales and zero points for every value, int8 weights.
//!
//! [`calibrate()`] watches the float network on real inputs and chooses a [`Range`] for every value; [`quantize`] turns
//! ranges into scales and zero points, weights into int8, and puts conversions where precision changes. [`adopt()`] takes
//! all of that from a graph that came quantized.
//!
//! Two things are done before that where they are asked for: [`equalize()`] evens out the channels of the float network, and
//! [`gather_moments`] watches the inputs of layers, so that their weights are rounded for the least error of the output.

mod adaround;
mod adopt;
mod calibrate;
mod choose;
mod dequantize;
mod equalize;
mod float_nodes;
mod groups;
mod histogram;
mod lower;
mod moments;
mod palette;
mod params;
mod port_types;
mod roundings;
#[cfg(test)]
mod tests;
mod verify;
mod weights;
mod width;

pub use adaround::{Rounded, RoundedLayer, round_worst};
pub use adopt::adopt;
pub use calibrate::{CalibrateOptions, Observed, Ranges, calibrate, observe};
pub use choose::{Method, Range};
pub use dequantize::dequantized;
pub use equalize::{Equalized, equalize, rescalable};
pub use groups::moves;
pub use lower::{PortType, QuantizeOptions, keep_float, quantize};
pub use moments::{Moments, gather_moments};
pub use port_types::with_port_types;
pub use roundings::{stored, stored_constants, with_roundings, with_stored_weights};
pub use verify::verify;
pub use width::Width;

use crate::execute::ExecuteError;
use crate::ir::Graph;

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

impl Quantization {
    /// One scale for the whole tensor.
    pub fn per_tensor(scale: f32, zero_point: i32) -> Self {
        Self { scales: vec![scale], zero_point, axis: None }
    }

    /// The scale of the whole tensor; the first channel's if there are several.
    pub fn scale(&self) -> f32 {
        self.scales.first().copied().unwrap_or(1.0)
    }
}

/// A graph in which every value has its stored type.
///
/// `graph.values[i].dtype` is `I8` or `I16` (with `quantization[i]`; zero point 0 for `I16`), `I32` (biases, scale
/// `x * w[c]`) or `F32` (the value stays float). Weights of int8 and int16 nodes are `Tensor::I8`, their biases `Tensor::I32`
/// (always present, zero point *not* folded); int16 nodes that came quantized may have `Tensor::I64`.
/// Where precision changes, `Quantize`, `Dequantize` and `Requantize` nodes stand. The operands of a concatenation, and
/// input and output of pooling, pad, slice, reshape and transpose, share their quantization. Softmax outputs have scale
/// 1/256 and zero point -128; int16 ones, sigmoids and hyperbolic tangents have scale 1/32768. int8 `Unary` nodes become 256-entry tables at emission.
///
/// Values that the float graph had keep their ids; new ones follow.
#[derive(Clone, Debug)]
pub struct QuantGraph {
    /// Nodes and values.
    pub graph: Graph,
    /// Per value.
    pub quantization: Vec<Option<Quantization>>,
}

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
        "node `{node}`: its output holds {what} on calibration sample {sample} (counted from 0): check the input \
         normalisation, or leave the sample out"
    )]
    NotFinite {
        /// Which node, or which input.
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
    /// A name given for a float node fits no node.
    #[error("no node is called `{pattern}`; `mote inspect` lists the names, and `*` stands for any text")]
    NoSuchNode {
        /// As given.
        pattern: String,
    },
    /// A promise of [`QuantGraph`] does not hold: a bug of the converter.
    #[error("internal error: `{at}`: {what}; please report this model")]
    Broken {
        /// Node or value.
        at: String,
        /// What does not hold.
        what: String,
    },
}
