//! Makes clamps (ReLU, ReLU6, Clip) part of the node that computes what they clamp.

use crate::ir::{Activation, Graph, Node, Op, Unary, ValueId};

use super::query::{activation_mut, bypass, clamp_twice, contains, known_range};
use super::{Pass, PassError};

/// A clamp disappears into the convolution, dense, add, mul or clamp node before it, also through nodes that pick or
/// move elements without changing them. Only where nothing else sees the unclamped values.
pub struct FuseActivations;

impl Pass for FuseActivations {
    fn name(&self) -> &'static str {
        "fuse-activations"
    }

    fn run(&self, graph: &mut Graph) -> Result<usize, PassError> {
        let mut rewrites = 0;
        let mut at = 0;
        while at < graph.nodes.len() {
            if fuse(graph, at) {
                rewrites += 1;
            } else {
                at += 1;
            }
        }
        Ok(rewrites)
    }
}

fn fuse(graph: &mut Graph, at: usize) -> bool {
    let Node { op: Op::Unary(Unary::Clamp { min, max }), inputs, output, .. } = &graph.nodes[at] else { return false };
    let (clamp, output) = (Activation { min: *min, max: *max }, *output);
    let Some(&x) = inputs.first() else { return false };
    if contains(clamp, known_range(graph, x)) {
        return bypass(graph, at, x);
    }
    if !can_absorb(graph, x, clamp, DEPTH) {
        return false;
    }
    absorb(graph, x, clamp, DEPTH);
    // The producer's value takes over the clamp's name: it now holds what the clamp gave.
    graph.values[x.0].name = graph.value(output).name.clone();
    graph.nodes.remove(at);
    graph.replace_uses(output, x);
    true
}

/// How many nodes back a clamp may travel.
const DEPTH: usize = 8;

/// True if every element of `id` comes from nodes that can clamp it, and no one else reads what comes between.
fn can_absorb(graph: &Graph, id: ValueId, clamp: Activation, depth: usize) -> bool {
    if contains(clamp, known_range(graph, id)) {
        return true;
    }
    let Some((_, node)) = graph.producing_node(id).filter(|_| depth > 0 && graph.has_one_use(id)) else { return false };
    match &node.op {
        Op::Conv2d { .. } | Op::FullyConnected { .. } | Op::Add { .. } | Op::Mul { .. } => true,
        Op::Unary(Unary::Clamp { .. }) => true,
        op if carries_elements(op) => node.inputs.iter().all(|&i| can_absorb(graph, i, clamp, depth - 1)),
        _ => false,
    }
}

/// True if every output element is an input element or a constant that can be clamped beforehand. The maximum commutes
/// with any clamp, because clamps are monotone; an average does not.
fn carries_elements(op: &Op) -> bool {
    matches!(
        op,
        Op::MaxPool2d { .. }
            | Op::Reshape
            | Op::Transpose { .. }
            | Op::Slice { .. }
            | Op::Concat { .. }
            | Op::Pad { .. }
    )
}

/// Does what [`can_absorb`] promised.
fn absorb(graph: &mut Graph, id: ValueId, clamp: Activation, depth: usize) {
    if contains(clamp, known_range(graph, id)) {
        return;
    }
    let Some(producer) = graph.producer(id).filter(|_| depth > 0) else { return };
    let node = &mut graph.nodes[producer.0];
    if let Some(activation) = activation_mut(&mut node.op) {
        *activation = clamp_twice(*activation, clamp);
        return;
    }
    match &mut node.op {
        Op::Unary(Unary::Clamp { min, max }) => {
            let both = clamp_twice(Activation { min: *min, max: *max }, clamp);
            (*min, *max) = (both.min, both.max);
            return;
        }
        Op::Pad { value, .. } => *value = value.max(clamp.min).min(clamp.max),
        _ => {}
    }
    for input in node.inputs.clone() {
        absorb(graph, input, clamp, depth - 1);
    }
}

#[cfg(test)]
mod tests;
