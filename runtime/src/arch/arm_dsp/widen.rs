//! Packed bytes to 16-bit elements, the zero point subtracted.

use super::super::{SLOTS, portable};
use core::arch::asm;

/// The zero point, negative, in both halves.
#[inline(always)]
pub(super) fn less(x_zero_point: i8) -> u32 {
    let half = u32::from(i16::from(x_zero_point).wrapping_neg() as u16);
    half | half << 16
}

/// See [`portable::widen_patch`].
#[inline(never)]
pub(crate) fn widen_patch(patches: &mut [u32], slot: usize, k: usize, x: &[i8], x_zero_point: i8) {
    let first = k.wrapping_mul(2);
    let words = x.len() / 4;
    if !k.is_multiple_of(4) || slot >= SLOTS || first.wrapping_add(words.wrapping_mul(8)) > patches.len() {
        return portable::widen_patch(patches, slot, k, x, x_zero_point);
    }
    let to = patches.as_mut_ptr().wrapping_add(first).wrapping_add(slot);
    if words > 0 {
        // SAFETY: reads `words` words from `x`; writes two words of each of as many groups of eight, which the comparison above
        // has shown to be in `patches`.
        unsafe { widen(to, x.as_ptr(), &Rows { count: 1, words, x_gap: 0, k_gap: 0 }, less(x_zero_point)) };
    }
    let done = words.wrapping_mul(4);
    if let Some(tail) = x.get(done..).filter(|tail| !tail.is_empty()) {
        portable::widen_patch(patches, slot, k.wrapping_add(done), tail, x_zero_point);
    }
}

/// Rows of bytes: how many, whole words of each, and the bytes between them, where they are read and where they are written.
pub(super) struct Rows {
    pub count: usize,
    pub words: usize,
    pub x_gap: usize,
    pub k_gap: usize,
}

/// Widens rows, one word of one at least, to the patch at `to`. Seven instructions for four elements.
///
/// # Safety
/// The rows can be read, and eight words for each word written, from `to` on, but for the last seven.
#[inline(never)]
pub(super) unsafe fn widen(to: *mut u32, from: *const i8, rows: &Rows, less: u32) {
    // SAFETY: LDR takes any address on these cores; the rest is the caller's promise.
    unsafe {
        asm!(
            "20:",
            "mov {n}, {words}",
            "21:",
            "ldr {x}, [{from}], #4",
            "sxtab16 {a}, {less}, {x}",
            "sxtab16 {x}, {less}, {x}, ror #8",
            "str {a}, [{to}], #16",
            "str {x}, [{to}], #16",
            "subs {n}, {n}, #1",
            "bne 21b",
            "add {from}, {from}, {x_gap}",
            "add {to}, {to}, {k_gap}, lsl #3",
            "subs {rows}, {rows}, #1",
            "bne 20b",
            rows = inout(reg) rows.count => _, from = inout(reg) from => _, to = inout(reg) to => _,
            words = in(reg) rows.words, x_gap = in(reg) rows.x_gap, k_gap = in(reg) rows.k_gap, less = in(reg) less,
            n = out(reg) _, x = out(reg) _, a = out(reg) _,
            options(nostack),
        );
    }
}

/// See [`widen_strip`](portable::widen_strip). Seven instructions for four elements.
#[inline(never)]
pub(crate) fn widen_strip(strip: &mut [u32], x: &[i8], stride: usize, x_zero_point: i8) {
    let pixels = strip.len() / 2;
    let last = pixels.wrapping_sub(1).wrapping_mul(stride);
    if pixels == 0 || last.wrapping_add(4) > x.len() || last < pixels.wrapping_sub(1) {
        // The op's checks exclude it.
        return;
    }
    // SAFETY: reads the words at `stride` bytes from each other, of which the last one ends inside `x`; writes two words
    // for each, all in `strip`.
    unsafe {
        asm!(
            "21:",
            "ldr {a}, [{from}]",
            "add {from}, {from}, {stride}",
            "sxtab16 {b}, {less}, {a}, ror #8",
            "sxtab16 {a}, {less}, {a}",
            "strd {a}, {b}, [{to}], #8",
            "subs {n}, {n}, #1",
            "bne 21b",
            n = inout(reg) pixels => _, from = inout(reg) x.as_ptr() => _, to = inout(reg) strip.as_mut_ptr() => _,
            stride = in(reg) stride, less = in(reg) less(x_zero_point), a = out(reg) _, b = out(reg) _,
            options(nostack),
        );
    }
}
