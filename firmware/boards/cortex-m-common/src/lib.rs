//! What boards with a Cortex-M of their own have in common: the cycle counter, restarting, the service around them.
#![no_std]

#[cfg(feature = "dwt")]
mod dwt;
mod fault;
#[cfg(feature = "systick")]
mod systick;

#[cfg(feature = "dwt")]
pub use dwt::Cycles;
pub use fault::restart;
pub use mote_board::{Device, Layout, Mapped};
#[cfg(feature = "systick")]
pub use systick::Cycles;

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
