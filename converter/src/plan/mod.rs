//! `QuantGraph -> Plan`: the order of execution and an arena offset for every value.

mod arena;
mod bands;
mod budget;
mod candidate;
mod conflicts;
mod cost;
mod kernel;
mod liveness;
mod materialize;
mod options;
mod overlap;
mod packing;
mod peak;
mod ports;
mod schedule;
mod scratch;
mod sharing;
mod sparse;
mod target;
mod views;
mod winograd;

#[cfg(test)]
mod tests;

pub use bands::Bands;
pub use cost::{Cost, Way};
pub use kernel::{window, winograd as winograd_of};
pub use liveness::Lifetime;
pub use options::{Flash, PlanOptions, Ram};
pub use packing::{Compression, Layout, PackOptions, PackedLayer};
pub use peak::Peak;
pub use ports::{PortLayout, with_port_layout};
pub use sparse::Gain as SparseGain;
pub use target::{Target, UnknownTarget};
pub use views::{part_offsets, view_offset};
pub use winograd::Gain as WinogradGain;

use crate::ir::{NodeId, ValueId};
use crate::quantize::QuantGraph;
use candidate::Problem;

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
    /// in-place operations, parts of a concatenation) have equal or nested ranges; an output may overlap an input that
    /// only it reads.
    pub offsets: Vec<Option<u32>>,
    /// When every value in the arena is needed: step 0 fills the inputs, `order[i]` runs at step `i + 1`, or at that of the
    /// last node of its chain.
    pub lifetimes: Vec<Option<Lifetime>>,
    /// Per node: the value that stands for its scratch memory, if it has any.
    pub scratch: Vec<Option<ValueId>>,
    /// Per node: true if it is a convolution by Winograd's F(2x2, 3x3).
    pub winograd: Vec<bool>,
    /// Per node: true if its blocks of zero weights are neither stored nor computed.
    pub sparse: Vec<bool>,
    /// Per node: how its weights are packed, if they are.
    pub packed: Vec<Option<PackedLayer>>,
    /// Chains of nodes that run in bands; they follow each other in `order`. At the offset of what one of them makes, but
    /// the last one, the arena has room for some rows only.
    pub bands: Vec<Bands>,
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

    /// Bytes of the arena that a value takes up: those of some rows, if it is made in bands for the next node.
    pub fn bytes(&self, value: ValueId) -> usize {
        let lines = bands::line_bytes(&self.quant.graph, &self.bands);
        lines.get(&value).copied().unwrap_or_else(|| liveness::bytes(&self.quant.graph, value))
    }

    /// The chain that `node` is part of.
    pub fn bands_of(&self, node: NodeId) -> Option<&Bands> {
        self.bands.iter().find(|chain| chain.nodes.contains(&node))
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

/// Chooses an order and an offset for every value: [`plan_with`] the defaults.
pub fn plan(quant: QuantGraph) -> Result<Plan, PlanError> {
    plan_with(quant, &PlanOptions::default())
}

/// Chooses an order, kernels, and an offset for every value. A budget that cannot be met gives the smallest plan.
pub fn plan_with(quant: QuantGraph, options: &PlanOptions) -> Result<Plan, PlanError> {
    plan_packed(quant, options, &PackOptions::default())
}

/// As [`plan_with`], of layers whose weights may be packed.
pub fn plan_packed(mut quant: QuantGraph, options: &PlanOptions, packing: &PackOptions) -> Result<Plan, PlanError> {
    materialize::materialize_constants(&mut quant);
    let plan = |mut quant: QuantGraph, fast: bool| {
        let packed = packing::choose(&quant, packing, fast);
        let scratch = scratch::add_scratch(&mut quant, options.extra_flash > 0, &packed);
        let sparse = sparse::choose(&quant.graph, options, &packed);
        let best = budget::choose(&Problem::new(&quant, &scratch, &sparse, options.overlap), options)?;
        Ok(Plan { packed, ..best.finish(quant)? })
    };
    match options.ram {
        Ram::Fastest => plan(quant, true),
        Ram::Min => plan(quant, false),
        Ram::Within(bytes) => {
            let fast = plan(quant.clone(), true)?;
            let tiles = fast.packed.iter().any(Option::is_some);
            if fast.arena_bytes > bytes && tiles { plan(quant, false) } else { Ok(fast) }
        }
    }
}
