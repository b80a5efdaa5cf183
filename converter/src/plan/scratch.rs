//! Memory that an instruction needs only while it runs: a value that no node makes, alive for one step.

use super::kernel::Kernel;
use super::liveness::Lifetime;
use crate::ir::{DType, NodeId, ValueId};
use crate::quantize::QuantGraph;

/// The scratch memory of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scratch {
    /// What stands for it in the graph.
    pub value: ValueId,
    /// Its size.
    pub bytes: u32,
    /// The node would only be slower without.
    pub optional: bool,
}

/// Adds a value for every node that needs scratch memory, or would be faster with it; per node, what it is.
pub fn add_scratch(quant: &mut QuantGraph) -> Vec<Option<Scratch>> {
    let mut all = Vec::with_capacity(quant.graph.nodes.len());
    for index in 0..quant.graph.nodes.len() {
        let node = &quant.graph.nodes[index];
        let (needed, optional) = match Kernel::of(&quant.graph, node) {
            Some(kernel) => (kernel.scratch_bytes(), kernel.optional_scratch_bytes(node)),
            None => (0, 0),
        };
        let (bytes, name) = (needed.max(optional), format!("{}.scratch", node.name));
        if bytes == 0 {
            all.push(None);
            continue;
        }
        quant.quantization.push(None);
        let value = quant.graph.add_value(name, vec![bytes as usize], DType::I8);
        all.push(Some(Scratch { value, bytes, optional: needed == 0 }));
    }
    all
}

/// Makes the scratch values live while their nodes run.
pub fn set_lifetimes(lives: &mut [Option<Lifetime>], scratch: &[Option<ValueId>], order: &[NodeId]) {
    for (step, node) in order.iter().enumerate().map(|(i, node)| (i + 1, node)) {
        if let Some(value) = scratch.get(node.0).copied().flatten() {
            lives[value.0] = Some(Lifetime { first: step, last: step });
        }
    }
}
