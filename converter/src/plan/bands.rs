//! Chains of convolutions and pools that run in bands of rows, so that the maps between them are never complete.

use super::candidate::{Candidate, Granted, Problem};
use super::kernel::Kernel;
use super::{PlanError, overlap};
use crate::ir::{Graph, NodeId, Op, ValueId};
use mote_runtime::format::instruction::{MAX_BANDED, Stage, Stages};
use std::collections::HashMap;

/// Chains tried, times the square of the graph's nodes: keeps large graphs fast.
const TRY_WORK: usize = 2_000_000;
/// A convolution computes pixels in blocks; where bands waste so many percent of them, they cost time.
const MOST_WASTE_PERCENT: u64 = 20;

/// Nodes that run in bands together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bands {
    /// In order, each the only reader of what the one before it makes.
    pub nodes: Vec<NodeId>,
    /// Per node but the last: bytes of the line buffer that its result is in.
    pub line_bytes: Vec<usize>,
}

impl Bands {
    /// `None` if these nodes cannot run in bands.
    fn of(graph: &Graph, nodes: &[NodeId]) -> Option<(Self, Stages)> {
        let mut stages = Stages::default();
        for &node in nodes {
            let stage = stage(graph, node)?;
            stages.push(stage).then_some(())?;
        }
        let rows = stages.line_rows();
        let bytes = |(stage, &rows): (&Stage, &u32)| (stage.y_shape.w * stage.y_shape.c) as usize * rows as usize;
        let line_bytes = stages.as_slice().iter().zip(&rows).map(bytes).take(nodes.len() - 1).collect();
        Some((Self { nodes: nodes.to_vec(), line_bytes }, stages))
    }

    /// The last node, which makes the result.
    pub fn last(&self) -> NodeId {
        self.nodes.last().copied().unwrap_or(NodeId(0))
    }

    /// Input and result, and how they may overlap.
    pub fn overlap(&self, graph: &Graph) -> Option<((ValueId, ValueId), overlap::Overlap)> {
        let (_, stages) = Self::of(graph, &self.nodes)?;
        let x = *graph.nodes[self.nodes.first()?.0].inputs.first()?;
        let y = graph.nodes[self.last().0].output;
        Some(((x, y), overlap::Overlap::of(graph, x, y, stages.distances())))
    }
}

/// Bytes of the line buffers that stand for values.
pub fn line_bytes(graph: &Graph, bands: &[Bands]) -> HashMap<ValueId, usize> {
    let lines = bands.iter().flat_map(|b| b.nodes.iter().zip(&b.line_bytes));
    lines.map(|(node, &bytes)| (graph.nodes[node.0].output, bytes)).collect()
}

/// Moves the nodes of each chain together, to the place of its last one: nobody else waits for the others.
pub fn together(order: &[NodeId], bands: &[Bands]) -> Vec<NodeId> {
    let mut result = Vec::with_capacity(order.len());
    for &node in order {
        match bands.iter().find(|b| b.nodes.contains(&node)) {
            Some(chain) if chain.last() == node => result.extend(&chain.nodes),
            Some(_) => {}
            None => result.push(node),
        }
    }
    result
}

/// Per position in `order`, the step at which the node runs: all nodes of a chain run at that of the last one.
pub fn steps(order: &[NodeId], bands: &[Bands]) -> Vec<usize> {
    let at = |node: NodeId| order.iter().position(|&n| n == node).unwrap_or(0) + 1;
    order.iter().map(|&node| at(bands.iter().find(|b| b.nodes.contains(&node)).map_or(node, Bands::last))).collect()
}

