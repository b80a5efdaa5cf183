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
    /// What stands for the scratch memory of Winograd's convolution, if the node can be one.
    pub winograd: Option<ValueId>,
}

/// Adds a value for every node that needs scratch memory, or would be faster with it; per node, what it is. With
/// `winograd`, adds another where it may need that instead.
pub fn add_scratch(quant: &mut QuantGraph, winograd: bool) -> Vec<Option<Scratch>> {
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
        all.push(Some(Scratch { value, bytes, optional: needed == 0, winograd }));
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
