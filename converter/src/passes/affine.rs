//! Nodes that compute `x * scale + shift` with constants per channel, and folding them into weights.

use crate::ir::{Activation, Graph, Node, Op, ValueId};

use super::query::{activation_mut, add_floats, constant_operand, floats, per_channel};

/// What a node does to each channel (the last axis) of its operand.
pub(super) struct Affine {
    /// The operand.
    pub x: ValueId,
    /// Factor per channel, if any.
    pub scale: Option<Vec<f32>>,
    /// Summand per channel, if any.
    pub shift: Option<Vec<f32>>,
    /// Clamp of the result.
    pub activation: Activation,
}

impl Affine {
    /// Reads a node as scale and shift.
    pub fn of(graph: &Graph, node: &Node) -> Option<Self> {
        let shape = &graph.value(node.output).shape;
        match &node.op {
            Op::ScaleShift => {
                let &[x, scale, shift] = node.inputs.as_slice() else { return None };
                let [scale, shift] = [scale, shift].map(|id| floats(graph, id).map(<[f32]>::to_vec));
                let (scale, shift) = (Some(scale?), Some(shift?));
                Some(Self { x, scale, shift, activation: Activation::NONE })
            }
            Op::Add { activation } | Op::Mul { activation } => {
                let (constant, x) = constant_operand(graph, node)?;
                let numbers = per_channel(graph, constant, shape).filter(|_| graph.value(x).shape == *shape)?;
                let (scale, shift) =
                    if matches!(node.op, Op::Mul { .. }) { (Some(numbers), None) } else { (None, Some(numbers)) };
                Some(Self { x, scale, shift, activation: *activation })
            }
            _ => None,
        }
    }

    /// Factor of channel `c`.
    pub fn scale_at(&self, c: usize) -> f64 {
        self.scale.as_ref().map_or(1.0, |s| f64::from(s[c]))
    }

    /// Summand of channel `c`.
    pub fn shift_at(&self, c: usize) -> f64 {
        self.shift.as_ref().map_or(0.0, |s| f64::from(s[c]))
    }

    /// This, then `next`.
    pub fn then(&self, next: &Self) -> Self {
        let channels = [&self.scale, &self.shift, &next.scale, &next.shift].into_iter().flatten().map(Vec::len);
        let channels = channels.max().unwrap_or(0);
        let scale = |c| (self.scale_at(c) * next.scale_at(c)) as f32;
        let shift = |c| (self.shift_at(c) * next.scale_at(c) + next.shift_at(c)) as f32;
        let scaled = self.scale.is_some() || next.scale.is_some();
        let shifted = self.shift.is_some() || next.shift.is_some();
        Self {
            x: self.x,
            scale: scaled.then(|| (0..channels).map(scale).collect()),
            shift: shifted.then(|| (0..channels).map(shift).collect()),
            activation: next.activation,
        }
    }
}

/// Weights and bias of a convolution or dense node whose parameters are all constant.
struct Dense {
    /// `[out, taps per output]`, the input channel running fastest.
    weights: Vec<f32>,
    shape: Vec<usize>,
    bias: Option<Vec<f32>>,
    groups: usize,
    padded: bool,
}

impl Dense {
    fn of(graph: &Graph, node: &Node) -> Option<Self> {
        let (groups, padded) = match &node.op {
            Op::Conv2d { groups, pads, .. } => (*groups, *pads != Default::default()),
            Op::FullyConnected { .. } => (1, false),
            _ => return None,
        };
        let weights = floats(graph, *node.inputs.get(1)?)?.to_vec();
        let bias = match node.inputs.get(2) {
            Some(&id) => Some(floats(graph, id)?.to_vec()),
            None => None,
        };
        Some(Self { weights, shape: graph.value(node.inputs[1]).shape.clone(), bias, groups, padded })
    }

    fn out(&self) -> usize {
        self.shape[0]
    }