/// Adds the chains that make `best` smaller, as long as it is larger than `limit`; with `slow` also those that cost time.
pub fn shrink(
    problem: &Problem,
    (mut granted, mut best): (Granted, Candidate),
    slow: bool,
    limit: i64,
) -> Result<(Granted, Candidate), PlanError> {
    let graph = &problem.quant().graph;
    let next = successors(graph);
    let mut tries = TRY_WORK / (graph.nodes.len() * graph.nodes.len()).max(1);
    while best.end() > limit {
        let Some(fullest) = best.fullest_node() else { break };
        let mut found: Option<(i64, Granted)> = None;
        for nodes in segments(&next, fullest) {
            let Some((chain, stages)) = Bands::of(graph, &nodes) else { continue };
            let winograd = nodes.iter().any(|node| granted.winograd[node.0]);
            // Weights would be unpacked for every band.
            let packed = nodes.iter().any(|n| problem.scratch()[n.0].is_some_and(|scratch| scratch.packed.is_some()));
            if tries == 0 || winograd || packed || !(slow || is_free(graph, &chain, &stages)) {
                continue;
            }
            tries -= 1;
            let mut other = granted.clone();
            other.bands.retain(|b| !b.nodes.iter().any(|node| nodes.contains(node)));
            other.bands.push(chain);
            let end = problem.quick_end(&other)?;
            if found.as_ref().is_none_or(|(least, _)| end < *least) {
                found = Some((end, other));
            }
        }
        let Some((_, other)) = found else { break };
        let candidate = problem.plan(&other)?;
        if candidate.end() >= best.end() {
            break;
        }
        (granted, best) = (other, candidate);
    }
    Ok((granted, best))
}

/// Per node, the next one of a chain: the only reader of its result.
fn successors(graph: &Graph) -> Vec<Option<NodeId>> {
    let next = |node: &crate::ir::Node| {
        let y = node.output;
        let mut readers = graph.nodes.iter().enumerate().filter(|(_, n)| n.inputs.contains(&y));
        let (Some((index, reader)), None) = (readers.next(), readers.next()) else { return None };
        let kept = graph.outputs.iter().any(|port| port.value == y) || graph.state.contains(&y);
        (!kept && reader.inputs.first() == Some(&y)).then_some(NodeId(index))
    };
    let can = |index: usize| stage(graph, NodeId(index)).is_some();
    let all = graph.nodes.iter().enumerate();
    all.map(|(index, node)| next(node).filter(|next| can(index) && can(next.0))).collect()
}

/// Every chain of two nodes and more that `node` is part of, shorter ones first.
fn segments(next: &[Option<NodeId>], node: NodeId) -> Vec<Vec<NodeId>> {
    let mut run = vec![node];
    while let Some(before) = next.iter().position(|&n| n == Some(run[0])).filter(|_| run.len() < MAX_BANDED) {
        run.insert(0, NodeId(before));
    }
    let at = run.len() - 1;
    while let Some(after) = next[run[run.len() - 1].0].filter(|_| run.len() - at < MAX_BANDED) {
        run.push(after);
    }
    let lengths = 2..=MAX_BANDED.min(run.len());
    lengths.flat_map(|n| run.windows(n).filter(|s| s.contains(&node)).map(<[NodeId]>::to_vec)).collect()
}

/// True if the chain takes hardly more time than its nodes one after the other: depthwise convolutions would load the rows
/// of their windows again for every band, and narrow maps leave blocks of pixels half empty.
fn is_free(graph: &Graph, chain: &Bands, stages: &Stages) -> bool {
    let block = u64::from(mote_runtime::format::instruction::Conv2d::BLOCK);
    let pixels = |rows: u32, stage: &Stage| (u64::from(rows) * u64::from(stage.y_shape.w)).next_multiple_of(block);
    let mut computed = vec![0; chain.nodes.len()];
    stages
        .walk(|position, stages| computed[position] += pixels(stages[position].rows().len() as u32, &stages[position]));
    let kernels = chain.nodes.iter().map(|node| Kernel::of(graph, &graph.nodes[node.0]));
    kernels.zip(stages.as_slice()).zip(computed).all(|((kernel, stage), computed)| match kernel {
        Some(Kernel::Conv2d(_)) => computed * 100 <= pixels(stage.y_shape.h, stage) * (100 + MOST_WASTE_PERCENT),
        Some(Kernel::Pool(_)) => true,
        _ => false,
    })
}

/// Rows that a node of a chain reads and computes. `None` for nodes that cannot be part of one.
fn stage(graph: &Graph, node: NodeId) -> Option<Stage> {
    let node = &graph.nodes[node.0];
    if matches!(node.op, Op::ScaleShift) || node.inputs.first().is_none_or(|&x| graph.constant(x).is_some()) {
        return None;
    }
    Stage::of(&Kernel::of(graph, node)?.instruction()?)
}
