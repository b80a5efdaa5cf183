//! Cycles by the system timer, where a core has no counter of them.

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;

/// The timer has 24 bits and counts down.
const TOP: u32 = 0x00ff_ffff;
/// So soon after a turn, its exception may not have been taken.
const SETTLED: u32 = 64;

/// Written by the exception only.
static TURNS: AtomicU32 = AtomicU32::new(0);

#[exception]
fn SysTick() {
    TURNS.store(TURNS.load(Relaxed).wrapping_add(1), Relaxed);
}

/// Counts cycles of the core. Loses `2^24` where interrupts are off for so long, as while flash is erased; a run of a model leaves
/// them on.
#[derive(Debug)]
pub struct Cycles(());

impl Cycles {
    /// Takes the timer.
    pub fn start(syst: &mut SYST) -> Self {
        syst.set_clock_source(SystClkSource::Core);
        syst.set_reload(TOP);
        syst.clear_current();
        syst.enable_interrupt();
        syst.enable_counter();
        Self(())
    }

    /// Cycles since the start.
    pub fn now(&mut self) -> u64 {
        loop {
            let turns = TURNS.load(Relaxed);
            let gone = TOP.wrapping_sub(SYST::get_current());
            if gone >= SETTLED && TURNS.load(Relaxed) == turns {
                return u64::from(turns) << 24 | u64::from(gone);
            }
        }
    }
}
