//! Makes explicit padding part of the convolution or pool that reads it.

use crate::ir::{Graph, Node, Op, Pads, ValueId, infer_shape};

use super::query::known_range;
use super::{Pass, PassError};

/// Zeros around a convolution or an average, and what can never be the maximum around a maximum, need not be stored.
pub struct FusePads;

impl Pass for FusePads {
    fn name(&self) -> &'static str {
        "fuse-pads"
    }

    fn run(&self, graph: &mut Graph) -> Result<usize, PassError> {
        let mut rewrites = 0;
        for at in 0..graph.nodes.len() {
            let Some((op, x)) = merged(graph, &graph.nodes[at]) else { continue };
            let node = &mut graph.nodes[at];
            node.op = op;
            node.inputs[0] = x;
            rewrites += 1;
        }
        Ok(rewrites)
    }
}

/// The node's op with the padding of its operand taken in, and the operand without it.
fn merged(graph: &Graph, node: &Node) -> Option<(Op, ValueId)> {
    let (_, pad) = graph.producing_node(*node.inputs.first()?)?;
    let Op::Pad { before, after, value } = &pad.op else { return None };
    let &x = pad.inputs.first()?;
    let mut op = node.op.clone();
    match &mut op {
        Op::Conv2d { pads, .. } if *value == 0.0 => *pads = sum(*pads, before, after)?,
        Op::AveragePool2d { pads, count_include_pad, .. } if *value == 0.0 => {
            // Explicit padding counts in the average; padding that does not count cannot be told apart from it.
            if !*count_include_pad && *pads != Pads::default() {
                return None;
            }
            *pads = sum(*pads, before, after)?;
            *count_include_pad = true;
            if rounds_up(&node.op, &graph.value(pad.output).shape, &graph.value(node.output).shape) {
                return None;
            }
        }
        Op::MaxPool2d { pads, .. } => {
            let never_wins = *value == f32::NEG_INFINITY || *value == f32::MIN;
            // The fill may equal the maximum, it must only not exceed it.
            if !never_wins && known_range(graph, x).min < *value {
                return None;
            }
            *pads = sum(*pads, before, after)?;
        }
        Op::Pad { before: outer_before, after: outer_after, value: outer } if *outer == *value => {
            for (outer, inner) in outer_before.iter_mut().zip(before).chain(outer_after.iter_mut().zip(after)) {
                *outer = outer.checked_add(*inner)?;
            }
        }
        _ => return None,
    }
    // A pool must see at least one real element in every window; padding of more than a window stays explicit.
    let shape = &graph.value(node.output).shape;
    let mut inputs = vec![graph.value(x).shape.as_slice()];
    inputs.extend(node.inputs[1..].iter().map(|&i| graph.value(i).shape.as_slice()));
    let fits = infer_shape(&op, &inputs, Some(shape)).is_ok_and(|s| s == *shape);
    fits.then_some((op, x))
}

/// Adds explicit padding of rows and columns; `None` if it pads batch or channels too.
fn sum(pads: Pads, before: &[usize], after: &[usize]) -> Option<Pads> {
    let (&[0, top, left, 0], &[0, bottom, right, 0]) = (before, after) else { return None };
    Some(Pads {
        top: pads.top.checked_add(top)?,
        left: pads.left.checked_add(left)?,
        bottom: pads.bottom.checked_add(bottom)?,
        right: pads.right.checked_add(right)?,
    })
}

/// True if the last window reaches beyond the padded input: its divisor depends on where the padding ends.
fn rounds_up(op: &Op, x: &[usize], y: &[usize]) -> bool {
    infer_shape(op, &[x], None).map_or(true, |floor| floor != y)
}

#[cfg(test)]
mod tests;
