//! What boards with Espressif's RISC-V chips have in common: flash that is read in place, the cycle counter, restarting, the service
//! around them. Which chip it is, a feature says: `esp32c3` or `esp32c6`.
#![no_std]

mod cycles;
mod fault;
mod flash;
#[cfg_attr(feature = "esp32c3", path = "map/esp32c3.rs")]
#[cfg_attr(feature = "esp32c6", path = "map/esp32c6.rs")]
mod map;

pub use cycles::Cycles;
pub use fault::restart;
pub use flash::MappedFlash;
pub use mote_board::{Device, Layout, Mapped};

use embedded_io::{Read, Write};

/// Serves a host until it asks for a restart, and restarts; for ever. If the store cannot be opened, or nothing can be sent, it
/// restarts too.
///
/// # Safety
/// To be called once.
pub unsafe fn serve<D: Device, F: Mapped, P: Read + Write>(
    device: D,
    flash: F,
    port: P,
    arena: &'static mut [u8],
) -> ! {
    // SAFETY: the caller's promise.
    unsafe { mote_board::serve_device(device, flash, port, arena) };
    restart()
}
