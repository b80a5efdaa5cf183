//! Outputs that may overlap the input that they are computed from.

use super::candidate::Granted;
use super::kernel::Kernel;
use super::liveness::{Lifetime, bytes};
use crate::ir::{Graph, NodeId, ValueId};
use crate::quantize::QuantGraph;
use mote_runtime::format::instruction::Conv2dSparse;
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

/// Of all nodes, and of the chains of them that run in bands; `scratch` is per node the value of its scratch memory,
/// `sparse` its instruction without blocks of zero weights, if that is chosen.
pub fn overlaps(
    quant: &QuantGraph,
    scratch: &[Option<ValueId>],
    sparse: &[Option<Conv2dSparse>],
    granted: &Granted,
) -> Overlaps {
    let Granted { winograd, bands, .. } = granted;
    let graph = &quant.graph;
    let of = |(index, node): (usize, &crate::ir::Node)| {
        if bands.iter().any(|chain| chain.nodes.contains(&NodeId(index))) {
            return None;
        }
        let with_scratch = scratch.get(index).copied().flatten().is_some();
        let kernel = Kernel::of(graph, node)?;
        let kernel = match (kernel.winograd(), sparse.get(index)) {
            (Some(op), _) if winograd.get(index) == Some(&true) => Kernel::Winograd(op),
            (_, Some(Some(op))) => Kernel::Sparse(*op),
            _ => kernel,
        };
        let optional = if with_scratch { kernel.optional_scratch_bytes(node) } else { 0 };
        let x = *node.inputs.first()?;
        let overlap = Overlap::of(graph, x, node.output, kernel.with_scratch(optional).distances()?);
        (graph.constant(x).is_none() && overlap.saved_bytes > 0).then_some(((x, node.output), overlap))
    };
    let of_chains = bands.iter().filter_map(|chain| chain.overlap(graph));
    let of_chains = of_chains.filter(|(_, overlap)| overlap.saved_bytes > 0);
    graph.nodes.iter().enumerate().filter_map(of).chain(of_chains).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::DType;

    /// Bytes that an input of `x` and an output of `y` bytes save.
    fn saved(x: usize, y: usize, below: i64, above: i64, step: i64) -> i64 {
        let mut graph = Graph::default();
        let [x, y] = [x, y].map(|n| graph.add_value("v", vec![n], DType::I8));
        Overlap::of(&graph, x, y, Distances { below, above, step }).saved_bytes
    }

    #[test]
    fn in_place_saves_the_smaller_of_the_two() {
        assert_eq!(saved(100, 100, 0, 0, 1), 100);
        assert_eq!(saved(100, 40, 0, 0, 1), 40);
        assert_eq!(saved(40, 100, 0, 0, 1), 40);
    }

    #[test]
    fn the_nearer_side_counts() {
        assert_eq!(saved(100, 100, 30, 20, 1), 80);
        assert_eq!(saved(100, 100, 30, 200, 1), 70);
        assert_eq!(saved(100, 100, 200, 300, 1), 0);
    }

    #[test]
    fn an_output_that_may_start_behind_its_input_lies_inside_it() {
        assert_eq!(saved(100, 40, -50, 500, 1), 40);
        // A larger output reaches beyond the input by what it must start before it, or by its size at least.
        assert_eq!(saved(40, 100, 70, 500, 1), 100 + 40 - 110);
        assert_eq!(saved(40, 100, 20, 500, 1), 40);
    }

    #[test]
    fn distances_are_whole_steps() {
        assert_eq!(saved(100, 100, 30, 500, 16), 100 - 32);
        assert_eq!((up(30, 16), up(-30, 16), up(32, 16)), (32, -16, 32));
    }
}
