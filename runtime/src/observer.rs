//! Hooks around each instruction.

use crate::format::Instruction;

/// Called around each instruction by [`Engine::run_with`](crate::Engine::run_with): for profiling, tapping tensors,
/// feeding a watchdog. Methods that are not overridden cost nothing.
///
/// An instruction that runs in [`Bands`](crate::format::instruction::Bands) is reported once for each band, with places and
/// shapes of its rows. The arena never holds all of its result at once, unless it is the chain's last one.
pub trait Observer {
    /// `instruction`, at `index` in the program, is about to run.
    #[inline]
    fn before(&mut self, index: usize, instruction: &Instruction) {
        let _ = (index, instruction);
    }

    /// `instruction` has run; `arena` holds its output at the offset that it names.
    #[inline]
    fn after(&mut self, index: usize, instruction: &Instruction, arena: &[u8]) {
        let _ = (index, instruction, arena);
    }
}

/// Observes nothing.
impl Observer for () {}

impl<O: Observer + ?Sized> Observer for &mut O {
    #[inline]
    fn before(&mut self, index: usize, instruction: &Instruction) {
        (**self).before(index, instruction);
    }

    #[inline]
    fn after(&mut self, index: usize, instruction: &Instruction, arena: &[u8]) {
        (**self).after(index, instruction, arena);
    }
}
