//! One way to run a graph: an order, what lies over what, and where everything lies.

use super::bands::Bands;
use super::overlap::{Overlaps, overlaps};
use super::scratch::{self, Scratch};
use super::sharing::{self, InPlaceChoice};
use super::{Lifetime, Plan, PlanError, arena, bands, conflicts, liveness, schedule};
use crate::ir::{Graph, NodeId, ValueId};
use crate::quantize::QuantGraph;
use mote_runtime::format::instruction::Conv2dSparse;
use std::collections::HashMap;

/// What candidates have in common.
pub struct Problem<'q> {
    quant: &'q QuantGraph,
    /// Per node.
    scratch: &'q [Option<Scratch>],
    /// Per node, where blocks of zero weights are left out unless it becomes Winograd's convolution.
    sparse: &'q [Option<Conv2dSparse>],
    orders: Vec<Vec<NodeId>>,
    overlap: bool,
}

/// How nodes run where there is a choice.
#[derive(Clone, Debug)]
pub struct Granted {
    /// Per node: true if it has the scratch memory that only makes it faster. Nodes without a use for it do not matter.
    pub scratch: Vec<bool>,
    /// Per node: true if it is a convolution by Winograd's F(2x2, 3x3), with larger weights.
    pub winograd: Vec<bool>,
    /// Chains of nodes that run in bands.
    pub bands: Vec<Bands>,
}

/// Nodes of the graph times nodes tried with another in-place operand than the first: keeps large graphs fast.
const TOGGLE_WORK: usize = 20_000;

impl<'q> Problem<'q> {
    /// `overlap`: let outputs overlap the inputs that they are computed from.
    pub fn new(
        quant: &'q QuantGraph,
        scratch: &'q [Option<Scratch>],
        sparse: &'q [Option<Conv2dSparse>],
        overlap: bool,
    ) -> Self {
        let mut problem = Self { quant, scratch, sparse, orders: Vec::new(), overlap };
        let all =
            Granted { scratch: vec![true; scratch.len()], winograd: vec![false; scratch.len()], bands: Vec::new() };
        let bytes: Vec<usize> = scratch.iter().map(|s| s.map_or(0, |s| s.bytes as usize)).collect();
        problem.orders =
            schedule::candidate_orders(&quant.graph, &problem.overlaps(&problem.values(&all), &all), &bytes);
        problem
    }

    pub fn quant(&self) -> &'q QuantGraph {
        self.quant
    }

    pub fn scratch(&self) -> &'q [Option<Scratch>] {
        self.scratch
    }

    /// Per node: the instruction without blocks of zero weights, if it is chosen.
    pub fn sparse(&self, granted: &Granted) -> Vec<Option<Conv2dSparse>> {
        let of = |(index, op): (usize, &Option<Conv2dSparse>)| {
            let op = op.filter(|_| granted.winograd.get(index) != Some(&true))?;
            // In bands there is more than one pixel: patches are laid out.
            let banded = granted.bands.iter().any(|chain| chain.nodes.contains(&NodeId(index)));
            Some(Conv2dSparse { direct: op.direct && !banded, ..op })
        };
        self.sparse.iter().enumerate().map(of).collect()
    }

    /// Per node: the value of its scratch memory, if it gets any.
    fn values(&self, granted: &Granted) -> Vec<Option<ValueId>> {
        let sparse = self.sparse(granted);
        let value = |(index, scratch): (usize, &Option<Scratch>)| {
            let scratch = scratch.filter(|scratch| granted.scratch[index] || !scratch.optional)?;
            if sparse.get(index).copied().flatten().is_some_and(|op| op.direct) {
                return None;
            }
            Some(scratch.winograd.filter(|_| granted.winograd[index]).unwrap_or(scratch.value))
        };
        self.scratch.iter().enumerate().map(value).collect()
    }

    fn overlaps(&self, scratch: &[Option<ValueId>], granted: &Granted) -> Overlaps {
        let mut overlaps = match self.overlap {
            true => overlaps(self.quant, scratch, &self.sparse(granted), granted),
            false => Overlaps::new(),
        };
        for (node, scratch) in self.quant.graph.nodes.iter().zip(self.scratch) {
            // Every tile of channels reads all of the input.
            if scratch.and_then(|scratch| scratch.packed).is_some_and(|packed| !packed.one_tile)
                && let Some(&x) = node.inputs.first()
            {
                overlaps.remove(&(x, node.output));
            }
        }
        overlaps
    }

    /// True if results may overlap operands, and nodes may run in bands.
    pub fn overlap(&self) -> bool {
        self.overlap
    }

    /// About the smallest arena of what is granted, found quickly.
    pub fn quick_end(&self, granted: &Granted) -> Result<i64, PlanError> {
        let scratch = self.values(granted);
        let overlaps = self.overlaps(&scratch, granted);
        let choice = vec![0; self.quant.graph.nodes.len()];
        let mut least = i64::MAX;
        for order in &self.orders {
            let base = Base::new(self.quant, order, &scratch, &granted.bands)?;
            least = least.min(arena::place_quickly(&base.share(&self.quant.graph, &choice), &overlaps).end);
        }
        Ok(least)
    }

    /// The smallest arena of what is granted.
    pub fn plan(&self, granted: &Granted) -> Result<Candidate, PlanError> {
        let scratch = self.values(granted);
        let overlaps = self.overlaps(&scratch, granted);
        let mut best: Option<Candidate> = None;
        for order in &self.orders {
            let candidate = Candidate::new(self, order, &scratch, granted, &overlaps)?;
            if best.as_ref().is_none_or(|b| candidate.end() < b.end()) {
                best = Some(candidate);
            }
        }
        match best {
            Some(best) => Ok(best),
            None => Candidate::new(self, &[], &scratch, granted, &overlaps),
        }
    }
}

