//! Swapping a transpose with the node that reads it.

use crate::ir::{Activation, Graph, Node, NodeId, Op, Tensor, ValueId, inverse};

use super::super::PassError;
use super::super::query::{at_node, floats, moves_nothing};
use super::{replace_with_transposed, transpose_of};

/// If the node at `at` reads transposed operands and may as well read them untransposed, lets it, and transposes its
/// result.
pub(super) fn sink(graph: &mut Graph, at: usize) -> Result<bool, PassError> {
    sink_with(graph, at, false)
}

/// As [`sink`] for the node that makes `output`, transposing back the operands that are not transposed.
pub(super) fn force(graph: &mut Graph, output: ValueId) -> Result<bool, PassError> {
    match graph.producer(output) {
        Some(NodeId(at)) => sink_with(graph, at, true),
        None => Ok(false),
    }
}

/// Results of the nodes of which some operands are transposed and others are not.
pub(super) fn mixed_operands(graph: &Graph) -> Vec<ValueId> {
    let mixed = |n: &&Node| {
        matches!(n.op, Op::Add { .. } | Op::Mul { .. } | Op::Concat { .. })
            && n.inputs.iter().any(|&i| transpose_of(graph, i).is_some())
    };
    graph.nodes.iter().filter(mixed).map(|n| n.output).collect()
}

