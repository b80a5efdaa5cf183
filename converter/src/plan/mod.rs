//! `QuantGraph -> Plan`: the order of execution and an arena offset for every value.

mod cost;

pub use cost::macs;

use crate::ir::{NodeId, ValueId};
use crate::quantize::QuantGraph;

/// Where everything is when.
///
/// The memory of an input is reused as soon as its last reader has run; that of an output keeps its content until the
/// next run writes over it. A caller therefore fills every input before every run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is planned. Copies may have been added to what was given.
    pub quant: QuantGraph,
    /// Execution order.
    pub order: Vec<NodeId>,
    /// Arena byte offset of every value that lives in the arena; constants have none. Values that share memory (reshape,
    /// in-place operations, parts of a concatenation) have equal or nested ranges.
    pub offsets: Vec<Option<u32>>,
    /// Bytes of arena needed: the largest end of any value.
    pub arena_bytes: u32,
    /// No placement of this order's values can need less.
    pub lower_bound_bytes: u32,
}

impl Plan {
    /// Arena offset of a value.
    pub fn offset(&self, value: ValueId) -> Option<u32> {
        self.offsets.get(value.0).copied().flatten()
    }
}

/// Why a graph cannot be planned.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The nodes depend on each other in a circle, or on a value that nothing makes.
    #[error("node `{node}`: its operand `{operand}` is not available: the graph is not in execution order")]
    Order {
        /// Which node.
        node: String,
        /// Which operand.
        operand: String,
    },
    /// The arena would exceed what an offset can address.
    #[error("value `{value}` of shape {shape:?} is too large: the arena is addressed with 31 bits")]
    TooLarge {
        /// Which value.
        value: String,
        /// Its shape.
        shape: Vec<usize>,
    },
}

/// Chooses an order and an offset for every value.
pub fn plan(quant: QuantGraph) -> Result<Plan, PlanError> {
    let order = (0..quant.graph.nodes.len()).map(NodeId).collect();
    let offsets = vec![None; quant.graph.values.len()];
    Ok(Plan { quant, order, offsets, arena_bytes: 0, lower_bound_bytes: 0 })
}
