//! Memory that an instruction needs only while it runs: a value that no node makes, alive for one step.

use super::liveness::Lifetime;
use crate::ir::{DType, Graph, Node, NodeId, Op, ValueId};
use crate::quantize::QuantGraph;
use mote_runtime::format::instruction::Conv2d;

/// Adds a value for every node that needs scratch memory; per node, which one.
pub fn add_scratch(quant: &mut QuantGraph) -> Vec<Option<ValueId>> {
    let bytes: Vec<usize> = quant.graph.nodes.iter().map(|node| scratch_bytes(&quant.graph, node)).collect();
    let add = |(node, bytes): (usize, usize)| {
        let name = format!("{}.scratch", quant.graph.nodes[node].name);
        quant.quantization.push(None);
        quant.graph.add_value(name, vec![bytes], DType::I8)
    };
    let mut add = add;
    bytes.into_iter().enumerate().map(|of| (of.1 > 0).then(|| add(of))).collect()
}

/// Makes the scratch values live while their nodes run.
pub fn set_lifetimes(lives: &mut [Option<Lifetime>], scratch: &[Option<ValueId>], order: &[NodeId]) {
    for (step, node) in order.iter().enumerate().map(|(i, node)| (i + 1, node)) {
        if let Some(value) = scratch.get(node.0).copied().flatten() {
            lives[value.0] = Some(Lifetime { first: step, last: step });
        }
    }
}

/// What the node's instruction asks for; 0 for none. The emitter asks the instruction itself and compares.
fn scratch_bytes(graph: &Graph, node: &Node) -> usize {
    let Op::Conv2d { stride, dilation, groups, .. } = node.op else { return 0 };
    let (Some(x), Some(weights)) = (node.inputs.first(), node.inputs.get(1)) else { return 0 };
    let (x, y) = (graph.value(*x), graph.value(node.output));
    let &[_, kernel_h, kernel_w, group_c] = graph.value(*weights).shape.as_slice() else { return 0 };
    let (&[_, _, _, x_c], &[_, _, y_w, y_c]) = (x.shape.as_slice(), y.shape.as_slice()) else { return 0 };
    if x.dtype != DType::I8 {
        0
    } else if groups > 1 && group_c == 1 {
        let columns = y_w.saturating_sub(1) * stride[1] + (kernel_w - 1) * dilation[1] + 1;
        if x_c == y_c && x_c % 4 == 0 && (dilation[0] == 1 || kernel_h == 1) {
            (columns * kernel_h + (2 * kernel_h - 1) * kernel_w) * 8
        } else {
            0
        }
    } else {
        (kernel_h * kernel_w * group_c).next_multiple_of(4) * 2 * Conv2d::BLOCK as usize
    }
}
