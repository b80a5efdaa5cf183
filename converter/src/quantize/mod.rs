//! `Graph -> QuantGraph`: ranges from calibration data, scales and zero points for every value, int8 weights.

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
