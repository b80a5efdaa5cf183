//! Several rows of packed bytes to the patches of pixels next to each other.

use super::super::{Rect, SLOTS};
use super::widen::{Rows, less, widen, widen_patch};
use core::arch::asm;
use core::mem::MaybeUninit;

/// Elements of a patch that are put together in memory before they are widened, where rows do not start at words.
const STAGE: usize = 256;

/// See [`portable::widen_rows`](crate::arch::portable::widen_rows). About seven instructions for four elements; where rows do
/// not start at words, their bytes are copied before.
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
        && slot.saturating_add(pixels) <= SLOTS
        && x_first_end <= x_end
        && x_end <= x.len()
        && k_end <= patches.len() / 8 * 4;
    let first = k / 4 * 4;
    let staged = k_end.wrapping_sub(first).next_multiple_of(4);
    let in_words = (k | k_pitch | len).is_multiple_of(4);
    if !fits {
        // The ops' checks exclude it.
        return;
    }
    let from_first = x.as_ptr().wrapping_add(rect.x);
    // Copying reads up to three bytes more.
    if !in_words && (staged > STAGE || x.len().wrapping_sub(x_end) < 3) {
        for pixel in 0..pixels {
            let mut at = rect.x.wrapping_add(pixel.wrapping_mul(pixel_pitch));
            for row in 0..rows {
                let Some(x) = x.get(at..).and_then(|x| x.get(..len)) else { return };
                let k = k.wrapping_add(row.wrapping_mul(k_pitch));
                widen_patch(patches, slot.wrapping_add(pixel), k, x, x_zero_point);
                at = at.wrapping_add(rect.x_pitch);
            }
        }
        return;
    }
    // A word more than there are elements: rows are copied by words.
    let mut stage = [const { MaybeUninit::<u32>::uninit() }; STAGE / 4 + 1];
    // What rows leave out is 0 once the zero point is subtracted; copying a row writes a word of it behind the row.
    let zero = u32::from_ne_bytes([x_zero_point as u8; 4]);
    stage.iter_mut().take(staged / 4).for_each(|word| _ = word.write(zero));
    let stage = stage.as_mut_ptr().cast::<i8>();
    let in_place =
        Rows { count: rows, words: len / 4, x_gap: rect.x_pitch.wrapping_sub(len), k_gap: k_pitch.wrapping_sub(len) };
    let (mut from, less) = (from_first, less(x_zero_point));
    let mut to = patches.as_mut_ptr().wrapping_add(first.wrapping_mul(2)).wrapping_add(slot);
    for _ in 0..pixels {
        // SAFETY: reads `len` bytes of each row, the last of which end inside `x`, and, to copy them, at most three more, which
        // are there; copies `k_end - first` bytes, and a word behind them. Before, between and behind the rows is `zero`: written
        // above, or by `copy`. So all of `staged` bytes are there to be read. Two words of each of `len / 4` groups of eight for
        // each row, or of `staged / 4` groups, are written, which end inside `patches`.
        unsafe {
            if in_words {
                widen(to, from, &in_place, less);
            } else {
                copy(stage.wrapping_add(k.wrapping_sub(first)), from, &in_place, rect.x_pitch, len, zero);
                widen(to, stage, &Rows { count: 1, words: staged / 4, x_gap: 0, k_gap: 0 }, less);
            }
        }
        (from, to) = (from.wrapping_add(pixel_pitch), to.wrapping_add(1));
    }
}

/// Copies rows of `len` bytes, one byte of one at least, and `zero` behind each. Rows are copied by words; what is too much is
/// overwritten by `zero`, and what of that is too much by the next row.
///
/// # Safety
/// The rows and three bytes behind the last one can be read, and the rows and four bytes behind the last one written.
#[inline(always)]
unsafe fn copy(to: *mut i8, from: *const i8, rows: &Rows, x_pitch: usize, len: usize, zero: u32) {
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
            "str {zero}, [{to}]",
            "add {to}, {to}, {k_gap}",
            "subs {rows}, {rows}, #1",
            "bne 20b",
            rows = inout(reg) rows.count => _, from = inout(reg) from => _, to = inout(reg) to => _,
            words = in(reg) padded / 4, x_gap = in(reg) x_pitch.wrapping_sub(padded),
            over = in(reg) padded.wrapping_sub(len), k_gap = in(reg) rows.k_gap, zero = in(reg) zero,
            n = out(reg) _, x = out(reg) _,
            options(nostack),
        );
    }
}
