//! The core's counter of cycles, made longer.

use cortex_m::peripheral::{DCB, DWT};
use mote_board::Wide;

/// Counts cycles of the core, in 64 bits. It stands still while a core sleeps, which a service does not.
#[derive(Debug)]
pub struct Cycles(Wide);

impl Cycles {
    /// Switches the counter on.
    pub fn start(dcb: &mut DCB, dwt: &mut DWT) -> Self {
        dcb.enable_trace();
        // Some cores are locked against it until a debugger was there.
        DWT::unlock();
        dwt.set_cycle_count(0);
        dwt.enable_cycle_counter();
        Self(Wide::new())
    }

    /// Cycles since the start.
    pub fn now(&mut self) -> u64 {
        self.0.at(DWT::cycle_count())
    }
}
