//! What happens when the program is wrong: the device restarts, as one in the field has to. The HAL turns exceptions into panics.

use core::panic::PanicInfo;

/// Begins again, with what a new start finds.
pub fn restart() -> ! {
    esp_hal::system::software_reset()
}

/// Does not say where, as that would keep the names of all files that can panic in flash.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    restart()
}
