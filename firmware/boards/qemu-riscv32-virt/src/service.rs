//! A device that a host flashes models to, asks and measures, over the UART.

use crate::{ARENA, Virt, power, uart};
use mote_board_emulated::{LAYOUT, Line, RamFlash};
use mote_firmware_app::service::ServiceBoard;

impl ServiceBoard for Virt {
    const WINDOW: u8 = 8;
    const TICKS_PER_SECOND: u32 = 1_000_000_000;
}

/// Serves a host until it asks for a restart, and restarts; for ever. Ends the emulation with status 1 if the store cannot be
/// opened.
///
/// # Safety
/// To be called once, by a program that does not use the memory of the model and of the job.
pub unsafe fn serve() -> ! {
    uart::enable();
    let mut line = Line { send: uart::send, receive: uart::receive };
    // SAFETY: the caller's promise, for both.
    let served = unsafe { mote_board::serve(Virt, RamFlash::take(), LAYOUT, &mut line, ARENA.take().as_mut_slice()) };
    match served {
        Ok(()) => power::restart(),
        Err(_) => power::off(false),
    }
}
