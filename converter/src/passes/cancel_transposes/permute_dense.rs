//! Lets dense nodes read or write another order of elements, by permuting their weights instead.

use crate::ir::{Graph, Node, NodeId, Op, Tensor, ValueId, inverse};

use super::super::query::floats;
use super::transpose_of;

/// `dense(reshape(transpose(a)))`, where the reshape flattens what the transpose shuffled: the reshape reads `a`, and
/// the weights' columns follow.
pub(super) fn permute_columns(graph: &mut Graph) -> bool {
    let mut changed = false;
    for at in 0..graph.nodes.len() {
        let Node { op: Op::Reshape, inputs, output, .. } = &graph.nodes[at] else { continue };
        let (flat, t) = (*output, inputs[0]);
        let Some((source, perm)) = transpose_of(graph, t) else { continue };
        let readers = graph.consumers(flat);
        let dense = |r: &NodeId| reads_flat(graph, &graph.nodes[r.0], flat);
        if readers.is_empty() || graph.is_output(flat) || !readers.iter().all(dense) {
            continue;
        }
        let (perm, shape) = (perm.to_vec(), graph.value(t).shape.clone());
        let Some(&columns) = graph.value(flat).shape.last() else { continue };
        let Some(head) = flattened_from(&perm, &shape, columns) else { continue };
        // The tail of the transposed value, and the permutation that gives the order of `a` from it.
        let back = inverse(&perm);
        let tail: Vec<usize> = back[head..].iter().map(|&axis| axis - head).collect();
        for reader in readers {
            permute_weights(graph, reader, &shape[head..], &tail);
        }
        graph.nodes[at].inputs = vec![source];
        changed = true;
    }
    changed
}

fn reads_flat(graph: &Graph, node: &Node, flat: ValueId) -> bool {
    let constant_weights = node.inputs.get(1).is_some_and(|&w| floats(graph, w).is_some());
    matches!(node.op, Op::FullyConnected { .. }) && constant_weights && node.inputs[1..].iter().all(|&i| i != flat)
}

/// The first axis of the transposed value that goes into the flat axis of `columns` elements, if the transpose moves
/// elements only within that.
fn flattened_from(perm: &[usize], shape: &[usize], columns: usize) -> Option<usize> {
    let holds = |&head: &usize| {
        shape[head..].iter().product::<usize>() == columns && perm[..head].iter().enumerate().all(|(i, &p)| i == p)
    };
    (0..shape.len()).find(holds)
}

/// Reorders the weights' columns, seen as axes of `shape`, by `perm`.
fn permute_weights(graph: &mut Graph, at: NodeId, shape: &[usize], perm: &[usize]) {
    let weights = graph.nodes[at.0].inputs[1];
    let Some(tensor) = graph.constant(weights) else { return };
    let full = [&tensor.shape()[..1], shape].concat();
    let with_rows: Vec<usize> = std::iter::once(0).chain(perm.iter().map(|&p| p + 1)).collect();
    let permuted = tensor.reshaped(&full).permuted(&with_rows).reshaped(tensor.shape());
    // Rows stay rows, so the scales that the source stored them with still hold.
    let (name, source_scale) = (graph.value(weights).name.clone(), graph.value(weights).source_scale.clone());
    let permuted = graph.add_constant(name, permuted);
    graph.values[permuted.0].source_scale = source_scale;
    graph.nodes[at.0].inputs[1] = permuted;
}

/// `transpose(reshape(dense(x)))`, with unary functions between: the weights' rows and the bias take the new order.
pub(super) fn permute_rows(graph: &mut Graph) -> bool {
    let mut changed = false;
    let mut at = 0;
    while at < graph.nodes.len() {
        if permute_rows_before(graph, at) {
            changed = true;
        } else {
            at += 1;
        }
    }
    changed
}

fn permute_rows_before(graph: &mut Graph, at: usize) -> bool {
    let Node { op: Op::Transpose { perm }, inputs, output, .. } = &graph.nodes[at] else { return false };
    let (perm, t_in, output) = (perm.clone(), inputs[0], *output);
    let shape = graph.value(t_in).shape.clone();
    // Walk back to the dense node: values between the reshape and the transpose change their shape.
    let (mut reshaped, mut id) = (Vec::new(), t_in);
    let mut seen_reshape = false;
    let dense = loop {
        let Some((producer, node)) = graph.producing_node(id).filter(|_| graph.has_one_use(id)) else { return false };
        if !seen_reshape {
            reshaped.push(id);
        }
        match &node.op {
            Op::Unary(_) | Op::FakeQuantize { .. } => {}
            Op::Reshape if !seen_reshape => seen_reshape = true,
            Op::FullyConnected { .. } if seen_reshape => break producer.0,
            _ => return false,
        }
        id = node.inputs[0];
    };
    let Node { inputs: parameters, name, .. } = graph.nodes[dense].clone();
    let rows = shape.iter().product::<usize>();
    let Some(weights) = graph.constant(parameters[1]).filter(|w| w.shape()[0] == rows) else { return false };
    let split = [&shape[..], &weights.shape()[1..]].concat();
    let with_columns: Vec<usize> = perm.iter().copied().chain([perm.len()]).collect();
    let weights = weights.reshaped(&split).permuted(&with_columns).reshaped(weights.shape());
    let bias: Option<Option<Tensor>> = parameters.get(2).map(|&b| {
        let bias = graph.constant(b)?;
        Some(bias.reshaped(&shape).permuted(&perm).reshaped(bias.shape()))
    });
    let mut inputs = vec![parameters[0], graph.add_constant(format!("{name}/weights"), weights)];
    match bias {
        Some(Some(bias)) => inputs.push(graph.add_constant(format!("{name}/bias"), bias)),
        Some(None) => return false,
        None => {}
    }
    graph.nodes[dense].inputs = inputs;
    let moved: Vec<usize> = perm.iter().map(|&p| shape[p]).collect();
    for id in reshaped {
        graph.values[id.0].shape.clone_from(&moved);
    }
    graph.nodes.remove(at);
    graph.replace_uses(output, t_in);
    true
}
