//! Inner loops for Armv7E-M and Armv8-M with the DSP extension: two 16-bit products an instruction.
//!
//! Bit-equal to [`portable`](super::portable), which handles what is left over at the edges. The functions are not
//! inlined: their assembly needs every register, and a caller around it would have to keep all of its own in memory.

use super::{SLOTS, StripWindow, portable};
use core::arch::asm;

/// Sign-extends bytes 0 and 2.
#[inline(always)]
fn even_bytes(word: u32) -> u32 {
    let pair;
    // SAFETY: arithmetic on registers only. SXTB16 exists wherever build.rs sets `kernel_arm_dsp`.
    unsafe {
        asm!("sxtb16 {pair}, {word}", word = in(reg) word, pair = lateout(reg) pair, options(pure, nomem, nostack, preserves_flags))
    };
    pair
}

/// Sign-extends bytes 1 and 3.
#[inline(always)]
fn odd_bytes(word: u32) -> u32 {
    let pair;
    // SAFETY: as in `even_bytes`.
    unsafe {
        asm!("sxtb16 {pair}, {word}, ror #8", word = in(reg) word, pair = lateout(reg) pair, options(pure, nomem, nostack, preserves_flags))
    };
    pair
}

/// Subtracts both halves. May set the GE flags.
#[inline(always)]
fn subtract_pair(a: u32, b: u32) -> u32 {
    let pair;
    // SAFETY: as in `even_bytes`.
    unsafe {
        asm!("ssub16 {pair}, {a}, {b}", a = in(reg) a, b = in(reg) b, pair = lateout(reg) pair, options(pure, nomem, nostack))
    };
    pair
}

#[inline(always)]
fn both(x: i8) -> u32 {
    let half = u32::from(i16::from(x) as u16);
    half | half << 16
}

#[inline(always)]
fn word(bytes: [i8; 4]) -> u32 {
    u32::from_le_bytes(bytes.map(|b| b as u8))
}

/// See [`portable::widen_patch`].
#[inline(never)]
pub(crate) fn widen_patch(patches: &mut [u32], slot: usize, k: usize, x: &[i8], x_zero_point: i8) {
    if !k.is_multiple_of(4) || slot >= SLOTS {
        return portable::widen_patch(patches, slot, k, x, x_zero_point);
    }
    let zero = both(x_zero_point);
    let (words, tail) = x.as_chunks::<4>();
    let Some(groups) = patches.get_mut(k.wrapping_mul(2)..) else { return };
    for (group, &x) in groups.as_chunks_mut::<8>().0.iter_mut().zip(words) {
        let (even, odd) = group.split_at_mut(SLOTS);
        if let (Some(even), Some(odd)) = (even.get_mut(slot), odd.get_mut(slot)) {
            let x = word(x);
            *even = subtract_pair(even_bytes(x), zero);
            *odd = subtract_pair(odd_bytes(x), zero);
        }
    }
    if !tail.is_empty() {
        portable::widen_patch(patches, slot, k.wrapping_add(words.len().wrapping_mul(4)), tail, x_zero_point);
    }
}

