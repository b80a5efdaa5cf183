//! Memory that an instruction needs only while it runs: a value that no node makes, alive for one step.

use super::bands::Bands;
use super::kernel::Kernel;
use super::liveness::{Lifetime, bytes};
use super::packing::PackedLayer;
use crate::ir::{DType, Graph, NodeId, ValueId};
use crate::quantize::QuantGraph;
use std::collections::HashMap;

/// The scratch memory of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scratch {
    /// What stands for it in the graph.
    pub value: ValueId,
    /// Its size.
    pub bytes: u32,
    /// The node would only be slower without.
    pub optional: bool,
    /// What stands for the scratch memory of Winograd's convolution, if the node can be one.
    pub winograd: Option<ValueId>,
    /// How the node's weights are packed; its tile is part of `bytes`.
    pub packed: Option<PackedLayer>,
}

/// Adds a value for every node that needs scratch memory, or would be faster with it; per node, what it is. With
/// `winograd`, adds another where it may need that instead. `packed` is per node how its weights are packed.
pub fn add_scratch(quant: &mut QuantGraph, winograd: bool, packed: &[Option<PackedLayer>]) -> Vec<Option<Scratch>> {
    let mut all = Vec::with_capacity(quant.graph.nodes.len());
    for index in 0..quant.graph.nodes.len() {
        let node = &quant.graph.nodes[index];
        let (needed, optional, winograd) = match Kernel::of(&quant.graph, node) {
            Some(kernel) => {
                let winograd = kernel.winograd().filter(|_| winograd).and_then(|op| op.scratch_bytes());
                (kernel.scratch_bytes(), kernel.optional_scratch_bytes(node), winograd)
            }
            None => (0, 0, None),
        };
        let packed = packed.get(index).copied().flatten();
        let (needed, winograd) = match packed {
            Some(packed) => (needed.saturating_add(packed.tile_bytes), None),
            None => (needed, winograd),
        };
        let (bytes, name) = (needed.max(optional), format!("{}.scratch", node.name));
        if bytes == 0 {
            all.push(None);
            continue;
        }
        let mut add = |bytes: u32| {
            quant.quantization.push(None);
            quant.graph.add_value(name.clone(), vec![bytes as usize], DType::I8)
        };
        let (value, winograd) = (add(bytes), winograd.map(&mut add));
        all.push(Some(Scratch { value, bytes, optional: needed == 0, winograd, packed }));
    }
    all
}

/// Makes the scratch values live while their nodes run, each at its step of `steps`. `shared` lie in others' memory.
pub fn set_lifetimes(
    lives: &mut [Option<Lifetime>],
    scratch: &[Option<ValueId>],
    order: &[NodeId],
    steps: &[usize],
    shared: &HashMap<ValueId, ValueId>,
) {
    for (node, &step) in order.iter().zip(steps) {
        if let Some(value) = scratch.get(node.0).copied().flatten().filter(|value| !shared.contains_key(value)) {
            lives[value.0] = Some(Lifetime { first: step, last: step });
        }
    }
}

/// Nodes of a chain use their scratch memory by turns: that of each, and the largest of the chain's, in which it lies.
pub fn shared(graph: &Graph, scratch: &[Option<ValueId>], bands: &[Bands]) -> HashMap<ValueId, ValueId> {
    let mut shared = HashMap::new();
    for chain in bands {
        let of_chain = || chain.nodes.iter().filter_map(|node| scratch.get(node.0).copied().flatten());
        let largest = of_chain().max_by_key(|&value| (bytes(graph, value), std::cmp::Reverse(value)));
        for value in of_chain() {
            if let Some(largest) = largest.filter(|&largest| largest != value) {
                shared.insert(value, largest);
            }
        }
    }
    shared
}
