//! `QuantGraph -> Plan`: the order of execution and an arena offset for every value.

mod arena;
mod cost;
mod liveness;
mod materialize;
mod ports;
mod schedule;
mod scratch;
mod sharing;
mod views;

#[cfg(test)]
mod tests;

pub use cost::macs;
pub use liveness::Lifetime;
pub use ports::{PortLayout, with_port_layout};
pub use views::{part_offsets, view_offset};

use crate::ir::{NodeId, ValueId};
use crate::quantize::QuantGraph;
use sharing::InPlaceChoice;

/// Where everything is when.
///
/// The memory of an input is reused as soon as its last reader has run; that of an output keeps its content until the
/// next run writes over it, and may be that of an input. A caller therefore fills every input before every run, and
/// takes the outputs before filling the inputs again.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is planned. Copies of constants may have been added to what was given.
    pub quant: QuantGraph,
    /// Execution order.
    pub order: Vec<NodeId>,
    /// Arena byte offset of every value that lives in the arena; constants have none. Values that share memory (reshape,
    /// in-place operations, parts of a concatenation) have equal or nested ranges.
    pub offsets: Vec<Option<u32>>,
    /// When every value in the arena is needed: step 0 fills the inputs, `order[i]` runs at step `i + 1`.
    pub lifetimes: Vec<Option<Lifetime>>,
    /// Per node: the value that stands for its scratch memory, if it needs any.
    pub scratch: Vec<Option<ValueId>>,
    /// Bytes of arena needed: the largest end of any value.
    pub arena_bytes: u32,
    /// Bytes that are live at the worst step. No placement of these lifetimes can need less.
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
        /// Which node, or output.
        node: String,
        /// Which operand.
        operand: String,
    },
    /// The arena would exceed what an offset can address.
    #[error("the values need {bytes} bytes of arena at once: an arena is addressed with 31 bits")]
    TooLarge {
        /// Bytes at the worst step.
        bytes: i64,
    },
}

/// Chooses an order and an offset for every value.
pub fn plan(mut quant: QuantGraph) -> Result<Plan, PlanError> {
    materialize::materialize_constants(&mut quant);
    let scratch = scratch::add_scratch(&mut quant);
    let mut best: Option<Candidate> = None;
    for order in schedule::candidate_orders(&quant.graph) {
        let candidate = Candidate::new(&quant, order, &scratch)?;
        if best.as_ref().is_none_or(|b| candidate.placement.end < b.placement.end) {
            best = Some(candidate);
        }
    }
    let Some(best) = best else { return Candidate::new(&quant, Vec::new(), &scratch)?.finish(quant, scratch) };
    best.finish(quant, scratch)
}

/// One order, planned.
struct Candidate {
    order: Vec<NodeId>,
    lifetimes: Vec<Option<Lifetime>>,
    groups: Vec<sharing::Group>,
    placement: arena::Placement,
}

impl Candidate {
    fn new(quant: &QuantGraph, order: Vec<NodeId>, scratch: &[Option<ValueId>]) -> Result<Self, PlanError> {
        let graph = &quant.graph;
        let mut lifetimes = liveness::lifetimes(graph, &order)?;
        scratch::set_lifetimes(&mut lifetimes, scratch, &order);
        let share = |choice: &InPlaceChoice| sharing::share(graph, &order, &lifetimes, choice);
        let mut choice: InPlaceChoice = vec![0; graph.nodes.len()];
        let mut groups = share(&choice);
        let mut end = arena::place_quickly(&groups).end;

        // Writing over the other operand, or over none, can let the rest be packed tighter.
        let options = |&node: &NodeId| (node.0, sharing::in_place_operands(graph, node).len());
        for (node, operands) in order.iter().map(options).take(TOGGLE_WORK / graph.nodes.len().max(1)) {
            for option in 1..=operands {
                let before = std::mem::replace(&mut choice[node], option);
                let other = share(&choice);
                let other_end = arena::place_quickly(&other).end;
                if other_end < end {
                    (groups, end) = (other, other_end);
                } else {
                    choice[node] = before;
                }
            }
        }
        let placement = arena::place(&groups);
        Ok(Self { order, lifetimes, groups, placement })
    }

    fn finish(self, quant: QuantGraph, scratch: Vec<Option<ValueId>>) -> Result<Plan, PlanError> {
        let end = self.placement.end;
        let too_large = || PlanError::TooLarge { bytes: end };
        let arena_bytes = u32::try_from(end).ok().filter(|&n| n <= i32::MAX as u32).ok_or_else(too_large)?;
        let mut offsets = vec![None; quant.graph.values.len()];
        for (group, base) in self.groups.iter().zip(&self.placement.bases) {
            for member in &group.members {
                offsets[member.value.0] = Some(u32::try_from(base + member.start).map_err(|_| too_large())?);
            }
        }
        let lower_bound_bytes = arena::lower_bound(&self.groups) as u32;
        let Self { order, lifetimes, .. } = self;
        Ok(Plan { quant, order, offsets, lifetimes, scratch, arena_bytes, lower_bound_bytes })
    }
}

/// Nodes of the graph times nodes tried with another in-place operand than the first: keeps large graphs fast.
const TOGGLE_WORK: usize = 20_000;
