//! What happens when the program is wrong: say so, and end the emulation with status 1. A service restarts instead, as a device
//! in the field has to: a model on trial that brings it down runs out of boots, and the one before comes back.

use crate::uart::send;
use core::panic::PanicInfo;
use cortex_m_rt::{ExceptionFrame, exception};
use mote_board_emulated::last_words::say;
#[cfg(not(feature = "service"))]
use mote_board_emulated::last_words::{say_hex, say_panic};

/// Does not say where, as that would keep the names of all files that can panic in flash.
#[cfg(feature = "service")]
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    say(send, "\npanic\n");
    cortex_m::peripheral::SCB::sys_reset()
}

#[cfg(not(feature = "service"))]
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    say_panic(send, info);
    crate::exit(false)
}

#[exception]
unsafe fn HardFault(#[cfg_attr(feature = "service", allow(unused))] frame: &ExceptionFrame) -> ! {
    say(send, "\nfault");
    #[cfg(not(feature = "service"))]
    for (name, value) in [(" pc ", frame.pc()), (" lr ", frame.lr()), (" psr ", frame.xpsr())] {
        say(send, name);
        say_hex(send, value);
    }
    say(send, "\n");
    #[cfg(feature = "service")]
    cortex_m::peripheral::SCB::sys_reset();
    #[cfg(not(feature = "service"))]
    crate::exit(false)
}
