//! Transposes at the inputs and outputs of the graph become part of the port: the caller's array is permuted when it
//! is written to the arena or read from it, which costs nothing extra.

use crate::ir::{Graph, Op, ValueId, inverse};

use super::super::PassError;
use super::super::query::at_node;
use super::transpose_of;

/// Lets outputs that are transposed give what is before the transpose.
pub(super) fn absorb_outputs(graph: &mut Graph) -> bool {
    let mut changed = false;
    for at in 0..graph.outputs.len() {
        let Some((source, perm)) = transpose_of(graph, graph.outputs[at].value) else { continue };
        // The batch stays in front, and inputs and constants do not become outputs.
        if perm.first() != Some(&0) || graph.is_input(source) || graph.constant(source).is_some() {
            continue;
        }
        let back = inverse(perm);
        let port = &mut graph.outputs[at];
        port.value = source;
        port.source_axes = back.iter().map(|&i| port.source_axes[i]).collect();
        changed = true;
    }
    changed
}

/// The one permutation by which all readers of an input transpose it, if it keeps the batch in front.
fn common_perm(graph: &Graph, input: ValueId) -> Option<Vec<usize>> {
    let mut readers = graph.nodes.iter().filter(|n| n.inputs.contains(&input)).map(|n| match &n.op {
        Op::Transpose { perm } => Some(perm),
        _ => None,
    });
    let first = readers.next()??;
    (readers.all(|perm| perm == Some(first)) && first.first() == Some(&0)).then(|| first.clone())
}

/// Lets inputs that are only read transposed be stored that way.
pub(super) fn absorb_inputs(graph: &mut Graph) -> bool {
    let mut changed = false;
    for at in 0..graph.inputs.len() {
        let value = graph.inputs[at].value;
        let Some(perm) = common_perm(graph, value).filter(|_| !graph.is_output(value)) else { continue };
        let outputs: Vec<ValueId> =
            graph.nodes.iter().filter(|n| n.inputs.contains(&value)).map(|n| n.output).collect();
        if outputs.iter().any(|&o| graph.is_output(o)) {
            continue;
        }
        store_permuted(graph, at, &perm);
        graph.nodes.retain(|n| !n.inputs.contains(&value));
        for output in outputs {
            graph.replace_uses(output, value);
        }
        changed = true;
    }
    changed
}

/// Stores an input in another order of axes; its readers are the caller's business.
fn store_permuted(graph: &mut Graph, at: usize, perm: &[usize]) {
    let port = &mut graph.inputs[at];
    port.source_axes = perm.iter().map(|&p| port.source_axes[p]).collect();
    let shape = &mut graph.values[port.value.0].shape;
    *shape = perm.iter().map(|&p| shape[p]).collect();
}

/// Inputs in source order that some readers, not all, transpose.
pub(super) fn mixed_inputs(graph: &Graph) -> Vec<usize> {
    let mixed = |&at: &usize| {
        let port = &graph.inputs[at];
        port.is_source_order() && !graph.is_output(port.value) && first_perm(graph, port.value).is_some()
    };
    (0..graph.inputs.len()).filter(mixed).collect()
}

fn first_perm(graph: &Graph, input: ValueId) -> Option<Vec<usize>> {
    let perm = |op: &Op| match op {
        Op::Transpose { perm } if perm.first() == Some(&0) => Some(perm.clone()),
        _ => None,
    };
    graph.nodes.iter().filter(|n| n.inputs.contains(&input)).find_map(|n| perm(&n.op))
}

/// Stores an input as its first transposing reader wants it, and transposes it back for all readers as they were.
pub(super) fn absorb_mixed_input(graph: &mut Graph, at: usize) -> Result<bool, PassError> {
    let value = graph.inputs[at].value;
    let Some(perm) = first_perm(graph, value) else { return Ok(false) };
    let name = format!("{}/source_order", graph.value(value).name);
    store_permuted(graph, at, &perm);
    let op = Op::Transpose { perm: inverse(&perm) };
    let readers: Vec<usize> = (0..graph.nodes.len()).filter(|&i| graph.nodes[i].inputs.contains(&value)).collect();
    let back = graph.insert_node(0, name.clone(), op, vec![value], None).map_err(at_node(&name))?;
    for reader in readers {
        for input in graph.nodes[reader + 1].inputs.iter_mut().filter(|i| **i == value) {
            *input = back;
        }
    }
    Ok(true)
}
