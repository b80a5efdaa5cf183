//! The machine's switch, SiFive's test device: a word that ends or restarts the emulation.

const SWITCH: *mut u32 = 0x0010_0000 as *mut u32;

/// Status 0.
const PASS: u32 = 0x5555;
/// The status is in the upper half.
const FAIL: u32 = 0x3333;
#[cfg(feature = "service")]
const RESET: u32 = 0x7777;

fn throw(word: u32) -> ! {
    loop {
        // SAFETY: a register that does nothing but this.
        unsafe { SWITCH.write_volatile(word) };
    }
}

/// Ends the emulation with status 0 or 1.
pub fn off(success: bool) -> ! {
    throw(if success { PASS } else { FAIL | 1 << 16 })
}

/// Begins again. Memory stays as it is.
#[cfg(feature = "service")]
pub fn restart() -> ! {
    throw(RESET)
}
