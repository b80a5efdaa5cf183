//! The core's counter of cycles, made longer.

use cortex_m::peripheral::{DCB, DWT};

/// Counts cycles of the core, in 64 bits. The hardware counts 32: a turn is only noticed if the counter is read once in
/// `2^32` cycles, which is 67 seconds at 64 MHz. It stands still while a core sleeps, which a service does not.
#[derive(Debug)]
pub struct Cycles {
    turns: u32,
    last: u32,
}

impl Cycles {
    /// Switches the counter on.
    pub fn start(dcb: &mut DCB, dwt: &mut DWT) -> Self {
        dcb.enable_trace();
        // Some cores are locked against it until a debugger was there.
        DWT::unlock();
        dwt.set_cycle_count(0);
        dwt.enable_cycle_counter();
        Self { turns: 0, last: 0 }
    }

    /// Cycles since the start.
    pub fn now(&mut self) -> u64 {
        let now = DWT::cycle_count();
        if now < self.last {
            self.turns = self.turns.wrapping_add(1);
        }
        self.last = now;
        u64::from(self.turns) << 32 | u64::from(now)
    }
}
