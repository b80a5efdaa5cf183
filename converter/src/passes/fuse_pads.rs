//! Makes explicit padding part of the convolution or pool that reads it.

use crate::ir::{Graph, Node, NodeId, Op, Pads, ValueId, infer_shape};

use super::query::{at_node, known_range};
use super::{Pass, PassError};

/// Zeros around a convolution or an average, and what can never be the maximum around a maximum, need not be stored.
pub struct FusePads;

impl Pass for FusePads {
    fn name(&self) -> &'static str {
        "fuse-pads"
    }

    fn run(&self, graph: &mut Graph) -> Result<usize, PassError> {
        let mut rewrites = 0;
        let mut at = 0;
        while at < graph.nodes.len() {
            if pad_after_reshape(graph, at)? {
                rewrites += 1;
            } else if let Some((op, x)) = merged(graph, &graph.nodes[at]) {
                let node = &mut graph.nodes[at];
                node.op = op;
                node.inputs[0] = x;
                rewrites += 1;
            }
            at += 1;
        }
        Ok(rewrites)
    }
}

/// Padding of a line (`[1, n, c]`) that then becomes a feature map of one row or column, for a convolution in one
/// dimension, is padded as that feature map instead. The node at `at` is the reshape.
fn pad_after_reshape(graph: &mut Graph, at: usize) -> Result<bool, PassError> {
    let Node { name, op: Op::Reshape, inputs, output } = graph.nodes[at].clone() else { return Ok(false) };
    let Some((_, Node { op: Op::Pad { before, after, value }, inputs: padded, .. })) =
        inputs.first().and_then(|&i| graph.producing_node(i))
    else {
        return Ok(false);
    };
    let windows = |id: &NodeId| {
        matches!(graph.nodes[id.0].op, Op::Conv2d { .. } | Op::AveragePool2d { .. } | Op::MaxPool2d { .. })
    };
    let readers = graph.consumers(output);
    if readers.is_empty() || graph.is_output(output) || !readers.iter().all(windows) {
        return Ok(false);
    }
    // Only axes of size 1 come or go, so the others correspond in order. A padded axis is none of them.
    let real = |shape: &[usize]| (0..shape.len()).filter(|&i| shape[i] != 1).collect::<Vec<_>>();
    let (x, from, to) = (padded[0], &graph.value(inputs[0]).shape, &graph.value(output).shape);
    let (from_axes, to_axes) = (real(from), real(to));
    if !from_axes.iter().map(|&i| from[i]).eq(to_axes.iter().map(|&i| to[i])) {
        return Ok(false);
    }
    let mut shape = vec![1; to.len()];
    let (mut new_before, mut new_after) = (vec![0; to.len()], vec![0; to.len()]);
    for (&f, &t) in from_axes.iter().zip(&to_axes) {
        shape[t] = graph.value(x).shape[f];
        new_before[t] = before[f];
        new_after[t] = after[f];
    }
    let op = Op::Pad { before: new_before, after: new_after, value: *value };
    let reshaped = graph
        .insert_node(at, format!("{name}/unpadded"), Op::Reshape, vec![x], Some(&shape))
        .map_err(at_node(&name))?;
    let node = &mut graph.nodes[at + 1];
    node.op = op;
    node.inputs = vec![reshaped];
    Ok(true)
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
