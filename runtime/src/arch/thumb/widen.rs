//! From bytes to patches and strips.

use super::super::{Rect, SLOTS, portable};
use super::{is_loadable, isa};

/// See [`portable::widen_patch`]. Slots are written in order: see [`isa`].
pub(crate) fn widen_patch(patches: &mut [u32], slot: usize, k: usize, x: &[i8], x_zero_point: i8) {
    let rect = Rect { x: 0, x_pitch: 0, k, k_pitch: 0, rows: 1, len: x.len(), pixels: 1, pixel_pitch: 0 };
    widen_rows(patches, slot, x, rect, x_zero_point);
}

/// See [`portable::widen_rows`]. Slots are written in order: see [`isa`].
#[inline(never)]
pub(crate) fn widen_rows(patches: &mut [u32], slot: usize, x: &[i8], rect: Rect, x_zero_point: i8) {
    let mut first = rect.x;
    for slot in slot..slot.saturating_add(rect.pixels) {
        let widen = isa::Widen::new(slot, x_zero_point);
        let (mut at, mut k) = (first, rect.k);
        for _ in 0..rect.rows {
            let Some(row) = x.get(at..).and_then(|x| x.get(..rect.len)) else { return };
            // Elements take two words of all slots together, so neither product leaves 32 bits.
            let end = k.saturating_add(row.len());
            if slot >= SLOTS || row.is_empty() || end > patches.len() / 2 {
                return;
            }
            // SAFETY: elements from `k` to `end` of all slots are inside of `patches`, and there is at least one.
            unsafe { widen.run(patches.as_mut_ptr().wrapping_add(k.wrapping_mul(2)), row) };
            (at, k) = (at.wrapping_add(rect.x_pitch), k.wrapping_add(rect.k_pitch));
        }
        first = first.wrapping_add(rect.pixel_pitch);
    }
}

/// See [`portable::widen_strip`].
#[inline(never)]
pub(crate) fn widen_strip(strip: &mut [u32], x: &[i8], stride: usize, x_zero_point: i8) {
    let pixels = strip.len() / 2;
    let last = pixels.wrapping_sub(1).wrapping_mul(stride).wrapping_add(4);
    let small = pixels != 0 && pixels <= 1 << 14 && stride <= 1 << 14;
    if !small || last > x.len() || !is_loadable(x.as_ptr().addr() | stride) {
        return portable::widen_strip(strip, x, stride, x_zero_point);
    }
    // SAFETY: the last pixel ends inside of `x`, and all of them can be loaded as words; there is at least one.
    unsafe { isa::widen_words(strip.as_mut_ptr(), x.as_ptr(), stride, less(x_zero_point), pixels) };
}

/// Keeps the borrow of one half from the other.
const GUARD: u32 = 0x8000_8000;

/// What `widen_words` adds to two bytes that are 128 too large, before it takes away `0x8000_8000` without carry: the
/// zero point, negative.
pub(super) fn less(zero_point: i8) -> u32 {
    let zero = u32::from((zero_point as u8) ^ 0x80);
    GUARD.wrapping_sub(zero | zero << 16)
}
