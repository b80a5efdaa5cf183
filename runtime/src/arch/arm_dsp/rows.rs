//! Several rows of packed bytes to the patches of pixels next to each other.

use super::super::{Rect, SLOTS, portable};
use super::widen::less;
use core::arch::asm;
use core::mem::MaybeUninit;

/// Elements of a patch that are put together in memory before they are widened, where rows do not start at words.
const STAGE: usize = 256;

/// See [`portable::widen_rows`]. About seven instructions for four elements; where rows do not start at words, a row's bytes are
/// copied before.
#[inline(never)]
pub(crate) fn widen_rows(patches: &mut [u32], slot: usize, x: &[i8], rect: Rect, x_zero_point: i8) {
    let Rect { k, k_pitch, rows, len, pixels, pixel_pitch, .. } = rect;
    let before_last = rows.wrapping_sub(1);
    let x_first_end = rect.x.wrapping_add(before_last.wrapping_mul(rect.x_pitch)).wrapping_add(len);
    let x_end = x_first_end.wrapping_add(pixels.wrapping_sub(1).wrapping_mul(pixel_pitch));
    let k_end = k.wrapping_add(before_last.wrapping_mul(k_pitch)).wrapping_add(len);
    // Four elements of a patch take two words, those of all slots eight.
    let fits = rows > 0
        && len > 0
        && slot < SLOTS
        && pixels > 0
        && pixels <= SLOTS.wrapping_sub(slot)
        && x_first_end <= x_end
        && x_end <= x.len()
        && k_end.next_multiple_of(SLOTS).wrapping_mul(2) <= patches.len();
    let ordered = len <= k_pitch || rows == 1;
    let first = k / 4 * 4;
    let staged = k_end.wrapping_sub(first).next_multiple_of(4);
    let in_words = (k | k_pitch | len).is_multiple_of(4);
    if !fits || !ordered || (!in_words && staged > STAGE) {
        return portable::widen_rows(patches, slot, x, rect, x_zero_point);
    }
    let from = x.as_ptr().wrapping_add(rect.x);
    let to = patches.as_mut_ptr().wrapping_add(first.wrapping_mul(2)).wrapping_add(slot);
    let less = less(x_zero_point);
    if in_words {
        let gaps = (rect.x_pitch.wrapping_sub(len), k_pitch.wrapping_sub(len).wrapping_mul(8));
        let mut from = from;
        for to in (0..pixels).map(|pixel| to.wrapping_add(pixel)) {
            // SAFETY: reads `len` bytes of each row, the last of which end inside `x`; writes two words of each of `len / 4`
            // groups of eight for each row, which end inside `patches`.
            unsafe { widen(to, from, rows, len / 4, gaps, less) };
            from = from.wrapping_add(pixel_pitch);
        }
        return;
    }
    // A word more than there are elements: copying by words writes up to three bytes behind the last one.
    let mut stage = [const { MaybeUninit::<u32>::uninit() }; STAGE / 4 + 1];
    // What rows leave out is 0 once the zero point is subtracted: everything between rows, or at the ends only.
    let zero = u32::from_ne_bytes([x_zero_point as u8; 4]);
    let by_words = len == k_pitch && x.len().wrapping_sub(x_end) >= 3;
    let blank = if by_words { 1 } else { staged / 4 };
    stage.iter_mut().take(blank).for_each(|word| _ = word.write(zero));
    let stage = stage.as_mut_ptr().cast::<u32>();
    let (row, mut from) = (stage.cast::<i8>().wrapping_add(k.wrapping_sub(first)), from);
    for to in (0..pixels).map(|pixel| to.wrapping_add(pixel)) {
        // SAFETY: reads `len` bytes of each row, the last of which end inside `x`, and by words at most three more, which are
        // there; writes `k_end - first` bytes, and as many more. Before them, between them and behind them is `zero`: written
        // above, or by `copy_words`. So all of `staged` bytes are there to be read, and go to two words of each of
        // `staged / 4` groups of eight, which end inside `patches`.
        unsafe {
            if by_words {
                copy_words(row, from, rows, len, rect.x_pitch, zero);
            } else {
                copy_bytes(row, from, rows, len, rect.x_pitch, k_pitch);
            }
            widen(to, stage.cast(), 1, staged / 4, (0, 0), less);
        }
        from = from.wrapping_add(pixel_pitch);
    }
}

