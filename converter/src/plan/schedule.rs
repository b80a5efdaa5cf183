//! In which order nodes run. Branches finished one after the other need less memory than branches run side by side.

use super::liveness::bytes;
use super::overlap::{Overlaps, saved_bytes};
use super::sharing::in_place_operands;
use super::views::{part_offsets, view_offset};
use crate::ir::{Graph, NodeId, ValueId};
use std::collections::HashMap;

/// States kept per step of the search.
const BEAM: usize = 48;

/// Orders worth planning: the graph's own, then one that a beam search expects to need less memory, if it differs.
/// `scratch` is bytes of scratch memory per node.
pub fn candidate_orders(graph: &Graph, overlaps: &Overlaps, scratch: &[usize]) -> Vec<Vec<NodeId>> {
    let own: Vec<NodeId> = (0..graph.nodes.len()).map(NodeId).collect();
    match beam_search(graph, overlaps, scratch) {
        Some(found) if found != own => vec![own, found],
        _ => vec![own],
    }
}

#[derive(Clone)]
struct State {
    done: Vec<bool>,
    order: Vec<NodeId>,
    /// Readers of each memory block that have not run.
    pending: Vec<usize>,
    live: usize,
    peak: usize,
}

/// What the search needs to know about a graph. Views count as the memory that they look into.
struct Blocks {
    /// Per value: the value that owns its memory, `None` for constants.
    owner: Vec<Option<ValueId>>,
    /// Per value that owns memory.
    bytes: Vec<usize>,
    /// Per owner: how many nodes read it (a view is a reader), plus one if the caller does.
    readers: Vec<usize>,
    /// Per node: the nodes that must run before.
    needs: Vec<Vec<usize>>,
    /// Per node: distinct memory blocks that it reads.
    reads: Vec<Vec<ValueId>>,
    /// Per node: the value that its output may overlap, and how many bytes that saves.
    saved: Vec<Option<(ValueId, usize)>>,
    /// Per node: bytes that are needed only while it runs.
    scratch: Vec<usize>,
}

impl Blocks {
    fn of(graph: &Graph, overlaps: &Overlaps, scratch: &[usize]) -> Option<Self> {
        let count = graph.values.len();
        let mut owner: Vec<Option<ValueId>> = vec![None; count];
        let mut producer: HashMap<ValueId, usize> = HashMap::new();
        graph.inputs.iter().for_each(|p| owner[p.value.0] = Some(p.value));
        let mut needs = Vec::new();
        let mut reads = Vec::new();
        for (index, node) in graph.nodes.iter().enumerate() {
            let mut read: Vec<ValueId> = node.inputs.iter().filter_map(|v| owner[v.0]).collect();
            read.sort_unstable();
            read.dedup();
            reads.push(read);
            needs.push(node.inputs.iter().filter_map(|v| producer.get(v).copied()).collect());
            let viewed = view_offset(graph, node).and_then(|_| owner[node.inputs.first()?.0]);
            owner[node.output.0] = Some(viewed.unwrap_or(node.output));
            producer.insert(node.output, index);
        }
        let mut readers = vec![0; count];
        reads.iter().flatten().for_each(|v| readers[v.0] += 1);
        for port in &graph.outputs {
            readers[owner[port.value.0]?.0] += 1;
        }
        let bytes = (0..count).map(|v| bytes(graph, ValueId(v))).collect();
        let saved = (0..graph.nodes.len()).map(|n| saved_bytes(graph, overlaps, NodeId(n))).collect();
        Some(Self { owner, bytes, readers, needs, reads, saved, scratch: scratch.to_vec() })
    }
}

fn beam_search(graph: &Graph, overlaps: &Overlaps, scratch: &[usize]) -> Option<Vec<NodeId>> {
    let blocks = Blocks::of(graph, overlaps, scratch)?;
    let inputs = graph.inputs.iter().map(|p| blocks.bytes[p.value.0]).sum();
    let nodes = graph.nodes.len();
    let start = State {
        done: vec![false; nodes],
        order: Vec::new(),
        pending: blocks.readers.clone(),
        live: inputs,
        peak: inputs,
    };
    let mut beam = vec![start];
    for _ in 0..nodes {
        let mut next: HashMap<Vec<bool>, State> = HashMap::new();
        for state in &beam {
            let ready = |&n: &usize| !state.done[n] && blocks.needs[n].iter().all(|&p| state.done[p]);
            for node in (0..nodes).filter(ready) {
                let state = run(graph, &blocks, state, node);
                match next.get_mut(&state.done) {
                    Some(other) if rank(other) <= rank(&state) => {}
                    Some(other) => *other = state,
                    None => drop(next.insert(state.done.clone(), state)),
                }
            }
        }
        beam = next.into_values().collect();
        beam.sort_by(|a, b| rank(a).cmp(&rank(b)));
        beam.truncate(BEAM);
    }
    beam.into_iter().next().map(|state| state.order)
}

/// Smaller is better; the order itself makes it total.
fn rank(state: &State) -> (usize, usize, &[NodeId]) {
    (state.peak, state.live, &state.order)
}

/// The state after `node`, with memory counted as the planner will most likely share it.
fn run(graph: &Graph, blocks: &Blocks, state: &State, node: usize) -> State {
    let mut state = state.clone();
    let op = &graph.nodes[node];
    let output = blocks.owner[op.output.0].unwrap_or(op.output);
    let new = if output == op.output { blocks.bytes[output.0] } else { 0 };

    let mut freed = 0;
    let mut shared = 0;
    for &block in &blocks.reads[node] {
        state.pending[block.0] -= 1;
        if state.pending[block.0] > 0 || block == output {
            continue;
        }
        freed += blocks.bytes[block.0];
        let owned = |v: &ValueId| blocks.owner[v.0] == Some(block);
        if part_offsets(graph, op).is_some() {
            shared += blocks.bytes[block.0];
        } else if shared == 0 && in_place_operands(graph, NodeId(node)).iter().any(owned) {
            shared = blocks.bytes[block.0].min(new);
        } else if let Some((_, saved)) = blocks.saved[node].filter(|(x, _)| owned(x)) {
            shared += saved;
        }
    }
    let scratch = blocks.scratch.get(node).copied().unwrap_or(0);
    state.peak = state.peak.max((state.live + new + scratch).saturating_sub(shared));
    state.live = state.live + new - freed;
    if state.pending[output.0] == 0 {
        // Nobody reads it.
        state.live -= if output == op.output { new } else { 0 };
    }
    state.done[node] = true;
    state.order.push(NodeId(node));
    state
}
