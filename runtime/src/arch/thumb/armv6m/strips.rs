use super::super::strips::Job;
use super::output::{enter, leave, output};
use core::arch::naked_asm;

/// Four channels of one tap in 18 instructions. Sums of channels 0 to 3 are in `r8`, `r11`, `r9` and `r12`. Of the
/// product of two pairs, the low half is the product of the low elements.
macro_rules! tap {
    () => {
        "ldm r0!, {{r2, r3}}
         ldm r1!, {{r4, r5}}
         mov r6, r2
         muls r6, r4, r6
         sxth r6, r6
         add r8, r6
         asrs r2, r2, #16
         asrs r4, r4, #16
         muls r2, r4, r2
         add r9, r2
         mov r6, r3
         muls r6, r5, r6
         sxth r6, r6
         add r11, r6
         asrs r3, r3, #16
         asrs r5, r5, #16
         muls r3, r5, r3
         add r12, r3"
    };
}

/// # Safety
/// `job` describes memory that there is, as [`strips`](super::super::strips) does.
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn convolve_strips(job: &mut Job) {
    naked_asm!(
        enter!(),
        "sub sp, #12",
        "str r0, [sp]",
        "ldr r1, [r0, #20]",
        "str r1, [sp, #4]",
        "ldr r1, [r0, #16]",
        "str r1, [sp, #8]",
        // An output. Sums start with the biases.
        "10:",
        "ldr r5, [sp]",
        "ldr r6, [r5, #28]",
        "ldr r0, [r6]",
        "mov r8, r0",
        "ldr r0, [r6, #16]",
        "mov r11, r0",
        "ldr r0, [r6, #32]",
        "mov r9, r0",
        "ldr r0, [r6, #48]",
        "mov r12, r0",
        "ldr r6, [r5, #24]",
        "ldm r5!, {{r0, r1, r2, r3}}",
        "mov r10, r2",
        "mov lr, r3",
        "subs r5, #16",
        "adds r6, r6, r0",
        "str r6, [r5]",
        "ldr r7, [sp, #4]",
        "cmp r7, #0",
        "beq 13f",
        // Rows of any number of taps.
        "11:",
        "ldr r7, [sp, #4]",
        "12:",
        tap!(),
        "ldr r6, [sp, #8]",
        "add r0, r6",
        "subs r7, #1",
        "bne 12b",
        "add r0, lr",
        "cmp r1, r10",
        "bne 11b",
        "b 14f",
        // Rows of three.
        "13:",
        tap!(),
        tap!(),
        tap!(),
        "add r0, lr",
        "cmp r1, r10",
        "bne 13b",
        "14:",
        "ldr r5, [sp]",
        "mov r0, r8",
        "mov r1, r11",
        "mov r2, r9",
        "mov r3, r12",
        "push {{r0, r1, r2, r3}}",
        "ldr r0, [r5, #44]",
        "mov r10, r0",
        "ldr r0, [r5, #48]",
        "mov r11, r0",
        "ldr r0, [r5, #52]",
        "mov r12, r0",
        "ldr r7, [r5, #32]",
        "ldr r0, [r5, #36]",
        "adds r0, r0, r7",
        "str r0, [r5, #32]",
        "ldr r5, [r5, #28]",
        output!(),
        output!(),
        output!(),
        output!(),
        "ldr r5, [sp]",
        "ldr r0, [r5, #40]",
        "subs r0, #1",
        "str r0, [r5, #40]",
        "beq 15f",
        "b 10b",
        "15:",
        "add sp, #12",
        leave!(),
    )
}