/// Widens `words` words of each of `rows` rows, one at least, to the patch at `to`; `gaps` are the bytes between rows.
///
/// # Safety
/// The rows can be read, and eight words for each word written, from `to` on, but for the last seven.
#[inline(always)]
unsafe fn widen(to: *mut u32, from: *const i8, rows: usize, words: usize, gaps: (usize, usize), less: u32) {
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
            "add {to}, {to}, {k_gap}",
            "subs {rows}, {rows}, #1",
            "bne 20b",
            rows = inout(reg) rows => _, from = inout(reg) from => _, to = inout(reg) to => _,
            words = in(reg) words, x_gap = in(reg) gaps.0, k_gap = in(reg) gaps.1, less = in(reg) less,
            n = out(reg) _, x = out(reg) _, a = out(reg) _,
            options(nostack),
        );
    }
}

/// Copies `rows` rows of `len` bytes, one of each at least, side by side, and `zero` behind them. Every row is copied by words; what
/// is too much is overwritten by the next one.
///
/// # Safety
/// The rows and three bytes behind the last one can be read, and `rows * len + 4` bytes written to `to`.
#[inline(always)]
unsafe fn copy_words(to: *mut i8, from: *const i8, rows: usize, len: usize, x_pitch: usize, zero: u32) {
    let padded = len.next_multiple_of(4);
    // SAFETY: LDR and STR take any address on these cores; the rest is the caller's promise.
    unsafe {
        asm!(
            "20:",
            "mov {n}, {words}",
            "21:",
            "ldr {x}, [{from}], #4",
            "str {x}, [{to}], #4",
            "subs {n}, {n}, #1",
            "bne 21b",
            "add {from}, {from}, {x_gap}",
            "sub {to}, {to}, {over}",
            "subs {rows}, {rows}, #1",
            "bne 20b",
            "str {zero}, [{to}]",
            rows = inout(reg) rows => _, from = inout(reg) from => _, to = inout(reg) to => _,
            words = in(reg) padded / 4, x_gap = in(reg) x_pitch.wrapping_sub(padded),
            over = in(reg) padded.wrapping_sub(len), zero = in(reg) zero, n = out(reg) _, x = out(reg) _,
            options(nostack),
        );
    }
}

/// Copies `rows` rows of `len` bytes, one of each at least, to rows that are `k_pitch` bytes apart.
///
/// # Safety
/// The rows can be read and written.
#[inline(always)]
unsafe fn copy_bytes(to: *mut i8, from: *const i8, rows: usize, len: usize, x_pitch: usize, k_pitch: usize) {
    // SAFETY: LDR and STR take any address on these cores; the rest is the caller's promise.
    unsafe {
        asm!(
            "20:",
            "subs {n}, {len}, #4",
            "blo 22f",
            "21:",
            "ldr {x}, [{from}], #4",
            "str {x}, [{to}], #4",
            "subs {n}, {n}, #4",
            "bhs 21b",
            "22:",
            "adds {n}, {n}, #4",
            "beq 24f",
            "23:",
            "ldrb {x}, [{from}], #1",
            "strb {x}, [{to}], #1",
            "subs {n}, {n}, #1",
            "bne 23b",
            "24:",
            "add {from}, {from}, {x_gap}",
            "add {to}, {to}, {k_gap}",
            "subs {rows}, {rows}, #1",
            "bne 20b",
            rows = inout(reg) rows => _, from = inout(reg) from => _, to = inout(reg) to => _,
            len = in(reg) len, x_gap = in(reg) x_pitch.wrapping_sub(len), k_gap = in(reg) k_pitch.wrapping_sub(len),
            n = out(reg) _, x = out(reg) _,
            options(nostack),
        );
    }
}