    /// Replaces the node's parameters by these.
    fn store(self, graph: &mut Graph, at: usize, x: ValueId) {
        let name = graph.nodes[at].name.clone();
        let weights = add_floats(graph, format!("{name}/weights"), &self.shape, self.weights);
        let mut inputs = vec![x, weights];
        if let Some(bias) = self.bias {
            inputs.push(add_floats(graph, format!("{name}/bias"), &[self.shape[0]], bias));
        }
        graph.nodes[at].inputs = inputs;
    }
}

/// Folds the affine node at `at` into the convolution or dense node that feeds it. Removes the node at `at`.
pub(super) fn fold_into_producer(graph: &mut Graph, at: usize, affine: &Affine) -> bool {
    let Some((producer, node)) = graph.producing_node(affine.x).filter(|_| graph.has_one_use(affine.x)) else {
        return false;
    };
    let mut op = node.op.clone();
    if activation_mut(&mut op).is_none_or(|a| *a != Activation::NONE) {
        return false;
    }
    let (x, producer) = (node.inputs[0], producer.0);
    let Some(mut dense) = Dense::of(graph, node) else { return false };
    let (out, taps) = (dense.out(), dense.weights.len() / dense.out());
    if affine.scale.is_some() {
        for (c, row) in dense.weights.chunks_exact_mut(taps).enumerate() {
            row.iter_mut().for_each(|w| *w = (f64::from(*w) * affine.scale_at(c)) as f32);
        }
    }
    if dense.bias.is_some() || affine.shift.is_some() {
        let old = |c: usize| dense.bias.as_ref().map_or(0.0, |b| f64::from(b[c]));
        let new = (0..out).map(|c| (old(c) * affine.scale_at(c) + affine.shift_at(c)) as f32).collect();
        dense.bias = Some(new);
    }
    dense.store(graph, producer, x);
    let output = graph.nodes[at].output;
    let node = &mut graph.nodes[producer];
    node.output = output;
    if let Some(activation) = activation_mut(&mut node.op) {
        *activation = affine.activation;
    }
    graph.nodes.remove(at);
    true
}

/// True if the node at `reader` can take the affine function of its operand into its own parameters.
pub(super) fn can_fold_into_reader(graph: &Graph, reader: &Node, operand: ValueId, affine: &Affine) -> bool {
    let once = reader.inputs.iter().filter(|i| **i == operand).count() == 1 && reader.inputs[0] == operand;
    // Padding is zeros behind the affine node, so a shift in front of it would have to know where they are.
    let exact = |d: &Dense| !d.padded || affine.shift.iter().flatten().all(|&t| t == 0.0);
    once && affine.activation == Activation::NONE && Dense::of(graph, reader).as_ref().is_some_and(exact)
}

/// Folds an affine function of the operand of the node at `at` into that node, which then reads `affine.x`.
pub(super) fn fold_into_reader(graph: &mut Graph, at: usize, affine: &Affine) {
    let Some(mut dense) = Dense::of(graph, &graph.nodes[at]) else { return };
    let (out, taps) = (dense.out(), dense.weights.len() / dense.out());
    let (per_group, group_in) = (out / dense.groups, dense.shape[dense.shape.len() - 1]);
    let channel = |o: usize, tap: usize| o / per_group * group_in + tap % group_in;
    let mut bias: Vec<f64> = vec![0.0; out];
    for (o, row) in dense.weights.chunks_exact_mut(taps).enumerate() {
        for (tap, weight) in row.iter_mut().enumerate() {
            let c = channel(o, tap);
            bias[o] += f64::from(*weight) * affine.shift_at(c);
            *weight = (f64::from(*weight) * affine.scale_at(c)) as f32;
        }
    }
    if affine.shift.iter().flatten().any(|&t| t != 0.0) {
        let old = |o: usize| dense.bias.as_ref().map_or(0.0, |b| f64::from(b[o]));
        dense.bias = Some((0..out).map(|o| (bias[o] + old(o)) as f32).collect());
    }
    dense.store(graph, at, affine.x);
}