fn sink_with(graph: &mut Graph, at: usize, forced: bool) -> Result<bool, PassError> {
    let node = &graph.nodes[at];
    let rank = graph.value(node.output).shape.len();
    let candidates: Vec<Vec<usize>> = match &node.op {
        Op::Add { .. } | Op::Mul { .. } | Op::Concat { .. } => {
            let perms = node.inputs.iter().filter_map(|&i| transpose_of(graph, i));
            perms.map(|(_, perm)| perm.to_vec()).filter(|perm| perm.len() == rank).collect()
        }
        _ => {
            let first = node.inputs.first().and_then(|&x| transpose_of(graph, x));
            first.map(|(_, perm)| perm.to_vec()).into_iter().collect()
        }
    };
    // An identity that could not be dropped has nothing to sink.
    for perm in candidates.into_iter().filter(|perm| !perm.is_sorted()) {
        if sink_perm(graph, at, &perm, forced)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Swaps the node at `at` with transposes by `perm` before it.
fn sink_perm(graph: &mut Graph, at: usize, perm: &[usize], forced: bool) -> Result<bool, PassError> {
    let node = graph.nodes[at].clone();
    let &x = &node.inputs[0];
    let untransposed = || transpose_of(graph, x).map(|(source, _)| source);
    let last = perm.len() - 1;
    // Axis `i` of the transpose is axis `perm[i]` of its operand, so attributes per axis move like this.
    let move_back = |list: &[usize]| -> Vec<usize> { inverse(perm).iter().map(|&i| list[i]).collect() };
    let (op, out_perm) = match &node.op {
        Op::Unary(_) | Op::FakeQuantize { .. } => (node.op.clone(), perm.to_vec()),
        Op::Pad { before, after, value } => {
            (Op::Pad { before: move_back(before), after: move_back(after), value: *value }, perm.to_vec())
        }
        Op::Slice { start, end, step } => {
            let op = Op::Slice { start: move_back(start), end: move_back(end), step: move_back(step) };
            (op, perm.to_vec())
        }
        // The device computes softmax along the last axis only.
        Op::Softmax { axis } if *axis != last || perm[last] == last => {
            (Op::Softmax { axis: perm[*axis] }, perm.to_vec())
        }
        Op::Mean { axes, keep_dims } => mean(axes, *keep_dims, perm),
        Op::FullyConnected { .. } if perm[last] == last => {
            let Some(source) = untransposed() else { return Ok(false) };
            let inputs = [&[source], &node.inputs[1..]].concat();
            replace_with_transposed(graph, at, node.op.clone(), inputs, perm.to_vec());
            return Ok(true);
        }
        Op::ScaleShift => return scale_shift(graph, at, perm),
        Op::Add { .. } | Op::Mul { .. } => return several(graph, at, perm, node.op.clone(), true, forced),
        Op::Concat { axis } => return several(graph, at, perm, Op::Concat { axis: perm[*axis] }, false, forced),
        _ => return Ok(false),
    };
    let Some(source) = untransposed() else { return Ok(false) };
    replace_with_transposed(graph, at, op, vec![source], out_perm);
    Ok(true)
}

/// The same mean before the transpose, and the transpose of what remains.
fn mean(axes: &[usize], keep_dims: bool, perm: &[usize]) -> (Op, Vec<usize>) {
    let mut moved: Vec<usize> = axes.iter().map(|&axis| perm[axis]).collect();
    moved.sort_unstable();
    let out_perm = if keep_dims {
        perm.to_vec()
    } else {
        let position = |axis: usize| axis - moved.iter().filter(|&&reduced| reduced < axis).count();
        let kept = perm.iter().enumerate().filter(|(axis, _)| !axes.contains(axis));
        kept.map(|(_, &from)| position(from)).collect()
    };
    (Op::Mean { axes: moved, keep_dims }, out_perm)
}

/// `ScaleShift` works on the last axis. If that is the last one before the transpose too, they swap; else the node
/// becomes a multiplication and an addition, which broadcast along any axis.
fn scale_shift(graph: &mut Graph, at: usize, perm: &[usize]) -> Result<bool, PassError> {
    let Node { name, inputs, .. } = graph.nodes[at].clone();
    let &[x, scale, shift] = inputs.as_slice() else { return Ok(false) };
    let Some((source, _)) = transpose_of(graph, x) else { return Ok(false) };
    let last = perm.len() - 1;
    if perm[last] == last {
        replace_with_transposed(graph, at, Op::ScaleShift, vec![source, scale, shift], perm.to_vec());
        return Ok(true);
    }
    let mut shape = vec![1; perm.len()];
    shape[perm[last]] = graph.value(scale).elements();
    let mut along = |id: ValueId| {
        let data = floats(graph, id)?.to_vec();
        let value_name = graph.value(id).name.clone();
        Some(graph.add_constant(value_name, Tensor::f32(shape.clone(), data)))
    };
    let (Some(scale), Some(shift)) = (along(scale), along(shift)) else { return Ok(false) };
    let activation = Activation::NONE;
    let scaled = graph
        .insert_node(at, format!("{name}/scale"), Op::Mul { activation }, vec![source, scale], None)
        .map_err(at_node(&name))?;
    replace_with_transposed(graph, at + 1, Op::Add { activation }, vec![scaled, shift], perm.to_vec());
    Ok(true)
}

/// Swaps a node with several data operands: all must be transposed the same way, or be easy to transpose back.
fn several(
    graph: &mut Graph,
    at: usize,
    perm: &[usize],
    op: Op,
    broadcasts: bool,
    forced: bool,
) -> Result<bool, PassError> {
    let node = graph.nodes[at].clone();
    let undo: Option<Vec<Undo>> = node.inputs.iter().map(|&i| undo(graph, i, perm, broadcasts, forced)).collect();
    let Some(undo) = undo else { return Ok(false) };
    let mut at = at;
    let mut inputs = Vec::with_capacity(undo.len());
    for (operand, undo) in node.inputs.iter().zip(undo) {
        let name = format!("{}/operand", node.name);
        let (op, shape) = match undo {
            Undo::Read(id) => {
                inputs.push(id);
                continue;
            }
            Undo::Constant(tensor) => {
                let value_name = graph.value(*operand).name.clone();
                // One scale for all elements holds in any order of them.
                let source_scale = graph.value(*operand).source_scale.clone().filter(|s| s.scales.len() == 1);
                let constant = graph.add_constant(value_name, tensor);
                graph.values[constant.0].source_scale = source_scale;
                inputs.push(constant);
                continue;
            }
            Undo::Reshape(shape) => (Op::Reshape, Some(shape)),
            Undo::Transpose(perm) => (Op::Transpose { perm }, None),
        };
        let id = graph.insert_node(at, name, op, vec![*operand], shape.as_deref()).map_err(at_node(&node.name))?;
        inputs.push(id);
        at += 1;
    }
    replace_with_transposed(graph, at, op, inputs, perm.to_vec());
    Ok(true)
}

/// How to get an operand as it is before a transpose.
enum Undo {
    Read(ValueId),
    Constant(Tensor),
    Reshape(Vec<usize>),
    Transpose(Vec<usize>),
}

fn undo(graph: &Graph, id: ValueId, perm: &[usize], broadcasts: bool, forced: bool) -> Option<Undo> {
    if let Some((source, own)) = transpose_of(graph, id)
        && own == perm
    {
        return Some(Undo::Read(source));
    }
    let value = graph.value(id);
    let missing = perm.len().checked_sub(value.shape.len())?;
    if broadcasts && value.elements() == 1 {
        return Some(Undo::Read(id));
    }
    if missing > 0 && !broadcasts {
        return None;
    }
    let full = [vec![1; missing], value.shape.clone()].concat();
    let back = inverse(perm);
    if let Some(tensor) = &value.constant {
        return Some(Undo::Constant(tensor.reshaped(&full).permuted(&back)));
    }
    if moves_nothing(&back, &full) {
        return Some(Undo::Reshape(back.iter().map(|&p| full[p]).collect()));
    }
    (forced && missing == 0).then_some(Undo::Transpose(back))
}
