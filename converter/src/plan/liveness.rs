//! When each value must be in memory.

use super::PlanError;
use crate::ir::{Graph, NodeId, ValueId};

/// Steps during which a value's bytes must not change, both ends included.
///
/// At step 0 the caller fills the inputs; node `order[i]` runs at step `i + 1`, or, in a chain that runs in bands, at that of
/// the chain's last node; at the last step the caller reads the
/// outputs. State lives from the first step to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// The step that writes the value.
    pub first: usize,
    /// The last step that reads it.
    pub last: usize,
}

impl Lifetime {
    /// True if the two share a step.
    pub fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// Lifetime of every value that lives in the arena, when nodes run in `order`, each at its step of `steps`.
pub fn lifetimes(graph: &Graph, order: &[NodeId], steps: &[usize]) -> Result<Vec<Option<Lifetime>>, PlanError> {
    let mut lives: Vec<Option<Lifetime>> = vec![None; graph.values.len()];
    for port in &graph.inputs {
        lives[port.value.0] = Some(Lifetime { first: 0, last: 0 });
    }
    // Nothing may be put over what the next run will read.
    let whole_run = Lifetime { first: 0, last: order.len() + 1 };
    for state in &graph.state {
        lives[state.0] = Some(whole_run);
    }
    for (&node, &step) in order.iter().zip(steps) {
        let node = &graph.nodes[node.0];
        for &operand in &node.inputs {
            if graph.constant(operand).is_some() {
                continue;
            }
            match &mut lives[operand.0] {
                Some(life) => life.last = life.last.max(step),
                None => return Err(unavailable(graph, &node.name, operand)),
            }
        }
        lives[node.output.0] = Some(Lifetime { first: step, last: step });
    }
    for port in &graph.outputs {
        match &mut lives[port.value.0] {
            Some(life) => life.last = order.len() + 1,
            None => return Err(unavailable(graph, &port.name, port.value)),
        }
    }
    Ok(lives)
}

fn unavailable(graph: &Graph, reader: &str, operand: ValueId) -> PlanError {
    PlanError::Order { node: reader.to_string(), operand: graph.value(operand).name.clone() }
}

/// Bytes of a value in the arena.
pub fn bytes(graph: &Graph, value: ValueId) -> usize {
    let value = graph.value(value);
    value.elements() * value.dtype.bytes() as usize
}
