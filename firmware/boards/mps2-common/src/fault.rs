//! What happens when the program is wrong: say so, and end the emulation with status 1. A service restarts instead, as a device
//! in the field has to: a model on trial that brings it down runs out of boots, and the one before comes back.

use core::panic::PanicInfo;
use cortex_m_rt::{ExceptionFrame, exception};

fn say(text: &str) {
    text.bytes().for_each(crate::uart::send);
}

#[cfg(not(feature = "service"))]
fn say_hex(value: u32) {
    for byte in value.to_be_bytes() {
        for digit in [byte >> 4, byte & 15] {
            crate::uart::send(if digit < 10 { b'0' + digit } else { b'a' - 10 + digit });
        }
    }
}

/// Does not say where, as that would keep the names of all files that can panic in flash.
#[cfg(feature = "service")]
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    say("\npanic\n");
    cortex_m::peripheral::SCB::sys_reset()
}

#[cfg(not(feature = "service"))]
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    say("\npanic ");
    if let Some(at) = info.location() {
        say(at.file());
        say(" line ");
        say_hex(at.line());
    }
    say("\n");
    crate::exit(false)
}

#[exception]
unsafe fn HardFault(#[cfg_attr(feature = "service", allow(unused))] frame: &ExceptionFrame) -> ! {
    say("\nfault");
    #[cfg(not(feature = "service"))]
    for (name, value) in [(" pc ", frame.pc()), (" lr ", frame.lr()), (" psr ", frame.xpsr())] {
        say(name);
        say_hex(value);
    }
    say("\n");
    #[cfg(feature = "service")]
    cortex_m::peripheral::SCB::sys_reset();
    #[cfg(not(feature = "service"))]
    crate::exit(false)
}
