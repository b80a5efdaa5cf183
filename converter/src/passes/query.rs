//! Questions about a graph that several passes ask.

use crate::ir::{Activation, Graph, Node, NodeId, Op, ShapeError, Tensor, Unary, ValueId};

use super::PassError;

/// Names the node in a shape error.
pub(super) fn at_node(node: &str) -> impl FnOnce(ShapeError) -> PassError {
    let node = node.to_owned();
    |source| PassError::Shape { node, source: Box::new(source) }
}

/// The elements of a float constant.
pub(super) fn floats(graph: &Graph, id: ValueId) -> Option<&[f32]> {
    graph.constant(id)?.as_f32()
}

/// The one number that a float constant holds, however often.
pub(super) fn uniform(graph: &Graph, id: ValueId) -> Option<f32> {
    let (first, rest) = floats(graph, id)?.split_first()?;
    rest.iter().all(|v| v == first).then_some(*first)
}

/// A float constant as one number per element of the last axis of `shape`, if broadcasting it against `shape` neither
/// enlarges `shape` nor varies along another axis.
pub(super) fn per_channel(graph: &Graph, id: ValueId, shape: &[usize]) -> Option<Vec<f32>> {
    let channels = *shape.last()?;
    let own = &graph.value(id).shape;
    let data = floats(graph, id)?;
    if own.len() > shape.len() {
        return None;
    }
    if data.len() == 1 {
        return Some(vec![data[0]; channels]);
    }
    (own.last() == Some(&channels) && data.len() == channels).then(|| data.to_vec())
}

/// A constant operand of a binary node and the other operand, in that order.
pub(super) fn constant_operand(graph: &Graph, node: &Node) -> Option<(ValueId, ValueId)> {
    let &[a, b] = node.inputs.as_slice() else { return None };
    match (graph.constant(a).is_some(), graph.constant(b).is_some()) {
        (_, true) => Some((b, a)),
        (true, false) => Some((a, b)),
        (false, false) => None,
    }
}

/// The node that makes `id` if it is a unary function, with its operand.
pub(super) fn unary_of(graph: &Graph, id: ValueId) -> Option<(Unary, ValueId)> {
    match graph.producing_node(id)?.1 {
        Node { op: Op::Unary(function), inputs, .. } => Some((*function, *inputs.first()?)),
        _ => None,
    }
}

/// What applying `first`, then `then`, does. Right for disjoint ranges too: the result is then one number.
pub(super) fn clamp_twice(first: Activation, then: Activation) -> Activation {
    let clamp = |v: f32| v.max(then.min).min(then.max);
    Activation { min: clamp(first.min), max: clamp(first.max) }
}

/// The fused clamp of a node that can have one.
pub(super) fn activation_mut(op: &mut Op) -> Option<&mut Activation> {
    match op {
        Op::Conv2d { activation, .. }
        | Op::FullyConnected { activation }
        | Op::Add { activation }
        | Op::Mul { activation } => Some(activation),
        _ => None,
    }
}

/// Bounds that the elements of a value are known to keep. Looks at a few dozen nodes before it, not at all of them: a
/// value may be reached on very many ways.
pub(super) fn known_range(graph: &Graph, id: ValueId) -> Activation {
    range_within(graph, id, &mut 32)
}

fn range_within(graph: &Graph, id: ValueId, budget: &mut usize) -> Activation {
    if let Some(data) = floats(graph, id) {
        let (min, max) = data.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
        return if min <= max { Activation { min, max } } else { Activation::NONE };
    }
    let Some((_, node)) = graph.producing_node(id).filter(|_| *budget > 0) else { return Activation::NONE };
    *budget -= 1;
    let mut operands = || {
        let ranges = node.inputs.iter().map(|&i| range_within(graph, i, budget));
        ranges.reduce(hull).unwrap_or(Activation::NONE)
    };
    match &node.op {
        Op::Conv2d { activation, .. }
        | Op::FullyConnected { activation }
        | Op::Add { activation }
        | Op::Mul { activation } => *activation,
        Op::Unary(Unary::Clamp { min, max }) => Activation { min: *min, max: *max },
        Op::Unary(Unary::Sigmoid | Unary::HardSigmoid { .. }) | Op::Softmax { .. } => Activation { min: 0.0, max: 1.0 },
        Op::Unary(Unary::Abs | Unary::Exp | Unary::Softplus) => Activation { min: 0.0, max: f32::INFINITY },
        Op::Unary(Unary::Tanh | Unary::Erf | Unary::Sin | Unary::Cos) => Activation { min: -1.0, max: 1.0 },
        Op::MaxPool2d { .. } | Op::Reshape | Op::Transpose { .. } | Op::Slice { .. } | Op::Concat { .. } => operands(),
        Op::Pad { value, .. } => hull(operands(), Activation { min: *value, max: *value }),
        _ => Activation::NONE,
    }
}

fn hull(a: Activation, b: Activation) -> Activation {
    Activation { min: a.min.min(b.min), max: a.max.max(b.max) }
}

/// True if clamping to `outer` does nothing to what `inner` lets through.
pub(super) fn contains(outer: Activation, inner: Activation) -> bool {
    outer.min <= inner.min && inner.max <= outer.max
}

/// Adds a float constant.
pub(super) fn add_floats(graph: &mut Graph, name: String, shape: &[usize], data: Vec<f32>) -> ValueId {
    graph.add_constant(name, Tensor::f32(shape.to_vec(), data))
}

/// Removes the node at `at` and lets its readers read `instead`, which must have the same shape. Refuses, and changes
/// nothing, where an output would become a constant or an input itself: the caller's buffers must stay apart.
pub(super) fn bypass(graph: &mut Graph, at: usize, instead: ValueId) -> bool {
    let output = graph.nodes[at].output;
    if graph.is_output(output) && (graph.is_input(instead) || graph.constant(instead).is_some()) {
        return false;
    }
    graph.nodes.remove(at);
    graph.replace_uses(output, instead);
    true
}

/// True if a transpose of a value of this shape keeps the elements in their order: only axes of size 1 move.
pub(super) fn moves_nothing(perm: &[usize], input_shape: &[usize]) -> bool {
    perm.iter().filter(|&&p| input_shape[p] != 1).is_sorted()
}

/// Appends a clamp behind the node at `at`, which then feeds it, if `activation` does anything.
pub(super) fn clamp_behind(graph: &mut Graph, NodeId(at): NodeId, activation: Activation) {
    if activation == Activation::NONE {
        return;
    }
    let node = &graph.nodes[at];
    let (name, output) = (node.name.clone(), node.output);
    let value = graph.value(output).clone();
    let inner = graph.add_value(format!("{}/unclamped", value.name), value.shape, value.dtype);
    graph.nodes[at].output = inner;
    let op = Op::Unary(Unary::Clamp { min: activation.min, max: activation.max });
    graph.nodes.insert(at + 1, Node { name: format!("{name}/clamp"), op, inputs: vec![inner], output });
}
