//! Outputs that may overlap the input that they are computed from.

use super::kernel::Kernel;
use super::liveness::{Lifetime, bytes};
use crate::ir::{Graph, NodeId, ValueId};
use crate::quantize::QuantGraph;
use mote_runtime::format::overlap::Distances;
use std::collections::HashMap;

/// One node's input and output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// How far apart they start at least.
    pub distances: Distances,
    /// Bytes that the two save at most compared with lying side by side.
    pub saved_bytes: i64,
}

/// Per input and output: how they may overlap while the node runs that reads one and writes the other.
pub type Overlaps = HashMap<(ValueId, ValueId), Overlap>;

/// Of all nodes; `scratch` is per node the value of its scratch memory.
pub fn overlaps(quant: &QuantGraph, scratch: &[Option<ValueId>]) -> Overlaps {
    let graph = &quant.graph;
    let of = |(index, node): (usize, &crate::ir::Node)| {
        let with_scratch = scratch.get(index).copied().flatten().is_some();
        let kernel = Kernel::of(graph, node)?;
        let optional = if with_scratch { kernel.optional_scratch_bytes(node) } else { 0 };
        let x = *node.inputs.first()?;
        let overlap = Overlap::of(graph, x, node.output, kernel.with_scratch(optional).distances()?);
        (graph.constant(x).is_none() && overlap.saved_bytes > 0).then_some(((x, node.output), overlap))
    };
    graph.nodes.iter().enumerate().filter_map(of).collect()
}

impl Overlap {
    /// Of an input and an output that start `distances` apart if they overlap.
    pub fn of(graph: &Graph, x: ValueId, y: ValueId, distances: Distances) -> Self {
        let (x, y) = (bytes(graph, x) as i64, bytes(graph, y) as i64);
        // How far the output starts before the input: from here to there one lies inside the other.
        let (nested_low, nested_high) = ((y - x).min(0), (y - x).max(0));
        let union = |before: i64| (before + x).max(y) - before.min(0);
        let top_down = union(up(distances.below, distances.step).max(nested_low));
        let bottom_up = union((-up(distances.above, distances.step)).min(nested_high));
        Self { distances, saved_bytes: (x + y - top_down.min(bottom_up)).max(0) }
    }
}

/// True if `x` is read for the last time by the step that writes `y`.
pub fn hand_over(x: Lifetime, y: Lifetime) -> bool {
    x.last == y.first
}

/// Bytes that the output of `node` saves at most by lying over its input `x`.
pub fn saved_bytes(graph: &Graph, overlaps: &Overlaps, node: NodeId) -> Option<(ValueId, usize)> {
    let node = &graph.nodes[node.0];
    let x = *node.inputs.first()?;
    overlaps.get(&(x, node.output)).map(|overlap| (x, overlap.saved_bytes as usize))
}

/// The smallest multiple of `step` that is not below `n`; `step` is 1 or more.
fn up(n: i64, step: i64) -> i64 {
    -(-n).div_euclid(step) * step
}
