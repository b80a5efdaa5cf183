//! May several samples run as one?

use crate::ir::{Graph, Node, Op, ValueId};

/// True if every value that is not a constant has a batch axis 0 of size 1, and no op mixes that axis with others, so
/// that `n` samples can be stacked along it.
pub(super) fn allows_batch(graph: &Graph) -> bool {
    let inputs = graph.inputs.iter().map(|p| p.value);
    let made = graph.nodes.iter().map(|n| n.output);
    inputs.chain(made).all(|v| graph.value(v).shape.len() >= 2 && graph.value(v).shape[0] == 1)
        && graph.nodes.iter().all(|n| keeps_batch(graph, n))
}

fn keeps_batch(graph: &Graph, node: &Node) -> bool {
    let rank = graph.value(node.output).shape.len();
    match &node.op {
        // Leading axes are added on the left when ranks differ: a computed operand's batch axis would slip.
        Op::Add { .. } | Op::Sub { .. } | Op::Mul { .. } => {
            let fits = |&i: &ValueId| graph.constant(i).is_some() || graph.value(i).shape.len() == rank;
            node.inputs.iter().all(fits) && node.inputs.iter().any(|&i| graph.constant(i).is_none())
        }
        Op::Mean { axes, .. } => !axes.contains(&0),
        Op::Pad { before, after, .. } => before.first() == Some(&0) && after.first() == Some(&0),
        Op::Softmax { axis } | Op::Concat { axis } => {
            *axis != 0 && node.inputs.iter().all(|&i| graph.constant(i).is_none())
        }
        Op::Slice { start, end, .. } => start.first() == Some(&0) && end.first() == Some(&1),
        Op::Transpose { perm } => perm.first() == Some(&0),
        _ => node.inputs.first().is_some_and(|&i| graph.constant(i).is_none()),
    }
}
