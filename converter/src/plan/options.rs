//! What a plan is optimised for.

use super::Target;

/// What a plan is optimised for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanOptions {
    /// How much arena speed may cost.
    pub ram: Ram,
    /// Let outputs overlap the inputs that they are computed from. It costs no time; without it, plans are easier to
    /// look at, and tests have something to compare with.
    pub overlap: bool,
    /// Bytes that weights may need beyond the smallest, where that makes layers faster.
    pub extra_flash: u32,
    /// Leave out blocks of zero weights, where a layer has so many of them that it is faster and no larger without.
    pub sparse: bool,
    /// The core whose time is saved where memory allows.
    pub target: Target,
}

/// How much flash speed may cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flash {
    /// Nothing: the smallest weights.
    #[default]
    Smallest,
    /// As much as fits into a model file of this many bytes.
    Within(u32),
    /// As much as helps.
    Max,
}

/// How much arena speed may cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ram {
    /// The fastest kernels, in the smallest arena that they can share.
    #[default]
    Fastest,
    /// The fastest kernels that fit into this many bytes of arena, or the smallest arena if none fit.
    Within(u32),
    /// The smallest arena, and the fastest kernels that fit into it.
    Min,
}

impl Default for PlanOptions {
    fn default() -> Self {
        Self { ram: Ram::default(), overlap: true, extra_flash: 0, sparse: true, target: Target::default() }
    }
}