/// An order of nodes and what it says about lifetimes.
struct Base {
    order: Vec<NodeId>,
    lifetimes: Vec<Option<Lifetime>>,
    /// Bytes of the line buffers that stand for values.
    lines: HashMap<ValueId, usize>,
    /// Scratch memory that lies in another's.
    shared: HashMap<ValueId, ValueId>,
}

impl Base {
    fn new(
        quant: &QuantGraph,
        order: &[NodeId],
        scratch: &[Option<ValueId>],
        bands: &[Bands],
    ) -> Result<Self, PlanError> {
        let graph = &quant.graph;
        let order = bands::together(order, bands);
        let steps = bands::steps(&order, bands);
        let mut lifetimes = liveness::lifetimes(graph, &order, &steps)?;
        let shared = scratch::shared(graph, scratch, bands);
        scratch::set_lifetimes(&mut lifetimes, scratch, &order, &steps, &shared);
        Ok(Self { order, lifetimes, lines: bands::line_bytes(graph, bands), shared })
    }

    fn share(&self, graph: &Graph, choice: &InPlaceChoice) -> Vec<sharing::Group> {
        sharing::share(graph, &self.order, &self.lifetimes, &self.lines, choice)
    }
}

/// One order, planned.
pub struct Candidate {
    base: Base,
    groups: Vec<sharing::Group>,
    placement: conflicts::Placement,
    scratch: Vec<Option<ValueId>>,
    winograd: Vec<bool>,
    sparse: Vec<bool>,
    bands: Vec<Bands>,
    lower_bound: i64,
    fullest_step: usize,
}

impl Candidate {
    fn new(
        problem: &Problem,
        order: &[NodeId],
        scratch: &[Option<ValueId>],
        granted: &Granted,
        overlaps: &Overlaps,
    ) -> Result<Self, PlanError> {
        let graph = &problem.quant.graph;
        let base = Base::new(problem.quant, order, scratch, &granted.bands)?;
        let mut choice: InPlaceChoice = vec![0; graph.nodes.len()];
        let mut groups = base.share(graph, &choice);
        let mut end = arena::place_quickly(&groups, overlaps).end;

        // Writing over the other operand, or over none, can let the rest be packed tighter.
        let options = |&node: &NodeId| (node.0, sharing::in_place_operands(graph, node).len());
        for (node, operands) in base.order.iter().map(options).take(TOGGLE_WORK / graph.nodes.len().max(1)) {
            for option in 1..=operands {
                let before = std::mem::replace(&mut choice[node], option);
                let other = base.share(graph, &choice);
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
        let fullest_step = arena::fullest_step(&groups, overlaps);
        let (scratch, winograd, bands) = (scratch.to_vec(), granted.winograd.clone(), granted.bands.clone());
        let sparse = problem.sparse(granted).iter().map(Option::is_some).collect();
        Ok(Self { base, groups, placement, scratch, winograd, sparse, bands, lower_bound, fullest_step })
    }

    /// Bytes of arena.
    pub fn end(&self) -> i64 {
        self.placement.end
    }

    /// The node that runs at the step that needs most.
    pub fn fullest_node(&self) -> Option<NodeId> {
        self.base.order.get(self.fullest_step.checked_sub(1)?).copied()
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
        let Self { base: Base { order, lifetimes, shared, .. }, scratch, winograd, sparse, bands, .. } = self;
        for (value, largest) in shared {
            offsets[value.0] = offsets[largest.0];
        }
        let packed = Vec::new();
        Ok(Plan {
            quant,
            order,
            offsets,
            lifetimes,
            scratch,
            winograd,
            sparse,
            packed,
            bands,
            arena_bytes,
            lower_bound_bytes,
        })
    }
}
