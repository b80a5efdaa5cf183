//! Timer 0: Arm's CMSDK APB timer, DDI 0479D section 4.1. It counts the system clock downwards in 32 bits.

const CTRL: *mut u32 = 0x4000_0000 as *mut u32;
const VALUE: *mut u32 = 0x4000_0004 as *mut u32;
const RELOAD: *mut u32 = 0x4000_0008 as *mut u32;

/// Starts it from the top.
pub fn start() {
    // SAFETY: registers of a timer that nothing else uses; its interrupt stays off.
    unsafe {
        RELOAD.write_volatile(u32::MAX);
        VALUE.write_volatile(u32::MAX);
        CTRL.write_volatile(1);
    }
}

/// The counter, which falls.
pub fn now() -> u32 {
    // SAFETY: reading the counter has no effect.
    unsafe { VALUE.read_volatile() }
}
