//! Timer 0: Arm's CMSDK APB timer, DDI 0479D section 4.1. It counts the system clock downwards in 32 bits.

#[cfg(not(feature = "secure"))]
const BASE: usize = 0x4000_0000;
#[cfg(feature = "secure")]
const BASE: usize = 0x5000_0000;

const CTRL: *mut u32 = BASE as *mut u32;
const VALUE: *mut u32 = (BASE + 0x04) as *mut u32;
const RELOAD: *mut u32 = (BASE + 0x08) as *mut u32;

const CTRL_ENABLE: u32 = 1;

/// The running timer. Must be read at least once in 2^32 ticks, which is minutes.
pub struct Timer {
    last: u32,
    ticks: u64,
}

impl Timer {
    /// Starts from zero.
    pub fn start() -> Self {
        // SAFETY: registers of a timer that every image has, and nothing else uses it; its interrupt stays off.
        unsafe {
            CTRL.write_volatile(0);
            RELOAD.write_volatile(u32::MAX);
            VALUE.write_volatile(u32::MAX);
            CTRL.write_volatile(CTRL_ENABLE);
        }
        Self { last: u32::MAX, ticks: 0 }
    }

    /// Ticks since the start.
    pub fn ticks(&mut self) -> u64 {
        // SAFETY: reading the counter has no effect.
        let now = unsafe { VALUE.read_volatile() };
        self.ticks += u64::from(self.last.wrapping_sub(now));
        self.last = now;
        self.ticks
    }
}
