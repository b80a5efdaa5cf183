//! What happens when the program is wrong: say so, and end the emulation with status 1. A service restarts instead, as a device
//! in the field has to.

use crate::power;
use crate::uart::send;
use core::panic::PanicInfo;
use mote_board_emulated::last_words::say;
#[cfg(not(feature = "service"))]
use mote_board_emulated::last_words::{say_hex, say_panic};

/// Does not say where, as that would keep the names of all files that can panic in flash.
#[cfg(feature = "service")]
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    say(send, "\npanic\n");
    power::restart()
}

#[cfg(not(feature = "service"))]
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    say_panic(send, info);
    power::off(false)
}

/// What riscv-rt calls for every exception.
#[unsafe(export_name = "ExceptionHandler")]
extern "C" fn exception(_: &riscv_rt::TrapFrame) -> ! {
    say(send, "\nfault");
    #[cfg(not(feature = "service"))]
    for (name, value) in [(" cause ", riscv::register::mcause::read().bits()), (" pc ", riscv::register::mepc::read())]
    {
        say(send, name);
        say_hex(send, value as u32);
    }
    say(send, "\n");
    #[cfg(feature = "service")]
    power::restart();
    #[cfg(not(feature = "service"))]
    power::off(false)
}
