//! From bytes to patches and strips.

use core::arch::naked_asm;

/// Writes elements of the patch of one slot. Those of an even one clear the next slot's, to which an odd slot's are added.
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
        let to = patches.wrapping_add(self.slot / 2);
        // SAFETY: every second word is written, as many as there are elements.
        unsafe {
            if self.slot.is_multiple_of(2) {
                widen_even(to, x.as_ptr(), x.len(), self.zero);
            } else {
                widen_odd(to, x.as_ptr(), x.len(), self.zero << 16);
            }
        }
    }
}

/// Sets all elements of one pixel's patch to 0; of an odd slot, if they are not those of [`Widen`] for the even
/// one before it.
#[inline]
pub(crate) fn clear_patch(patches: &mut [u32], slot: usize) {
    if slot.is_multiple_of(2) {
        patches.iter_mut().skip(slot / 2).step_by(2).for_each(|pair| *pair = 0);
    }
}

macro_rules! even {
    ($from:literal, $to:literal) => {
        concat!("ldrb r4, [r1, #", $from, "]\n sxtb r4, r4\n subs r4, r4, r3\n str r4, [r0, #", $to, "]\n")
    };
}

macro_rules! odd {
    ($from:literal, $to:literal) => {
        concat!(
            "ldrb r4, [r1, #",
            $from,
            "]
             lsls r4, r4, #24
             ldr r5, [r0, #",
            $to,
            "]
             asrs r4, r4, #8
             subs r5, r5, r3
             adds r4, r4, r5
             str r4, [r0, #",
            $to,
            "]\n"
        )
    };
}

/// `count` elements, four at a time and then one at a time.
macro_rules! widen {
    ($element:ident) => {
        naked_asm!(
            "push {{r4, r5, lr}}",
            "subs r2, #4",
            "blo 2f",
            "1:",
            $element!("0", "0"),
            $element!("1", "8"),
            $element!("2", "16"),
            $element!("3", "24"),
            "adds r0, #32",
            "adds r1, #4",
            "subs r2, #4",
            "bhs 1b",
            "2:",
            "adds r2, #4",
            "beq 4f",
            "3:",
            $element!("0", "0"),
            "adds r0, #8",
            "adds r1, #1",
            "subs r2, #1",
            "bne 3b",
            "4:",
            "pop {{r4, r5, pc}}",
        )
    };
}

#[unsafe(naked)]
unsafe extern "C" fn widen_even(to: *mut u32, x: *const i8, count: usize, zero: i32) {
    widen!(even)
}

#[unsafe(naked)]
unsafe extern "C" fn widen_odd(to: *mut u32, x: *const i8, count: usize, zero: i32) {
    widen!(odd)
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
        "push {{r4, r5, r6, r7, lr}}",
        "mov r4, r8",
        "mov r5, r9",
        "push {{r4, r5}}",
        "ldr r4, [sp, #28]",
        "lsls r4, r4, #3",
        "adds r4, r4, r0",
        "mov r12, r4",
        "ldr r4, =0x80808080",
        "mov r8, r4",
        "ldr r6, =0x00ff00ff",
        "ldr r7, =0x80008000",
        "mov r9, r2",
        "1:",
        "ldr r4, [r1]",
        "mov r5, r8",
        "eors r4, r5",
        "lsrs r5, r4, #8",
        "ands r4, r6",
        "ands r5, r6",
        "adds r4, r4, r3",
        "adds r5, r5, r3",
        "eors r4, r7",
        "eors r5, r7",
        "stm r0!, {{r4, r5}}",
        "add r1, r9",
        "cmp r0, r12",
        "bne 1b",
        "pop {{r4, r5}}",
        "mov r8, r4",
        "mov r9, r5",
        "pop {{r4, r5, r6, r7, pc}}",
        ".p2align 2",
        ".pool",
    )
}
