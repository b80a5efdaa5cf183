//! What happens when the program is wrong: say so, and end the emulation with status 1.

use core::fmt::{self, Write};
use core::panic::PanicInfo;
use cortex_m_rt::{ExceptionFrame, exception};

struct Uart;

impl Write for Uart {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(crate::uart::send);
        Ok(())
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let _ = match info.location() {
        Some(at) => writeln!(Uart, "\npanic {}:{}:{}", at.file(), at.line(), at.column()),
        None => writeln!(Uart, "\npanic"),
    };
    crate::exit(false)
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    let _ = writeln!(Uart, "\nfault pc {:08x} lr {:08x} psr {:08x}", frame.pc(), frame.lr(), frame.xpsr());
    crate::exit(false)
}
