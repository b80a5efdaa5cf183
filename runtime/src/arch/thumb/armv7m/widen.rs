//! From bytes to patches and strips.

use super::super::super::SLOTS;
use core::arch::naked_asm;

/// Writes elements of the patch of one slot.
pub(in super::super) struct Widen {
    slot: usize,
    zero: i32,
}

impl Widen {
    pub fn new(slot: usize, x_zero_point: i8) -> Self {
        Self { slot, zero: x_zero_point.into() }
    }

    /// # Safety
    /// `patches` has two words for each of `x`, which is not empty.
    pub unsafe fn run(&self, patches: *mut u32, x: &[i8]) {
        let to = patches.cast::<i16>().wrapping_add(self.slot);
        // SAFETY: one of four elements is written, as many times as there are elements of `x`.
        unsafe { widen(to, x.as_ptr(), x.len(), self.zero) };
    }
}

/// Sets all elements of one pixel's patch to 0.
#[inline]
pub(crate) fn clear_patch(patches: &mut [u32], slot: usize) {
    let elements: &mut [i16] = bytemuck::cast_slice_mut(patches);
    elements.iter_mut().skip(slot).step_by(SLOTS).for_each(|element| *element = 0);
}

#[unsafe(naked)]
unsafe extern "C" fn widen(to: *mut i16, x: *const i8, count: usize, zero: i32) {
    naked_asm!(
        "subs r2, #4",
        "blo 2f",
        "1:",
        "ldrsb r12, [r1], #1",
        "sub r12, r12, r3",
        "strh r12, [r0], #8",
        "ldrsb r12, [r1], #1",
        "sub r12, r12, r3",
        "strh r12, [r0], #8",
        "ldrsb r12, [r1], #1",
        "sub r12, r12, r3",
        "strh r12, [r0], #8",
        "ldrsb r12, [r1], #1",
        "sub r12, r12, r3",
        "strh r12, [r0], #8",
        "subs r2, #4",
        "bhs 1b",
        "2:",
        "adds r2, #4",
        "beq 4f",
        "3:",
        "ldrsb r12, [r1], #1",
        "sub r12, r12, r3",
        "strh r12, [r0], #8",
        "subs r2, #1",
        "bne 3b",
        "4:",
        "bx lr",
    )
}

/// The halves `x + 128`, plus `less`, without its guards: `x - zero_point`. See [`less`](super::super::widen::less).
///
/// # Safety
/// `pixels`, not 0, of four bytes that can be loaded as a word are `stride` bytes apart; `to` has two words for each.
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn widen_words(
    to: *mut u32,
    x: *const i8,
    stride: usize,
    less: u32,
    pixels: usize,
) {
    naked_asm!(
        "push {{r4, r5, r6, lr}}",
        "ldr r12, [sp, #16]",
        "mov r6, #0xff00ff",
        "1:",
        "ldr r4, [r1]",
        "add r1, r2",
        "eor r4, r4, #0x80808080",
        "and r5, r6, r4, lsr #8",
        "and r4, r4, r6",
        "add r4, r3",
        "add r5, r3",
        "eor r4, r4, #0x80008000",
        "eor r5, r5, #0x80008000",
        "stm r0!, {{r4, r5}}",
        "subs r12, #1",
        "bne 1b",
        "pop {{r4, r5, r6, pc}}",
    )
}
