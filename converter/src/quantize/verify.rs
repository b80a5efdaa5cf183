//! Checks every promise of `QuantGraph`.

use super::groups::{data_operands, shares};
use super::{QuantGraph, Quantization, QuantizeError, params};
use crate::ir::{DType, Node, Op, Tensor, ValueId};

/// Checks every promise that [`QuantGraph`] makes; an error is a bug of the converter.
pub fn verify(quant: &QuantGraph) -> Result<(), QuantizeError> {
    let graph = &quant.graph;
    crate::ir::verify(graph).map_err(|e| broken(&graph.name, e.to_string()))?;
    if quant.quantization.len() != graph.values.len() {
        let what = format!("{} quantizations for {} values", quant.quantization.len(), graph.values.len());
        return Err(broken(&graph.name, what));
    }
    let made = graph.nodes.iter().map(|n| n.output);
    for value in graph.inputs.iter().map(|p| p.value).chain(made) {
        check_value(quant, value)?;
    }
    graph.nodes.iter().try_for_each(|node| check_node(quant, node))
}

fn broken(at: &str, what: impl Into<String>) -> QuantizeError {
    QuantizeError::Broken { at: at.into(), what: what.into() }
}

/// A value in the arena: int8 with one scale, or float without.
fn check_value(quant: &QuantGraph, id: ValueId) -> Result<(), QuantizeError> {
    let value = quant.graph.value(id);
    match (value.dtype, &quant.quantization[id.0]) {
        (DType::F32, None) => Ok(()),
        (DType::I8, Some(q)) => check_per_tensor(&value.name, q),
        (dtype, q) => Err(broken(&value.name, format!("{dtype:?} with quantization {q:?}"))),
    }
}

fn check_scale(at: &str, scale: f32) -> Result<(), QuantizeError> {
    if scale.is_finite() && scale > 0.0 { Ok(()) } else { Err(broken(at, format!("scale {scale}"))) }
}

fn check_per_tensor(at: &str, q: &Quantization) -> Result<(), QuantizeError> {
    if q.scales.len() != 1 || q.axis.is_some() || !(-128..=127).contains(&q.zero_point) {
        return Err(broken(at, format!("an int8 value needs one scale and an int8 zero point, got {q:?}")));
    }
    check_scale(at, q.scale())
}

fn check_node(quant: &QuantGraph, node: &Node) -> Result<(), QuantizeError> {
    let graph = &quant.graph;
    let dtype = |id: ValueId| graph.value(id).dtype;
    let (reads, writes) = match node.op {
        Op::Quantize => (DType::F32, DType::I8),
        Op::Dequantize => (DType::I8, DType::F32),
        Op::Requantize => (DType::I8, DType::I8),
        _ => (dtype(node.output), dtype(node.output)),
    };
    if dtype(node.output) != writes {
        return Err(broken(&node.name, format!("writes {:?} instead of {writes:?}", dtype(node.output))));
    }
    let y = quant.quantization[node.output.0].as_ref();
    for &operand in data_operands(node) {
        let name = &graph.value(operand).name;
        if dtype(operand) != reads {
            return Err(broken(&node.name, format!("reads `{name}` as {:?} instead of {reads:?}", dtype(operand))));
        }
        let x = quant.quantization[operand.0].as_ref();
        if let (Some(x), DType::I8) = (x, reads) {
            check_per_tensor(name, x)?;
        }
        if shares(&node.op) && x != y {
            return Err(broken(&node.name, format!("operand `{name}` has {x:?}, the result {y:?}")));
        }
    }
    match (&node.op, y) {
        (Op::Softmax { .. }, Some(y)) if *y != params::softmax() => Err(broken(&node.name, format!("writes {y:?}"))),
        (Op::Conv2d { .. } | Op::FullyConnected { .. }, Some(_)) => check_weights(quant, node),
        _ => Ok(()),
    }
}

fn check_weights(quant: &QuantGraph, node: &Node) -> Result<(), QuantizeError> {
    let [x, weights, bias] = node.inputs[..] else {
        return Err(broken(&node.name, format!("has {} operands instead of 3", node.inputs.len())));
    };
    let (w, b) = (quant.graph.constant(weights), quant.graph.constant(bias));
    let (Some(Tensor::I8 { data: w, shape }), Some(Tensor::I32 { data: b, .. })) = (w, b) else {
        return Err(broken(&node.name, "weights must be I8 and the bias I32"));
    };
    let q = |id: ValueId| quant.quantization[id.0].as_ref();
    let (Some(x), Some(w_q), Some(b_q)) = (q(x), q(weights), q(bias)) else {
        return Err(broken(&node.name, "an operand has no quantization"));
    };
    let channels = shape.first().copied().unwrap_or(0);
    if [w_q.scales.len(), b_q.scales.len(), b.len()] != [channels; 3] || (w_q.zero_point, b_q.zero_point) != (0, 0) {
        return Err(broken(&node.name, format!("{channels} channels need as many scales and biases, zero points 0")));
    }
    if w.contains(&-128) {
        return Err(broken(&node.name, "weights must lie in -127..=127"));
    }
    for (w, b) in w_q.scales.iter().zip(&b_q.scales) {
        check_scale(&node.name, *w)?;
        check_scale(&node.name, *b)?;
        if (b - x.scale() * w).abs() > b * 1e-6 {
            return Err(broken(&node.name, format!("bias scale {b} is not {} * {w}", x.scale())));
        }
    }
    Ok(())
}
