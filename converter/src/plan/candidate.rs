//! One way to run a graph: an order, what lies over what, and where everything lies.

use super::overlap::{Overlaps, overlaps};
use super::scratch::{self, Scratch};
use super::sharing::{self, InPlaceChoice};
use super::{Lifetime, Plan, PlanError, arena, conflicts, liveness, schedule};
use crate::ir::{NodeId, ValueId};
use crate::quantize::QuantGraph;

/// What candidates have in common.
pub struct Problem<'q> {
    quant: &'q QuantGraph,
    /// Per node.
    scratch: &'q [Option<Scratch>],
    orders: Vec<Vec<NodeId>>,
    overlap: bool,
}

/// What nodes get that only makes them faster, per node. Those that have no use for it do not matter.
#[derive(Clone, Debug)]
pub struct Granted {
    /// Optional scratch memory.
    pub scratch: Vec<bool>,
    /// Weights for Winograd's convolution.
    pub winograd: Vec<bool>,
}

/// Nodes of the graph times nodes tried with another in-place operand than the first: keeps large graphs fast.
const TOGGLE_WORK: usize = 20_000;

impl<'q> Problem<'q> {
    /// `overlap`: let outputs overlap the inputs that they are computed from.
    pub fn new(quant: &'q QuantGraph, scratch: &'q [Option<Scratch>], overlap: bool) -> Self {
        let mut problem = Self { quant, scratch, orders: Vec::new(), overlap };
        let all = Granted { scratch: vec![true; scratch.len()], winograd: vec![false; scratch.len()] };
        let bytes: Vec<usize> = scratch.iter().map(|s| s.map_or(0, |s| s.bytes as usize)).collect();
        let overlaps = problem.overlaps(&problem.values(&all), &all);
        problem.orders = schedule::candidate_orders(&quant.graph, &overlaps, &bytes);
        problem
    }

    pub fn quant(&self) -> &'q QuantGraph {
        self.quant
    }

    pub fn scratch(&self) -> &'q [Option<Scratch>] {
        self.scratch
    }

    /// Per node: the value of its scratch memory, if it gets any.
    fn values(&self, granted: &Granted) -> Vec<Option<ValueId>> {
        let value = |((scratch, &optional), &winograd): ((&Option<Scratch>, &bool), &bool)| {
            let scratch = scratch.filter(|scratch| optional || !scratch.optional)?;
            Some(scratch.winograd.filter(|_| winograd).unwrap_or(scratch.value))
        };
        self.scratch.iter().zip(&granted.scratch).zip(&granted.winograd).map(value).collect()
    }

    fn overlaps(&self, scratch: &[Option<ValueId>], granted: &Granted) -> Overlaps {
        if self.overlap { overlaps(self.quant, scratch, &granted.winograd) } else { Overlaps::new() }
    }

    /// The smallest arena with this scratch memory.
    pub fn plan(&self, granted: &Granted) -> Result<Candidate, PlanError> {
        let scratch = self.values(granted);
        let overlaps = self.overlaps(&scratch, granted);
        let new = |order: Vec<NodeId>| {
            let candidate = Candidate::new(self.quant, order, &scratch, &overlaps)?;
            Ok(Candidate { winograd: granted.winograd.clone(), ..candidate })
        };
        let mut best: Option<Candidate> = None;
        for order in &self.orders {
            let candidate = new(order.clone())?;
            if best.as_ref().is_none_or(|b| candidate.end() < b.end()) {
                best = Some(candidate);
            }
        }
        match best {
            Some(best) => Ok(best),
            None => new(Vec::new()),
        }
    }
}

/// One order, planned.
pub struct Candidate {
    order: Vec<NodeId>,
    lifetimes: Vec<Option<Lifetime>>,
    groups: Vec<sharing::Group>,
    placement: conflicts::Placement,
    scratch: Vec<Option<ValueId>>,
    winograd: Vec<bool>,
    lower_bound: i64,
}

impl Candidate {
    fn new(
        quant: &QuantGraph,
        order: Vec<NodeId>,
        scratch: &[Option<ValueId>],
        overlaps: &Overlaps,
    ) -> Result<Self, PlanError> {
        let graph = &quant.graph;
        let mut lifetimes = liveness::lifetimes(graph, &order)?;
        scratch::set_lifetimes(&mut lifetimes, scratch, &order);
        let share = |choice: &InPlaceChoice| sharing::share(graph, &order, &lifetimes, choice);
        let mut choice: InPlaceChoice = vec![0; graph.nodes.len()];
        let mut groups = share(&choice);
        let mut end = arena::place_quickly(&groups, overlaps).end;

        // Writing over the other operand, or over none, can let the rest be packed tighter.
        let options = |&node: &NodeId| (node.0, sharing::in_place_operands(graph, node).len());
        for (node, operands) in order.iter().map(options).take(TOGGLE_WORK / graph.nodes.len().max(1)) {
            for option in 1..=operands {
                let before = std::mem::replace(&mut choice[node], option);
                let other = share(&choice);
                let other_end = arena::place_quickly(&other, overlaps).end;
                if other_end < end {
                    (groups, end) = (other, other_end);
                } else {
                    choice[node] = before;
                }
            }
        }
        let placement = arena::place(&groups, overlaps);
        let lower_bound = arena::lower_bound(&groups, overlaps);
        let (scratch, winograd) = (scratch.to_vec(), Vec::new());
        Ok(Self { order, lifetimes, groups, placement, scratch, winograd, lower_bound })
    }

    /// Bytes of arena.
    pub fn end(&self) -> i64 {
        self.placement.end
    }

    /// The plan that this is, of the graph that it was made for.
    pub fn finish(self, quant: QuantGraph) -> Result<Plan, PlanError> {
        let end = self.end();
        let too_large = || PlanError::TooLarge { bytes: end };
        let arena_bytes = u32::try_from(end).ok().filter(|&n| n <= i32::MAX as u32).ok_or_else(too_large)?;
        let mut offsets = vec![None; quant.graph.values.len()];
        for (group, base) in self.groups.iter().zip(&self.placement.bases) {
            for member in &group.members {
                offsets[member.value.0] = Some(u32::try_from(base + member.start).map_err(|_| too_large())?);
            }
        }
        let lower_bound_bytes = u32::try_from(self.lower_bound).map_err(|_| too_large())?;
        let Self { order, lifetimes, scratch, winograd, .. } = self;
        Ok(Plan { quant, order, offsets, lifetimes, scratch, winograd, arena_bytes, lower_bound_bytes })
    }
}
