//! Which channels of a graph can only be removed together.
//!
//! Channels lie along the last axis of a value. An addition couples those of its operands, a depthwise convolution those of
//! its input and output, a flattened map repeats them; a convolution or fully connected layer begins new ones.

use crate::ir::{Graph, Node, Op, ValueId};

/// Classes of coupled channels.
pub(super) struct Coupling {
    /// Per value that is no constant: the class of every index of its last axis.
    pub of: Vec<Vec<usize>>,
    /// Per class: something depends on it that cannot be cut.
    pub pinned: Vec<bool>,
}

impl Coupling {
    pub fn of(graph: &Graph) -> Self {
        let mut classes = Classes::default();
        let mut of: Vec<Vec<usize>> = vec![Vec::new(); graph.values.len()];
        for &value in graph.inputs.iter().map(|p| &p.value).chain(&graph.state) {
            of[value.0] = classes.fresh(channels(graph, value));
            classes.pin(&of[value.0]);
        }
        for node in &graph.nodes {
            of[node.output.0] = classes.node(graph, node, &of);
        }
        for port in &graph.outputs {
            classes.pin(&of[port.value.0]);
        }
        let pinned = (0..classes.parent.len()).map(|c| classes.pinned[classes.find(c)]).collect();
        for ids in &mut of {
            ids.iter_mut().for_each(|id| *id = classes.find(*id));
        }
        Self { of, pinned }
    }
}

fn channels(graph: &Graph, value: ValueId) -> usize {
    graph.value(value).shape.last().copied().unwrap_or(1)
}

/// Union-find.
#[derive(Default)]
struct Classes {
    parent: Vec<usize>,
    pinned: Vec<bool>,
}

impl Classes {
    fn fresh(&mut self, n: usize) -> Vec<usize> {
        let first = self.parent.len();
        self.parent.extend(first..first + n);
        self.pinned.resize(first + n, false);
        (first..first + n).collect()
    }

    fn find(&self, mut at: usize) -> usize {
        while self.parent[at] != at {
            at = self.parent[at];
        }
        at
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.find(a), self.find(b));
        let (low, high) = (a.min(b), a.max(b));
        self.parent[high] = low;
        self.pinned[low] |= self.pinned[high];
    }

    fn pin(&mut self, ids: &[usize]) {
        for &id in ids {
            let root = self.find(id);
            self.pinned[root] = true;
        }
    }

    /// The channels of the node's output.
    fn node(&mut self, graph: &Graph, node: &Node, of: &[Vec<usize>]) -> Vec<usize> {
        let n = channels(graph, node.output);
        let x = node.inputs.first().map_or(&[][..], |x| &of[x.0]);
        let last = graph.value(node.output).shape.len().saturating_sub(1);
        let x_rank = node.inputs.first().map_or(0, |x| graph.value(*x).shape.len());
        match &node.op {
            Op::Conv2d { groups: 1, .. } | Op::FullyConnected { .. } => self.fresh(n),
            Op::Conv2d { groups, .. } if *groups == x.len() && n.is_multiple_of(*groups) => {
                let made = self.fresh(n);
                made.iter().enumerate().for_each(|(c, &id)| self.join(id, x[c / (n / groups)]));
                made
            }
            Op::ScaleShift
            | Op::BatchNorm { .. }
            | Op::Dropout { .. }
            | Op::AveragePool2d { .. }
            | Op::MaxPool2d { .. }
            | Op::Unary(_)
            | Op::FakeQuantize { .. } => x.to_vec(),
            Op::Mean { axes, .. } if !axes.contains(&x_rank.saturating_sub(1)) => x.to_vec(),
            Op::Pad { before, after, .. } if before.last() == Some(&0) && after.last() == Some(&0) => x.to_vec(),
            Op::Softmax { axis } if *axis != last => x.to_vec(),
            Op::Transpose { perm } if perm.last() == Some(&last) => x.to_vec(),
            Op::Slice { start, end, step }
                if start.last() == Some(&0) && end.last() == Some(&x.len()) && step.last() == Some(&1) =>
            {
                x.to_vec()
            }
            Op::Concat { axis } if *axis == last && node.inputs.iter().all(|i| graph.constant(*i).is_none()) => {
                node.inputs.iter().flat_map(|i| of[i.0].iter().copied()).collect()
            }
            Op::Concat { axis } if *axis != last => self.alike(graph, node, of, n),
            Op::Add { .. } | Op::Sub { .. } | Op::Mul { .. } => self.alike(graph, node, of, n),
            Op::Reshape if !x.is_empty() && n.is_multiple_of(x.len()) => (0..n).map(|i| x[i % x.len()]).collect(),
            _ => {
                node.inputs.iter().for_each(|i| self.pin(&of[i.0]));
                let made = self.fresh(n);
                self.pin(&made);
                made
            }
        }
    }

    /// Operands and result have the same channels; an operand with a single one that is spread over all keeps it.
    fn alike(&mut self, graph: &Graph, node: &Node, of: &[Vec<usize>], n: usize) -> Vec<usize> {
        let made = self.fresh(n);
        let mut coupled = false;
        for operand in node.inputs.iter().filter(|i| graph.constant(**i).is_none()) {
            let ids = &of[operand.0];
            if ids.len() == n {
                ids.iter().zip(&made).for_each(|(&a, &b)| self.join(a, b));
                coupled = true;
            } else {
                self.pin(ids);
            }
        }
        if !coupled {
            self.pin(&made);
        }
        made
    }
}
