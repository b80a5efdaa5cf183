//! `QuantGraph -> Plan`: the order of execution and an arena offset for every value.

use crate::ir::{NodeId, ValueId};
use crate::quantize::QuantGraph;

/// Where everything is when.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is planned.
    pub quant: QuantGraph,
    /// Execution order.
    pub order: Vec<NodeId>,
    /// Arena byte offset of every value that lives in the arena; constants have none. Values that share memory (reshape,
    /// in-place operations, parts of a concatenation) have equal or nested ranges.
    pub offsets: Vec<Option<u32>>,
    /// Bytes of arena needed: the largest end of any value.
    pub arena_bytes: u32,
}

impl Plan {
    /// Arena offset of a value.
    pub fn offset(&self, value: ValueId) -> Option<u32> {
        self.offsets[value.0]
    }
}
