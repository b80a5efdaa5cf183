//! Several rows of packed bytes to one patch.

use super::super::{Rect, SLOTS, portable};
use super::widen::{less, widen_patch};
use core::arch::asm;

/// Elements of a patch that are put together in memory before they are widened, where rows do not start at words.
const STAGE: usize = 256;

/// See [`portable::widen_rows`]. About seven instructions for four elements, twice that where rows do not start at words.
#[inline(never)]
pub(crate) fn widen_rows(patches: &mut [u32], slot: usize, x: &[i8], rect: Rect, x_zero_point: i8) {
    let Rect { k, k_pitch, rows, len, .. } = rect;
    let before_last = rows.wrapping_sub(1);
    let x_end = rect.x.wrapping_add(before_last.wrapping_mul(rect.x_pitch)).wrapping_add(len);
    let k_end = k.wrapping_add(before_last.wrapping_mul(k_pitch)).wrapping_add(len);
    // Four elements of a patch take four words of its slot's two, for all slots.
    let fits = rows > 0 && len > 0 && slot < SLOTS && x_end <= x.len() && k_end.wrapping_mul(2) <= patches.len();
    let ordered = len <= k_pitch || rows == 1;
    if !fits || !ordered {
        return portable::widen_rows(patches, slot, x, rect, x_zero_point);
    }
    let from = x.as_ptr().wrapping_add(rect.x);
    if (k | k_pitch | len).is_multiple_of(4) {
        let to = patches.as_mut_ptr().wrapping_add(k.wrapping_mul(2)).wrapping_add(slot);
        let (x_gap, k_gap) = (rect.x_pitch.wrapping_sub(len), k_pitch.wrapping_sub(len).wrapping_mul(8));
        // SAFETY: reads `len` bytes of each row, the last of which end inside `x`, at any address, as LDR may on these
        // cores; writes two words of each of `len / 4` groups of eight, which end inside `patches`.
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
                words = in(reg) len / 4, x_gap = in(reg) x_gap, k_gap = in(reg) k_gap, less = in(reg) less(x_zero_point),
                n = out(reg) _, x = out(reg) _, a = out(reg) _,
                options(nostack),
            );
        }
        return;
    }
    let first = k / 4 * 4;
    let staged = k_end.wrapping_sub(first).next_multiple_of(4);
    if staged > STAGE {
        return portable::widen_rows(patches, slot, x, rect, x_zero_point);
    }
    let mut stage = [0u32; STAGE / 4];
    let Some(words) = stage.get_mut(..staged / 4) else { return };
    // What rows leave out is 0 once the zero point is subtracted: everything between rows, or at the ends only.
    let zero = u32::from_ne_bytes([x_zero_point as u8; 4]);
    if len == k_pitch {
        words.first_mut().into_iter().for_each(|word| *word = zero);
        words.last_mut().into_iter().for_each(|word| *word = zero);
    } else {
        words.iter_mut().for_each(|word| *word = zero);
    }
    let to = words.as_mut_ptr().cast::<i8>().wrapping_add(k.wrapping_sub(first));
    // SAFETY: reads `len` bytes of each row, the last of which end inside `x`; writes as many to `words`, of which the
    // last end before `k_end - first`. LDR and STR take any address on these cores.
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
            len = in(reg) len, x_gap = in(reg) rect.x_pitch.wrapping_sub(len), k_gap = in(reg) k_pitch.wrapping_sub(len),
            n = out(reg) _, x = out(reg) _,
            options(nostack),
        );
    }
    let words: &[u32] = words;
    widen_patch(patches, slot, first, bytemuck::cast_slice(words), x_zero_point);
}
