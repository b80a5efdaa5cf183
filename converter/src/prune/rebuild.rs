//! A graph without some of its channels.

use super::PruneError;
use super::coupling::Coupling;
use super::energy::mixes;
use crate::ir::{Graph, Op, Tensor, ValueId, verify};

/// Cuts the channels of the classes that are `gone` out of every value, weight and table. What was computed from them is
/// computed without them; everything else stays as it was, names included.
pub(super) fn without(graph: &Graph, coupling: &Coupling, gone: &[bool]) -> Result<Graph, PruneError> {
    let kept = |value: ValueId| -> Vec<usize> {
        let ids = coupling.of[value.0].iter().enumerate();
        ids.filter(|(_, class)| !gone[**class]).map(|(index, _)| index).collect()
    };
    let mut pruned = graph.clone();
    for at in 0..graph.nodes.len() {
        let node = &graph.nodes[at];
        let out = kept(node.output);
        let x = node.inputs.first().map_or_else(Vec::new, |x| kept(*x));
        let whole = out.len() == coupling.of[node.output.0].len();
        match &node.op {
            Op::Conv2d { .. } | Op::FullyConnected { .. } => {
                for (slot, &id) in node.inputs.iter().enumerate().skip(1) {
                    let mut cut = constant(graph, id)?;
                    cut = select(&cut, 0, &out);
                    if slot == 1 && mixes(&node.op) {
                        cut = select(&cut, cut.shape().len() - 1, &x);
                    }
                    replace(&mut pruned, at, slot, cut);
                }
            }
            Op::ScaleShift | Op::BatchNorm { .. } => {
                for (slot, &id) in node.inputs.iter().enumerate().skip(1) {
                    replace(&mut pruned, at, slot, select(&constant(graph, id)?, 0, &out));
                }
            }
            Op::Add { .. } | Op::Sub { .. } | Op::Mul { .. } => {
                for (slot, &id) in node.inputs.iter().enumerate() {
                    let Some(tensor) = graph.constant(id) else { continue };
                    let last = tensor.shape().len().saturating_sub(1);
                    if tensor.shape().last() == Some(&coupling.of[node.output.0].len()) && !whole {
                        replace(&mut pruned, at, slot, select(tensor, last, &out));
                    }
                }
            }
            _ => {}
        }
        match &mut pruned.nodes[at].op {
            // Depthwise: one group a channel of the input.
            Op::Conv2d { groups, .. } if *groups == coupling.of[node.inputs[0].0].len() && *groups > 1 => {
                *groups = x.len();
            }
            Op::Slice { end, .. } => {
                if let (Some(end), false) = (end.last_mut(), whole) {
                    *end = out.len();
                }
            }
            _ => {}
        }
        if let (Some(last), false) = (pruned.values[node.output.0].shape.last_mut(), whole) {
            *last = out.len();
        }
    }
    verify(&pruned).map_err(|e| PruneError::Broken(e.to_string()))?;
    Ok(pruned)
}

fn constant(graph: &Graph, id: ValueId) -> Result<Tensor, PruneError> {
    let missing = || PruneError::Broken(format!("`{}` is computed, and channels of it go", graph.value(id).name));
    graph.constant(id).cloned().ok_or_else(missing)
}

/// Gives the operand its new elements. Another node that reads the constant keeps its own.
fn replace(graph: &mut Graph, node: usize, slot: usize, tensor: Tensor) {
    let id = graph.nodes[node].inputs[slot];
    if graph.constant(id) == Some(&tensor) {
        return;
    }
    if graph.has_one_use(id) {
        let value = &mut graph.values[id.0];
        value.shape = tensor.shape().to_vec();
        value.constant = Some(tensor);
    } else {
        let name = graph.value(id).name.clone();
        graph.nodes[node].inputs[slot] = graph.add_constant(name, tensor);
    }
}

/// The indices `kept` along `axis`.
fn select(tensor: &Tensor, axis: usize, kept: &[usize]) -> Tensor {
    let Some(data) = tensor.as_f32() else { return tensor.clone() };
    let mut shape = tensor.shape().to_vec();
    let (inner, size): (usize, usize) = (shape[axis + 1..].iter().product(), shape[axis]);
    let outer: usize = shape[..axis].iter().product();
    let mut cut = Vec::with_capacity(outer * kept.len() * inner);
    for o in 0..outer {
        for &k in kept {
            let start = (o * size + k) * inner;
            cut.extend_from_slice(&data[start..start + inner]);
        }
    }
    shape[axis] = kept.len();
    Tensor::f32(shape, cut)
}
