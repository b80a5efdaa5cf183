use super::super::super::Channel;
use super::super::add::Operand;
use super::super::limits::Limits;
use core::arch::naked_asm;

/// Adds the terms of elements to sums. 14 instructions each.
///
/// # Safety
/// `sums` and `end` are ends of a slice that is not empty; `x` has as many elements.
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn add_terms(x: *const i8, sums: *mut i32, end: *const i32, operand: &Operand) {
    naked_asm!(
        "push {{r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
        "ldm r3, {{r6, r7, r8, r9, r10, r11}}",
        "mov r12, #0x400",
        "1:",
        "ldrsb r3, [r0], #1",
        "add r3, r6",
        "mla r4, r3, r7, r12",
        "asr r4, r4, #11",
        "mla r4, r3, r8, r4",
        "and r5, r10, r4, asr #31",
        "add r4, r5",
        "add r4, r9",
        "asr r4, r4, r11",
        "ldr r5, [r1]",
        "add r4, r5",
        "str r4, [r1], #4",
        "cmp r1, r2",
        "bne 1b",
        "pop {{r4, r5, r6, r7, r8, r9, r10, r11, pc}}",
    )
}

/// Writes the outputs of sums, all of one channel.
///
/// # Safety
/// `sums` and `end` are ends of a slice that is not empty; `y` has as many elements.
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn scale_sums(
    sums: *const i32,
    end: *const i32,
    y: *mut i8,
    limits: &Limits,
    channel: &Channel,
) {
    naked_asm!(
        "push {{r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
        "mov r9, r0",
        "mov r8, r1",
        "mov r7, r2",
        "ldm r3, {{r10, r11, r12}}",
        "ldr r0, [sp, #36]",
        "ldm r0, {{r0, r1, r2, r3}}",
        "1:",
        "ldr r0, [r9], #4",
        "blx r12",
        "strb r6, [r7], #1",
        "cmp r9, r8",
        "bne 1b",
        "pop {{r4, r5, r6, r7, r8, r9, r10, r11, pc}}",
    )
}
