//! How much arithmetic a node does.

use crate::ir::{Graph, Node, Op};

/// Multiply-accumulates of `node`: of convolutions, fully connected layers and per-channel scaling; 0 for the rest.
pub fn macs(graph: &Graph, node: &Node) -> u64 {
    let size = |value: crate::ir::ValueId| graph.value(value).elements() as u64;
    match &node.op {
        Op::Conv2d { .. } | Op::FullyConnected { .. } => match node.inputs.get(1) {
            Some(&weights) => {
                let per_output: usize = graph.value(weights).shape.iter().skip(1).product();
                size(node.output) * per_output as u64
            }
            None => 0,
        },
        Op::Lstm { .. } => match node.inputs.as_slice() {
            [_, _, _, x, h, ..] => {
                4 * (size(*x) + size(*h)) * graph.value(node.output).shape.get(1).copied().unwrap_or(1) as u64
            }
            _ => 0,
        },
        Op::ScaleShift => size(node.output),
        _ => 0,
    }
}
