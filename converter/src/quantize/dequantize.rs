//! `QuantGraph -> Graph`: the real numbers that a quantized network computes with.

use super::{QuantGraph, Quantization};
use crate::ir::{DType, Graph, Op, Tensor};

/// The float network that `quant` approximates: constants in real values, conversions left out.
///
/// Nodes and values keep their names, so that the two can be compared layer by layer.
pub fn dequantized(quant: &QuantGraph) -> Graph {
    let mut graph = quant.graph.clone();
    for (value, quantization) in graph.values.iter_mut().zip(&quant.quantization) {
        let real = value.constant.as_ref().zip(quantization.as_ref()).and_then(|(t, q)| real_values(t, q));
        if let Some(data) = real {
            value.constant = Some(Tensor::f32(value.shape.clone(), data));
            value.dtype = DType::F32;
        }
        if value.constant.is_none() {
            value.dtype = DType::F32;
        }
    }
    let conversions = |op: &Op| matches!(op, Op::Quantize | Op::Dequantize | Op::Requantize);
    let (dropped, kept) = std::mem::take(&mut graph.nodes).into_iter().partition(|node| conversions(&node.op));
    graph.nodes = kept;
    for node in &mut graph.nodes {
        if let Op::Table { function, .. } = node.op {
            node.op = Op::Unary(function);
        }
    }
    // In execution order, so that of two conversions in a row the first one's operand remains.
    let dropped: Vec<crate::ir::Node> = dropped;
    for (i, node) in dropped.iter().enumerate() {
        let Some(mut from) = node.inputs.first().copied() else { continue };
        for earlier in dropped.iter().take(i).rev() {
            if earlier.output == from {
                from = earlier.inputs.first().copied().unwrap_or(from);
            }
        }
        graph.replace_uses(node.output, from);
    }
    graph
}

/// `scale * (stored - zero_point)` of an integer constant.
pub(super) fn real_values(tensor: &Tensor, q: &Quantization) -> Option<Vec<f32>> {
    let stored: Vec<f64> = match tensor {
        Tensor::I8 { data, .. } => data.iter().map(|&v| v.into()).collect(),
        Tensor::I16 { data, .. } => data.iter().map(|&v| v.into()).collect(),
        Tensor::I32 { data, .. } => data.iter().map(|&v| v.into()).collect(),
        Tensor::I64 { data, .. } => data.iter().map(|&v| v as f64).collect(),
        Tensor::F32 { .. } => return None,
    };
    // How many elements in a row have the same scale.
    let inner: usize = match q.axis {
        Some(axis) => tensor.shape().iter().skip(axis + 1).product(),
        None => stored.len(),
    };
    let scale = |i: usize| match q.scales.len() {
        0 | 1 => q.scale(),
        n => q.scales.get(i / inner.max(1) % n).copied().unwrap_or(1.0),
    };
    let real = |(i, v): (usize, f64)| (f64::from(scale(i)) * (v - f64::from(q.zero_point))) as f32;
    Some(stored.into_iter().enumerate().map(real).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_follow_their_axis() {
        let q = Quantization { scales: vec![1.0, 10.0], zero_point: 1, axis: Some(1) };
        let t = Tensor::I8 { shape: vec![2, 2, 2], data: vec![1, 2, 3, 4, 5, 6, 7, 8] };
        assert_eq!(real_values(&t, &q), Some(vec![0.0, 1.0, 20.0, 30.0, 4.0, 5.0, 60.0, 70.0]));
    }
}
