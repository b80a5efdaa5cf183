use super::super::super::Channel;
use super::super::add::Operand;
use super::super::limits::Limits;
use super::output::{enter, leave};
use core::arch::naked_asm;

/// Adds the terms of elements to sums. 20 instructions each.
///
/// # Safety
/// `sums` and `end` are ends of a slice that is not empty; `x` has as many elements.
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn add_terms(x: *const i8, sums: *mut i32, end: *const i32, operand: &Operand) {
    naked_asm!(
        enter!(),
        "mov r11, r2",
        "ldm r3!, {{r4, r5, r6}}",
        "mov r8, r4",
        "mov r2, r5",
        "ldm r3!, {{r4, r5, r7}}",
        "mov r9, r4",
        "mov r12, r5",
        "mov r3, r6",
        "mov r6, r7",
        "movs r4, #1",
        "lsls r4, r4, #10",
        "mov r10, r4",
        "1:",
        "ldrb r4, [r0]",
        "adds r0, #1",
        "sxtb r4, r4",
        "add r4, r8",
        "mov r5, r4",
        "muls r5, r2, r5",
        "add r5, r10",
        "asrs r5, r5, #11",
        "muls r4, r3, r4",
        "adds r4, r4, r5",
        "asrs r5, r4, #31",
        "mov r7, r12",
        "ands r5, r7",
        "adds r4, r4, r5",
        "add r4, r9",
        "asrs r4, r6",
        "ldr r5, [r1]",
        "adds r4, r4, r5",
        "stm r1!, {{r4}}",
        "cmp r1, r11",
        "bne 1b",
        leave!(),
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
        enter!(),
        "push {{r1}}",
        "mov r5, r2",
        "mov r7, r0",
        "ldm r3!, {{r0, r1, r2}}",
        "mov r10, r0",
        "mov r11, r1",
        "mov r12, r2",
        "ldr r0, [sp, #40]",
        "ldm r0!, {{r1, r2, r3, r4}}",
        "mov r8, r3",
        "mov r9, r4",
        "uxth r3, r2",
        "lsrs r4, r2, #16",
        "1:",
        "ldm r7!, {{r0}}",
        "blx r12",
        "strb r2, [r5]",
        "adds r5, #1",
        "ldr r0, [sp]",
        "cmp r7, r0",
        "bne 1b",
        "add sp, #4",
        leave!(),
    )
}
