//! The core's counter of cycles, made longer. Espressif's own registers, as these cores have no `mcycle`: which event is counted, how,
//! and how many.

use core::arch::asm;
use mote_board::Wide;

/// Counts cycles of the core, in 64 bits.
#[derive(Debug)]
pub struct Cycles(Wide);

impl Cycles {
    /// Switches the counter on.
    pub fn start() -> Self {
        // SAFETY: the three registers of the performance counter, which nothing else uses: event 1 are cycles, mode 1 counts and
        // starts from 0 after an overflow.
        unsafe {
            asm!("csrw 0x7e0, {one}", "csrw 0x7e1, {one}", "csrw 0x7e2, zero", one = in(reg) 1, options(nomem, nostack));
        }
        Self(Wide::new())
    }

    /// Cycles since the start.
    pub fn now(&mut self) -> u64 {
        let count: u32;
        // SAFETY: reading the counter has no effect.
        unsafe { asm!("csrr {count}, 0x7e2", count = out(reg) count, options(nomem, nostack)) };
        self.0.at(count)
    }
}