/// See [`portable::dot_patches`]. 13 instructions for 16 products.
#[inline(never)]
pub(crate) fn dot_patches(patches: &[u32], w: &[i8], acc: i32) -> [i32; SLOTS] {
    let groups = (patches.len() / (2 * SLOTS)).min(w.len() / 4);
    let [mut s0, mut s1, mut s2, mut s3] = [acc; SLOTS];
    if groups == 0 {
        return [acc; SLOTS];
    }
    let end = w.as_ptr().wrapping_add(groups.wrapping_mul(4));
    macro_rules! group {
        () => {
            "ldr lr, [r1], #4
             ldm r0!, {{r3, r4, r5, r12}}
             sxtb16 r6, lr
             smlad r8, r3, r6, r8
             smlad r9, r4, r6, r9
             smlad r10, r5, r6, r10
             smlad r11, r12, r6, r11
             ldm r0!, {{r3, r4, r5, r12}}
             sxtb16 lr, lr, ror #8
             smlad r8, r3, lr, r8
             smlad r9, r4, lr, r9
             smlad r10, r5, lr, r10
             smlad r11, r12, lr, r11"
        };
    }
    // SAFETY: reads `groups` words from `w` and eight times as many from `patches`, which both have; the loop ends when
    // `r1` has gone from `w` to `end` in steps of 4, entered so that the rest of a division by 4 groups comes first.
    // `patches` is aligned for LDM by its type; LDR takes any address on these cores. r6, which cannot be an operand, is
    // saved. SMLAD may set the Q flag, so flags are not claimed to be preserved.
    unsafe {
        asm!(
            "push {{r6}}",
            "sub lr, r2, r1",
            "ands lr, lr, #12",
            "beq 21f",
            "cmp lr, #8",
            "bhi 22f",
            "beq 23f",
            "b 24f",
            "21:", group!(),
            "22:", group!(),
            "23:", group!(),
            "24:", group!(),
            "cmp r1, r2",
            "bne 21b",
            "pop {{r6}}",
            inout("r0") patches.as_ptr() => _, inout("r1") w.as_ptr() => _, in("r2") end,
            out("r3") _, out("r4") _, out("r5") _, out("r12") _, out("lr") _,
            inout("r8") s0, inout("r9") s1, inout("r10") s2, inout("r11") s3,
            options(readonly),
        );
    }
    [s0, s1, s2, s3]
}

/// See [`portable::dot_quad`]. 20 instructions for 16 products.
#[inline(never)]
pub(crate) fn dot_quad(x: &[i8], w: &[i8], acc: [i32; 4]) -> [i32; 4] {
    let groups = (x.len() / 4).min(w.len() / 16);
    let [mut s0, mut s1, mut s2, mut s3] = acc;
    if groups > 0 && w.as_ptr().addr().is_multiple_of(4) {
        let end = x.as_ptr().wrapping_add(groups.wrapping_mul(4));
        macro_rules! group {
            () => {
                "ldr r6, [r0], #4
                 ldm r1!, {{r3, r4, r5, r12}}
                 sxtb16 lr, r6
                 sxtb16 r6, r6, ror #8
                 sxtb16 r7, r3
                 sxtb16 r3, r3, ror #8
                 smlad r8, r7, lr, r8
                 smlad r8, r3, r6, r8
                 sxtb16 r7, r4
                 sxtb16 r4, r4, ror #8
                 smlad r9, r7, lr, r9
                 smlad r9, r4, r6, r9
                 sxtb16 r7, r5
                 sxtb16 r5, r5, ror #8
                 smlad r10, r7, lr, r10
                 smlad r10, r5, r6, r10
                 sxtb16 r7, r12
                 sxtb16 r12, r12, ror #8
                 smlad r11, r7, lr, r11
                 smlad r11, r12, r6, r11"
            };
        }
        // SAFETY: reads `groups` words from `x` and four times as many from `w`, which both have; `w` is aligned for
        // LDM, and LDR takes any address on these cores. The loop ends when `r0` has gone from `x` to `end` in steps of
        // 4, entered in the middle if the number of groups is odd. r6 and r7, which cannot be operands, are saved.
        unsafe {
            asm!(
                "push {{r6, r7}}",
                "sub lr, r2, r0",
                "tst lr, #4",
                "bne 22f",
                "21:", group!(),
                "22:", group!(),
                "cmp r0, r2",
                "bne 21b",
                "pop {{r6, r7}}",
                inout("r0") x.as_ptr() => _, inout("r1") w.as_ptr() => _, in("r2") end,
                out("r3") _, out("r4") _, out("r5") _, out("r12") _, out("lr") _,
                inout("r8") s0, inout("r9") s1, inout("r10") s2, inout("r11") s3,
                options(readonly),
            );
        }
        let (Some(x), Some(w)) = (x.get(groups.wrapping_mul(4)..), w.get(groups.wrapping_mul(16)..)) else {
            return [s0, s1, s2, s3];
        };
        return if x.is_empty() { [s0, s1, s2, s3] } else { portable::dot_quad(x, w, [s0, s1, s2, s3]) };
    }
    portable::dot_quad(x, w, acc)
}

