//! What the crates that are linked for a device, to be looked at, have in common: a panic that can be found, and drivers that
//! are somewhere else, so that they are not counted.
#![no_std]

#[cfg(feature = "flash")]
mod flash;
#[cfg(feature = "flash")]
pub use flash::Flash;

use core::panic::PanicInfo;

/// Can panic, so that a check can show that it would notice.
#[unsafe(no_mangle)]
pub fn mote_control(bytes: &[u8], index: usize) -> u8 {
    bytes[index]
}

unsafe extern "C" {
    /// Defined nowhere: a reference to it that the walk can reach is a panic that was linked.
    safe fn mote_panic_reached() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    mote_panic_reached()
}
