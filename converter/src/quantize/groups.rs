//! Values that must share scale and zero point.

use super::{Quantization, Range, Ranges, Width, params};
use crate::ir::{Graph, Node, Op, ValueId};

/// A union-find over values.
struct Sets(Vec<usize>);

impl Sets {
    fn root(&self, mut i: usize) -> usize {
        while self.0[i] != i {
            i = self.0[i];
        }
        i
    }

    /// The smaller root wins, so that the result does not depend on the order of calls.
    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
    }
}

/// True if the op only moves, selects or averages elements, so that its output has its input's quantization.
pub fn shares(op: &Op) -> bool {
    matches!(
        op,
        Op::MaxPool2d { .. }
            | Op::AveragePool2d { .. }
            | Op::Pad { .. }
            | Op::Slice { .. }
            | Op::Reshape
            | Op::Transpose { .. }
            | Op::Concat { .. }
    )
}

/// Ops with which rounding commutes: they move or select elements.
pub fn moves(op: &Op) -> bool {
    shares(op) && !matches!(op, Op::AveragePool2d { .. })
}

/// For every value that has a range, its quantization where it is stored in `width`. `computes(i)` tells whether node `i`
/// computes in that width.
///
/// A softmax output cannot change its parameters. Where it meets others in a concatenation, it is left out here, and a
/// requantization stands between.
pub fn assign(
    graph: &Graph,
    ranges: &Ranges,
    width: Width,
    computes: &dyn Fn(usize) -> bool,
) -> Vec<Option<Quantization>> {
    let ranges = ranges.of(width);
    let mut sets = Sets((0..graph.values.len()).collect());
    let mut fixed: Vec<Option<Quantization>> = vec![None; graph.values.len()];
    for (i, node) in graph.nodes.iter().enumerate() {
        let shared = computes(i) && shares(&node.op);
        let data = data_operands(node).iter().filter(|v| graph.constant(**v).is_none());
        let moved = data.clone().next().and_then(|first| fixed[first.0].clone()).filter(|_| shared);
        let moved = moved.filter(|q| data.clone().all(|v| fixed[v.0].as_ref() == Some(q)));
        fixed[node.output.0] = params::fixed(&node.op, width).or(moved);
        for operand in data.filter(|_| shared) {
            if fixed[operand.0] == fixed[node.output.0] {
                sets.join(operand.0, node.output.0);
            }
        }
    }
    let mut union: Vec<Option<Range>> = vec![None; graph.values.len()];
    let mut include = |value: usize, range: Range| {
        let entry = &mut union[sets.root(value)];
        *entry = Some(entry.map_or(range, |r| r.union(range)));
    };
    for (value, range) in ranges.iter().enumerate() {
        if let Some(range) = range {
            include(value, *range);
        }
    }
    // Constant parts of a concatenation take its parameters.
    for node in graph.nodes.iter().filter(|n| matches!(n.op, Op::Concat { .. })) {
        for data in node.inputs.iter().filter_map(|&v| graph.constant(v)?.as_f32()) {
            include(node.output.0, Range::of(data));
        }
    }
    (0..graph.values.len())
        .map(|v| {
            ranges.get(v).copied().flatten()?;
            let range = union[sets.root(v)]?;
            Some(fixed[v].clone().unwrap_or_else(|| params::of_width(range, width)))
        })
        .collect()
}

/// The operands that flow through the arena: all but weights and biases.
pub fn data_operands(node: &Node) -> &[ValueId] {
    match node.op {
        Op::Conv2d { .. } | Op::FullyConnected { .. } | Op::ScaleShift => &node.inputs[..node.inputs.len().min(1)],
        _ => &node.inputs,
    }
}
