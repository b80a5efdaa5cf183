//! Removes nodes that give back their operand, and turns nodes that only rename axes into `Reshape`.

use crate::ir::{Activation, Graph, Node, Op, Pads, Unary, ValueId};

use super::query::{bypass, constant_operand, uniform};
use super::{Pass, PassError};

/// `x + 0`, `x * 1`, a slice of everything, a pool over single elements, and their like.
pub struct DropIdentities;

impl Pass for DropIdentities {
    fn name(&self) -> &'static str {
        "drop-identities"
    }

    fn run(&self, graph: &mut Graph) -> Result<usize, PassError> {
        let mut rewrites = 0;
        let mut at = 0;
        while at < graph.nodes.len() {
            if reduce_fewer_axes(graph, at) {
                rewrites += 1;
            }
            if let Some((operand, activation)) = identity(graph, &graph.nodes[at]) {
                if activation == Activation::NONE {
                    if bypass(graph, at, operand) {
                        rewrites += 1;
                        continue;
                    }
                } else {
                    // What remains is the clamp alone.
                    let Activation { min, max } = activation;
                    let node = &mut graph.nodes[at];
                    node.op = Op::Unary(Unary::Clamp { min, max });
                    node.inputs = vec![operand];
                    rewrites += 1;
                }
            }
            at += 1;
        }
        Ok(rewrites)
    }
}

/// The operand that the node gives back, and the clamp that it puts on it.
fn identity(graph: &Graph, node: &Node) -> Option<(ValueId, Activation)> {
    let &x = node.inputs.first()?;
    let same_shape = |id: ValueId| graph.value(id).shape == graph.value(node.output).shape;
    let gives_back = match &node.op {
        Op::Reshape => same_shape(x),
        Op::Transpose { perm } => perm.is_sorted(),
        Op::Slice { step, .. } => same_shape(x) && step.iter().all(|&s| s == 1),
        Op::Pad { before, after, .. } => before.iter().chain(after).all(|&n| n == 0),
        Op::Concat { .. } => node.inputs.len() == 1,
        Op::Unary(Unary::Clamp { min, max }) => *min == f32::NEG_INFINITY && *max == f32::INFINITY,
        Op::MaxPool2d { kernel, stride, pads, .. } | Op::AveragePool2d { kernel, stride, pads, .. } => {
            *kernel == [1, 1] && *stride == [1, 1] && *pads == Pads::default() && same_shape(x)
        }
        Op::ScaleShift => {
            let all = |i: usize, v: f32| node.inputs.get(i).is_some_and(|&id| uniform(graph, id) == Some(v));
            all(1, 1.0) && all(2, 0.0)
        }
        Op::Add { activation } | Op::Mul { activation } => {
            let neutral = if matches!(node.op, Op::Add { .. }) { 0.0 } else { 1.0 };
            let (constant, operand) = constant_operand(graph, node)?;
            let nothing = uniform(graph, constant) == Some(neutral) && same_shape(operand);
            return nothing.then_some((operand, *activation));
        }
        _ => false,
    };
    gives_back.then_some((x, Activation::NONE))
}

/// A mean over axes of size 1 is a reshape; in a mean over more, they need not be named if they stay.
fn reduce_fewer_axes(graph: &mut Graph, at: usize) -> bool {
    let Some(Node { op: Op::Mean { axes, keep_dims }, inputs, .. }) = graph.nodes.get(at) else { return false };
    let Some(shape) = inputs.first().map(|&x| &graph.value(x).shape) else { return false };
    let real: Vec<usize> = axes.iter().copied().filter(|&axis| shape[axis] != 1).collect();
    if real.is_empty() {
        graph.nodes[at].op = Op::Reshape;
        return true;
    }
    if *keep_dims && real.len() < axes.len() {
        graph.nodes[at].op = Op::Mean { axes: real, keep_dims: true };
        return true;
    }
    false
}

#[cfg(test)]
mod tests;
