//! Folds scales and shifts per channel (batch normalisation at inference) into the weights before or after them, and
//! merges those that follow each other.

use crate::ir::{Activation, Graph, Node, NodeId, Op};

use super::affine::{Affine, can_fold_into_reader, fold_into_producer, fold_into_reader};
use super::query::add_floats;
use super::{Pass, PassError};

/// `ScaleShift`, and `Mul` and `Add` with constants per channel, disappear into convolutions and dense nodes.
pub struct FoldBatchNorm;

impl Pass for FoldBatchNorm {
    fn name(&self) -> &'static str {
        "fold-batch-norm"
    }

    fn run(&self, graph: &mut Graph) -> Result<usize, PassError> {
        let mut rewrites = 0;
        let mut at = 0;
        while at < graph.nodes.len() {
            let Some(affine) = Affine::of(graph, &graph.nodes[at]) else {
                at += 1;
                continue;
            };
            let folded = fold_into_producer(graph, at, &affine)
                || merge_with_producer(graph, at, &affine)
                || fold_into_readers(graph, at, &affine);
            if folded {
                rewrites += 1;
            } else {
                at += 1;
            }
        }
        Ok(rewrites)
    }
}

/// Lets every reader of the node at `at` take it over; all or none, because the node goes only if all do.
fn fold_into_readers(graph: &mut Graph, at: usize, affine: &Affine) -> bool {
    let output = graph.nodes[at].output;
    let readers = graph.consumers(output);
    let takes = |r: &NodeId| can_fold_into_reader(graph, &graph.nodes[r.0], output, affine);
    if readers.is_empty() || graph.is_output(output) || !readers.iter().all(takes) {
        return false;
    }
    for reader in readers {
        fold_into_reader(graph, reader.0, affine);
    }
    graph.nodes.remove(at);
    true
}

/// Two affine nodes in a row become one. `Mul` then `Add` stays where it is the lowest form already: everywhere but on
/// feature maps, where a depthwise convolution does both at once.
fn merge_with_producer(graph: &mut Graph, at: usize, second: &Affine) -> bool {
    let Some((first_at, node)) = graph.producing_node(second.x).filter(|_| graph.has_one_use(second.x)) else {
        return false;
    };
    let Some(first) = Affine::of(graph, node) else { return false };
    let mul_then_add =
        first.shift.is_none() && second.scale.is_none() && graph.value(graph.nodes[at].output).shape.len() != 4;
    if first.activation != Activation::NONE || mul_then_add {
        return false;
    }
    let both = first.then(second);
    if both.scale.is_some() && both.shift.is_some() && both.activation != Activation::NONE {
        return false;
    }
    let node = both.into_node(graph, at);
    graph.nodes[at] = node;
    graph.nodes.remove(first_at.0);
    true
}

impl Affine {
    /// The node that computes this, in place of the one at `at`: one of `Mul`, `Add`, `ScaleShift`.
    fn into_node(self, graph: &mut Graph, at: usize) -> Node {
        let Node { name, output, .. } = graph.nodes[at].clone();
        let mut constant = |kind: &str, data: Vec<f32>| {
            let shape = [data.len()];
            add_floats(graph, format!("{name}/{kind}"), &shape, data)
        };
        let activation = self.activation;
        let (op, inputs) = match (self.scale, self.shift) {
            (Some(scale), Some(shift)) => {
                (Op::ScaleShift, vec![self.x, constant("scale", scale), constant("shift", shift)])
            }
            (Some(scale), None) => (Op::Mul { activation }, vec![self.x, constant("scale", scale)]),
            (None, shift) => (Op::Add { activation }, vec![self.x, constant("shift", shift.unwrap_or_default())]),
        };
        Node { name, op, inputs, output }
    }
}

#[cfg(test)]
mod tests;
