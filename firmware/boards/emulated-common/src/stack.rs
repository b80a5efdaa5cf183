//! How deep did the stack get? Paint it, run, look.

use core::sync::atomic::{AtomicUsize, Ordering};
use mote_firmware_app::StackUsed;

unsafe extern "C" {
    static _stack_start: u32;
    static _stack_end: u32;
}

const PATTERN: u32 = 0xC0DE_57AC;
/// At most so much is painted below the caller; a deeper stack shows as exactly this.
const WINDOW_BYTES: usize = 64 * 1024;
/// Left alone below the stack pointer: the compiler may read the pointer before it saves this function's registers. A run
/// that needs less shows as exactly this.
const MARGIN_BYTES: usize = 64;

/// The stack pointer.
#[cfg(target_arch = "arm")]
#[inline(always)]
fn pointer() -> usize {
    cortex_m::register::msp::read() as usize
}

/// The stack pointer.
#[cfg(target_arch = "riscv32")]
#[inline(always)]
fn pointer() -> usize {
    let pointer;
    // SAFETY: copies one register into another.
    unsafe {
        core::arch::asm!("mv {pointer}, sp", pointer = out(reg) pointer, options(nomem, nostack, preserves_flags))
    };
    pointer
}

fn top() -> usize {
    &raw const _stack_start as usize
}

fn bottom(pointer: usize) -> usize {
    let end = &raw const _stack_end as usize;
    end.max(pointer.saturating_sub(WINDOW_BYTES))
}

/// Stack pointer at the last painting. Plain data in a register-sized cell: there are no interrupts and one core.
static PAINTED_AT: AtomicUsize = AtomicUsize::new(0);

/// Fills the unused stack with the pattern. Not inlined, so that its stack pointer is that of a function which the caller
/// calls.
#[inline(never)]
pub fn paint() {
    let pointer = pointer();
    PAINTED_AT.store(pointer, Ordering::Relaxed);
    for address in (bottom(pointer)..pointer - MARGIN_BYTES).step_by(4) {
        // SAFETY: the addresses are word-aligned, inside the stack's memory and below everything in use: the stack
        // grows downwards, no interrupt is enabled, this loop calls nothing, and its own registers are in the margin.
        unsafe { (address as *mut u32).write_volatile(PATTERN) };
    }
}

/// Finds the deepest word that no longer holds the pattern.
#[inline(never)]
pub fn used() -> StackUsed {
    let painted_at = PAINTED_AT.load(Ordering::Relaxed);
    let intact = |address: &usize| {
        // SAFETY: the addresses are those that `paint` wrote.
        unsafe { (*address as *const u32).read_volatile() == PATTERN }
    };
    let lowest = bottom(painted_at);
    let painted = (lowest..painted_at.saturating_sub(MARGIN_BYTES)).step_by(4);
    let deepest = lowest + painted.take_while(intact).count() * 4;
    StackUsed { below_bytes: (painted_at - deepest) as u32, total_bytes: (top() - deepest) as u32 }
}
