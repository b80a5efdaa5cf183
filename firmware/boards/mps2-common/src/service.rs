//! A device that a host flashes models to, asks and measures, over UART 0.

use crate::timer::Timer;
use crate::{Mps2, Name, exit, uart};
use core::marker::PhantomData;
use cortex_m::peripheral::SCB;
use mote_board_emulated::{LAYOUT, Line, RamFlash};
use mote_firmware_app::service::ServiceBoard;

impl<N: Name> ServiceBoard for Mps2<N> {
    const WINDOW: u8 = 8;
    const TICKS_PER_SECOND: u32 = N::TICKS_PER_SECOND;
}

/// Serves a host until it asks for a restart, and restarts; for ever. Ends the emulation with status 1 if the store cannot be
/// opened.
///
/// # Safety
/// To be called once, by a program that does not use the memory of the model and of the job.
pub unsafe fn serve<N: Name>(arena: &'static mut [u8]) -> ! {
    uart::enable();
    uart::listen();
    let board = Mps2::<N> { timer: Timer::start(), name: PhantomData };
    let mut line = Line { send: uart::send, receive: uart::receive };
    // SAFETY: the caller's promise, for both.
    let served = unsafe { mote_board::serve(board, RamFlash::take(), LAYOUT, &mut line, arena) };
    match served {
        Ok(()) => SCB::sys_reset(),
        Err(_) => exit(false),
    }
}
