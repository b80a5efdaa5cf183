//! A float graph that rounds where its int8 form will: what quantization-aware training trains.
//!
//! [`with_roundings`] puts a `FakeQuantize` node behind every value, with the parameters that [`quantize`] chooses, so that
//! the graph is one that came quantized, as from an ONNX file. Weights stay real numbers while they are trained, and
//! [`stored`] says at any time which integers they are on the device. [`with_stored_weights`] fixes them in the end.

use super::adopt::adopt_with;
use super::dequantize::real_values;
use super::{QuantGraph, Quantization, QuantizeError, QuantizeOptions, Ranges, Width, quantize};
use crate::ir::{Graph, Node, Op, SourceScale, Tensor, ValueId};

/// The graph with roundings. All nodes must compute on integers under `options`, whose port types are not looked at.
pub fn with_roundings(graph: &Graph, ranges: &Ranges, options: &QuantizeOptions) -> Result<Graph, QuantizeError> {
    let options = QuantizeOptions { inputs: super::PortType::I8, outputs: super::PortType::I8, ..options.clone() };
    let quant = quantize(graph, ranges, &options)?;
    if let Some(node) = graph.nodes.iter().find(|n| Width::of(quant.graph.value(n.output).dtype).is_none()) {
        let reason = "computes in float, so that training cannot round it; leave `quantize` out for this network";
        return Err(QuantizeError::Node { node: node.name.clone(), op: node.op.name(), reason: reason.into() });
    }
    let mut rounded = graph.clone();
    // From the end, so that positions stay valid.
    for (at, node) in graph.nodes.iter().enumerate().rev() {
        // What only has another shape is rounded already.
        if !matches!(node.op, Op::Reshape) {
            round(&mut rounded, at + 1, node.output, &quant)?;
        }
    }
    for port in &graph.inputs {
        round(&mut rounded, 0, port.value, &quant)?;
    }
    Ok(rounded)
}

/// Inserts a rounding of `value` before position `at`, which all its readers read from then on.
fn round(graph: &mut Graph, at: usize, value: ValueId, quant: &QuantGraph) -> Result<(), QuantizeError> {
    let name = format!("{}/rounded", graph.value(value).name);
    let broken = |what: &str| QuantizeError::Broken { at: name.clone(), what: what.into() };
    let q = quant.quantization[value.0].as_ref().ok_or_else(|| broken("it has no scale"))?;
    let dtype = quant.graph.value(value).dtype;
    let op = Op::FakeQuantize { scale: q.scale(), zero_point: q.zero_point, dtype };
    let rounded = graph.insert_node(at, name.clone(), op, vec![value], None).map_err(|e| broken(&e.to_string()))?;
    graph.replace_uses(value, rounded);
    graph.nodes[at].inputs = vec![value];
    Ok(())
}

/// The integers that a graph of [`with_roundings`] stands for. Weights of nodes that `int4_weights` names have four bits.
pub fn stored(graph: &Graph, int4_weights: &[String]) -> Result<QuantGraph, QuantizeError> {
    Ok(adopt_with(graph, int4_weights)?.0)
}

/// The real numbers that the integer weights and biases of a node stand for, as constants of `graph`.
pub fn stored_constants(graph: &Graph, quant: &QuantGraph) -> Vec<(ValueId, Vec<f32>, Quantization)> {
    let mut constants: Vec<(ValueId, Vec<f32>, Quantization)> = Vec::new();
    for node in weighted(graph) {
        let Some(made) = quant.graph.nodes.iter().find(|n| n.output == node.output && n.op == node.op) else {
            continue;
        };
        for (&from, &to) in made.inputs.iter().zip(&node.inputs).skip(1) {
            let Some(q) = &quant.quantization[from.0] else { continue };
            let real = quant.graph.constant(from).and_then(|tensor| real_values(tensor, q));
            if let (Some(real), false) = (real, constants.iter().any(|c| c.0 == to)) {
                constants.push((to, real, q.clone()));
            }
        }
    }
    constants
}

/// The graph with those weights, and their scales on record, so that it is converted to these very integers.
pub fn with_stored_weights(graph: &Graph, int4_weights: &[String]) -> Result<Graph, QuantizeError> {
    let quant = stored(graph, int4_weights)?;
    let mut result = graph.clone();
    let weights: Vec<ValueId> = weighted(graph).filter_map(|n| n.inputs.get(1).copied()).collect();
    for (id, real, q) in stored_constants(graph, &quant).into_iter().filter(|c| weights.contains(&c.0)) {
        let value = &mut result.values[id.0];
        value.constant = Some(Tensor::f32(value.shape.clone(), real));
        value.source_scale = Some(SourceScale { scales: q.scales, zero_point: 0 });
    }
    Ok(result)
}

fn weighted(graph: &Graph) -> impl Iterator<Item = &Node> {
    graph.nodes.iter().filter(|n| matches!(n.op, Op::Conv2d { .. } | Op::FullyConnected { .. }))
}
