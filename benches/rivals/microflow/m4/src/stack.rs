//! How deep does the stack get? Paint it, run, look.

use cortex_m::register::msp;

const PATTERN: u32 = 0xC0DE_57AC;
/// Painted below the caller; more than any of the networks takes.
const WINDOW_BYTES: usize = 2 << 20;
/// Left alone below the stack pointer, for this module's own frames.
const MARGIN_BYTES: usize = 64;

fn window() -> core::ops::Range<usize> {
    let pointer = msp::read() as usize;
    pointer - WINDOW_BYTES..pointer - MARGIN_BYTES
}

/// Fills the unused stack with the pattern.
#[inline(never)]
pub fn paint() {
    for address in window().step_by(4) {
        // SAFETY: word-aligned addresses of RAM below everything in use: the stack grows downwards from the end of 4 MB,
        // static data are a few kilobytes at its start, and no interrupt is enabled.
        unsafe { (address as *mut u32).write_volatile(PATTERN) };
    }
}

/// Bytes from the stack pointer to the deepest word that no longer holds the pattern.
#[inline(never)]
pub fn used_bytes() -> usize {
    let window = window();
    let intact = |address: &usize| {
        // SAFETY: the addresses are those that `paint` wrote, give or take this function's frame.
        unsafe { (*address as *const u32).read_volatile() == PATTERN }
    };
    let untouched = window.clone().step_by(4).take_while(intact).count() * 4;
    window.end + MARGIN_BYTES - (window.start + untouched)
}
