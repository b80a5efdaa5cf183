//! What happens when the program is wrong: say so, and end the emulation with status 1.

use core::panic::PanicInfo;
use cortex_m_rt::{ExceptionFrame, exception};

fn say(text: &str) {
    text.bytes().for_each(crate::uart::send);
}

fn say_hex(value: u32) {
    for byte in value.to_be_bytes() {
        for digit in [byte >> 4, byte & 15] {
            crate::uart::send(if digit < 10 { b'0' + digit } else { b'a' - 10 + digit });
        }
    }
}

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
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    say("\nfault");
    for (name, value) in [(" pc ", frame.pc()), (" lr ", frame.lr()), (" psr ", frame.xpsr())] {
        say(name);
        say_hex(value);
    }
    say("\n");
    crate::exit(false)
}
