use super::super::strips::Job;
use super::output::output;
use core::arch::naked_asm;

/// Four channels of one tap in 12 instructions. Sums of channels 0 to 3 are in `r4`, `r6`, `r5` and `r7`.
macro_rules! tap {
    () => {
        "ldrsh r2, [r0], #2
         ldrsh r3, [r1], #2
         mla r4, r2, r3, r4
         ldrsh r2, [r0], #2
         ldrsh r3, [r1], #2
         mla r5, r2, r3, r5
         ldrsh r2, [r0], #2
         ldrsh r3, [r1], #2
         mla r6, r2, r3, r6
         ldrsh r2, [r0], #2
         ldrsh r3, [r1], #2
         mla r7, r2, r3, r7"
    };
}

/// # Safety
/// `job` describes memory that there is, as [`strips`](super::super::strips) does.
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn convolve_strips(job: &mut Job) {
    naked_asm!(
        "push {{r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
        "sub sp, #20",
        "str r0, [sp, #16]",
        "mov r12, r0",
        // An output. Sums start with the biases.
        "10:",
        "ldrd r2, r3, [r12, #24]",
        "ldr r4, [r3]",
        "ldr r6, [r3, #16]",
        "ldr r5, [r3, #32]",
        "ldr r7, [r3, #48]",
        "ldm r12, {{r0, r1, r8, r9, r10}}",
        "add r2, r0",
        "str r2, [r12]",
        "ldr r11, [r12, #20]",
        "cmp r11, #0",
        "beq 13f",
        // Rows of any number of taps.
        "11:",
        "ldr r11, [r12, #20]",
        "12:",
        tap!(),
        "add r0, r10",
        "subs r11, #1",
        "bne 12b",
        "add r0, r9",
        "cmp r1, r8",
        "bne 11b",
        "b 14f",
        // Rows of three.
        "13:",
        tap!(),
        tap!(),
        tap!(),
        "add r0, r9",
        "cmp r1, r8",
        "bne 13b",
        "14:",
        "strd r4, r6, [sp]",
        "strd r5, r7, [sp, #8]",
        "ldrd r8, r7, [r12, #28]",
        "ldr r0, [r12, #36]",
        "add r0, r7",
        "str r0, [r12, #32]",
        "ldrd r10, r11, [r12, #44]",
        "ldr r12, [r12, #52]",
        "mov r9, sp",
        output!(),
        output!(),
        output!(),
        output!(),
        "ldr r12, [sp, #16]",
        "ldr r0, [r12, #40]",
        "subs r0, #1",
        "str r0, [r12, #40]",
        "bne 10b",
        "add sp, #20",
        "pop {{r4, r5, r6, r7, r8, r9, r10, r11, pc}}",
    )
}
