//! How deep does the stack get? Paint it, run, look.

use core::sync::atomic::{AtomicUsize, Ordering};
use cortex_m::register::msp;

const PATTERN: u32 = 0xC0DE_57AC;
/// Painted below the caller; more than any of the networks takes.
const WINDOW_BYTES: usize = 2 << 20;
/// Left alone below the stack pointer, for this module's own frames.
const MARGIN_BYTES: usize = 64;

/// Stack pointer at the last painting.
static PAINTED_AT: AtomicUsize = AtomicUsize::new(0);

fn painted() -> impl Iterator<Item = usize> {
    let pointer = PAINTED_AT.load(Ordering::Relaxed);
    (pointer - WINDOW_BYTES..pointer - MARGIN_BYTES).step_by(4)
}

/// Fills the unused stack with the pattern.
#[inline(never)]
pub fn paint() {
    PAINTED_AT.store(msp::read() as usize, Ordering::Relaxed);
    for address in painted() {
        // SAFETY: word-aligned addresses of RAM below everything in use: the stack grows downwards from the end of 4 MB,
        // static data are a few kilobytes at its start, and no interrupt is enabled.
        unsafe { (address as *mut u32).write_volatile(PATTERN) };
    }
}

/// Bytes from the painter's stack pointer to the deepest word that no longer holds the pattern.
#[inline(never)]
pub fn used_bytes() -> usize {
    let intact = |address: &usize| {
        // SAFETY: the addresses are those that `paint` wrote.
        unsafe { (*address as *const u32).read_volatile() == PATTERN }
    };
    WINDOW_BYTES - painted().take_while(intact).count() * 4
}
