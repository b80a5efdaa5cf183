//! What happens when the program is wrong: the device restarts, as one in the field has to. A model on trial that brings it
//! down runs out of boots, and the one before comes back.

use core::panic::PanicInfo;
use cortex_m::peripheral::SCB;
use cortex_m_rt::{ExceptionFrame, exception};

/// Begins again, with what a new start finds.
pub fn restart() -> ! {
    SCB::sys_reset()
}

/// Does not say where, as that would keep the names of all files that can panic in flash.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    restart()
}

#[exception]
unsafe fn HardFault(_: &ExceptionFrame) -> ! {
    restart()
}
