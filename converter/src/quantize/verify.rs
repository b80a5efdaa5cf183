//! Checks every promise of `QuantGraph`.

use super::groups::{data_operands, shares};
use super::{QuantGraph, Quantization, QuantizeError, Width, params};
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

/// A value in the arena: int8 or int16 with one scale, or float without.
fn check_value(quant: &QuantGraph, id: ValueId) -> Result<(), QuantizeError> {
    let value = quant.graph.value(id);
    match (value.dtype, &quant.quantization[id.0]) {
        (DType::F32, None) => Ok(()),
        (DType::I8 | DType::I16, Some(q)) => check_per_tensor(&value.name, q, value.dtype),
        (dtype, q) => Err(broken(&value.name, format!("{dtype:?} with quantization {q:?}"))),
    }
}

fn check_scale(at: &str, scale: f32) -> Result<(), QuantizeError> {
    if scale.is_finite() && scale > 0.0 { Ok(()) } else { Err(broken(at, format!("scale {scale}"))) }
}

fn check_per_tensor(at: &str, q: &Quantization, dtype: DType) -> Result<(), QuantizeError> {
    let zero_points = if dtype == DType::I16 { 0..=0 } else { -128..=127 };
    if q.scales.len() != 1 || q.axis.is_some() || !zero_points.contains(&q.zero_point) {
        let what = format!("an {dtype:?} value needs one scale and a zero point in {zero_points:?}, got {q:?}");
        return Err(broken(at, what));
    }
    check_scale(at, q.scale())
}

fn check_node(quant: &QuantGraph, node: &Node) -> Result<(), QuantizeError> {
    let graph = &quant.graph;
    let dtype = |id: ValueId| graph.value(id).dtype;
    let is_integer = |dtype: DType| Width::of(dtype).is_some();
    let allowed = |reads: DType, writes: DType| match node.op {
        Op::Quantize => reads == DType::F32 && is_integer(writes),
        Op::Dequantize => is_integer(reads) && writes == DType::F32,
        Op::Requantize => is_integer(reads) && is_integer(writes),
        _ => reads == writes,
    };
    let y = quant.quantization[node.output.0].as_ref();
    for &operand in data_operands(node) {
        let name = &graph.value(operand).name;
        let (reads, writes) = (dtype(operand), dtype(node.output));
        if !allowed(reads, writes) {
            return Err(broken(&node.name, format!("reads `{name}` as {reads:?} and writes {writes:?}")));
        }
        let x = quant.quantization[operand.0].as_ref();
        if let (Some(x), true) = (x, is_integer(reads)) {
            check_per_tensor(name, x, reads)?;
        }
        if shares(&node.op) && x != y {
            return Err(broken(&node.name, format!("operand `{name}` has {x:?}, the result {y:?}")));
        }
    }
    let fixed = Width::of(dtype(node.output)).and_then(|width| params::fixed(&node.op, width));
    match (&node.op, y) {
        (_, Some(y)) if fixed.is_some_and(|fixed| fixed != *y) => Err(broken(&node.name, format!("writes {y:?}"))),
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
