//! Which kernels a firmware links.

use crate::op::dispatch::Kernel;

/// A choice of kernels. Those left out are not linked, nor is the code that decodes and checks their instructions;
/// a model that needs one is refused with [`Fault::Unsupported`](crate::Fault::Unsupported).
///
/// Without a choice, [`AllOps`] links everything that the crate's features allow.
///
/// ```
/// use mote_runtime::{Arena, Engine, Kernel, Kernels, LoadError, Model, Ops};
///
/// struct Dense;
/// impl Ops for Dense {
///     const KERNELS: Kernels = Kernels::of(&[Kernel::FullyConnected, Kernel::Softmax]);
/// }
///
/// fn load(file: &[u8]) -> Result<Model<'_, Dense>, LoadError> {
///     Model::<Dense>::load_for(file)
/// }
/// ```
pub trait Ops {
    /// The kernels to link.
    const KERNELS: Kernels;
}

/// Every kernel.
#[derive(Clone, Copy, Debug)]
pub enum AllOps {}

impl Ops for AllOps {
    const KERNELS: Kernels = Kernels(u64::MAX);
}

/// A set of kernels, known at compile time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernels(u64);

impl Kernels {
    /// The set of these.
    pub const fn of(kernels: &[Kernel]) -> Self {
        let mut set = 0;
        let mut rest = kernels;
        while let [first, tail @ ..] = rest {
            set |= first.bit();
            rest = tail;
        }
        Self(set)
    }

    /// These and `kernel`.
    pub const fn with(self, kernel: Kernel) -> Self {
        Self(self.0 | kernel.bit())
    }

    /// All that are in one of both.
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True if all of `others` are among them.
    #[inline(always)]
    pub const fn contains_all(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Each of them, in the order of [`Kernel::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Kernel> {
        Kernel::ALL.iter().copied().filter(move |&kernel| self.contains(kernel))
    }

    /// True if `kernel` is one of them.
    #[inline(always)]
    pub const fn contains(self, kernel: Kernel) -> bool {
        self.0 & kernel.bit() != 0
    }
}

impl Kernel {
    pub(crate) const fn bit(self) -> u64 {
        1 << self as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_holds_what_it_was_made_of() {
        const SET: Kernels = Kernels::of(&[Kernel::Conv2d, Kernel::UnaryF32]);
        assert!(SET.contains(Kernel::Conv2d) && SET.contains(Kernel::UnaryF32));
        assert!(!SET.contains(Kernel::Add) && AllOps::KERNELS.contains(Kernel::Add));
    }
}