/// See [`portable::widen_strip`].
#[inline(never)]
pub(crate) fn widen_strip(strip: &mut [u32], x: &[i8], stride: usize, x_zero_point: i8) {
    let zero = both(x_zero_point);
    let mut at = 0usize;
    for pixel in strip.as_chunks_mut::<2>().0 {
        let Some(&four) = x.get(at..).and_then(|x| x.first_chunk()) else { return };
        let x = word(four);
        *pixel = [subtract_pair(even_bytes(x), zero), subtract_pair(odd_bytes(x), zero)];
        at = at.wrapping_add(stride);
    }
}

/// See [`portable::dot_strips`]. Six instructions a tap, for four products.
#[inline(never)]
pub(crate) fn dot_strips(x: &[u32], w: &[u32], window: StripWindow, acc: [i32; 4]) -> [i32; 4] {
    let StripWindow { rows, columns, row_words, column_words } = window;
    let last = rows.wrapping_sub(1).wrapping_mul(row_words);
    let last = last.wrapping_add(columns.wrapping_sub(1).wrapping_mul(column_words));
    let taps = rows.wrapping_mul(columns);
    if taps == 0 || last.wrapping_add(2) > x.len() || taps.wrapping_mul(2) > w.len() {
        return portable::dot_strips(x, w, window, acc);
    }
    let [mut s0, mut s1, mut s2, mut s3] = acc;
    macro_rules! tap {
        ($offset:literal) => {
            concat!(
                "ldrd r2, r3, [r0, #",
                $offset,
                "]\n",
                "ldrd r4, r5, [r1, #",
                $offset,
                "]\n",
                "smlabb r8, r2, r4, r8\n",
                "smlatt r10, r2, r4, r10\n",
                "smlabb r9, r3, r5, r9\n",
                "smlatt r11, r3, r5, r11",
            )
        };
    }
    if columns == 3 && column_words == 2 {
        // SAFETY: reads three pixels of `rows` rows of `x` and as many taps of `w`; the comparison above has shown that
        // the last of them are inside. Both are word-aligned by their types, as LDRD needs.
        unsafe {
            asm!(
                "21:",
                tap!("0"), tap!("8"), tap!("16"),
                "add r0, r0, r12",
                "add r1, r1, #24",
                "subs lr, lr, #1",
                "bne 21b",
                inout("r0") x.as_ptr() => _, inout("r1") w.as_ptr() => _,
                in("r12") row_words.wrapping_mul(4), inout("lr") rows => _,
                out("r2") _, out("r3") _, out("r4") _, out("r5") _,
                inout("r8") s0, inout("r9") s1, inout("r10") s2, inout("r11") s3,
                options(readonly, nostack),
            );
        }
        return [s0, s1, s2, s3];
    }
    for row in 0..rows {
        let x = x.as_ptr().wrapping_add(row.wrapping_mul(row_words));
        let w = w.as_ptr().wrapping_add(row.wrapping_mul(columns).wrapping_mul(2));
        // SAFETY: reads `columns` taps of one row, `columns` is not 0; as above.
        unsafe {
            asm!(
                "21:",
                tap!("0"),
                "add r0, r0, r12",
                "add r1, r1, #8",
                "subs lr, lr, #1",
                "bne 21b",
                inout("r0") x => _, inout("r1") w => _,
                in("r12") column_words.wrapping_mul(4), inout("lr") columns => _,
                out("r2") _, out("r3") _, out("r4") _, out("r5") _,
                inout("r8") s0, inout("r9") s1, inout("r10") s2, inout("r11") s3,
                options(readonly, nostack),
            );
        }
    }
    [s0, s1, s2, s3]
}
