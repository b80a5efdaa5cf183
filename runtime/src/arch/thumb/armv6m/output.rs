//! From sums to outputs without a 64-bit product: [`Channel::output`](super::super::super::Channel::output) in pieces of 16 bits.

use super::super::limits::Function;
use crate::format::Rounding;
use core::arch::naked_asm;

/// The function that takes sums to outputs.
pub(in super::super) fn scale(rounding: Rounding, _full_range: bool) -> Function {
    match rounding {
        Rounding::Single => scale_single,
        Rounding::Tflite => scale_tflite,
    }
}

/// The sum `r0` times the multiplier with halves `r3` (low) and `r4`: leaves `high` and `mid` with
/// `product >> 16 = (high << 16) + mid` in `r2` and `r6`, and uses `r1`. With a sum in `-2^30..2^30`, the sum's low half
/// taken as signed, and a multiplier below `2^31`, nothing leaves 32 bits. `$before` may still use `r0`.
macro_rules! multiply {
    () => {
        "sxth r1, r0
         subs r2, r0, r1
         asrs r2, r2, #16
         mov r6, r1
         muls r6, r3, r6
         asrs r6, r6, #16
         muls r1, r4, r1
         adds r6, r6, r1
         mov r1, r2
         muls r1, r3, r1
         adds r6, r6, r1
         muls r2, r4, r2"
    };
}

/// `r2 = clamp((r2 + round) >> shift)`, and back to the caller.
macro_rules! shift_clamp {
    () => {
        "add r2, r8
         mov r1, r9
         asrs r2, r1
         cmp r2, r10
         bge 21f
         mov r2, r10
         21:
         cmp r2, r11
         ble 22f
         mov r2, r11
         22:
         bx lr"
    };
}

/// `r2 = output(r0)` of the channel with multiplier halves `r3` and `r4`, `r8` as `round`, `r9` as `shift`, between `r10`
/// and `r11`. Uses `r1` and `r6`.
#[unsafe(naked)]
unsafe extern "C" fn scale_single() {
    naked_asm!(multiply!(), "asrs r6, r6, #16", "adds r2, r2, r6", shift_clamp!())
}

/// As [`scale_single`]. Rounds by adding the last bit that is shifted out, and subtracts 1 of negative sums.
#[unsafe(naked)]
unsafe extern "C" fn scale_tflite() {
    naked_asm!(
        multiply!(),
        "adds r2, r2, r2",
        "asrs r6, r6, #15",
        "adcs r2, r6",
        "asrs r0, r0, #31",
        "adds r2, r2, r0",
        shift_clamp!()
    )
}

/// Writes the sum `r0` to `r10`, which goes on to the next.
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn keep() {
    naked_asm!("mov r1, r10", "str r0, [r1]", "adds r1, #4", "mov r10, r1", "bx lr")
}

/// Takes a sum from the stack and writes the output of the channel at `r5` to `r7`, both of which go on to the next. The
/// function for it is in `r12`, its limits in `r10` and `r11`.
macro_rules! output {
    () => {
        "ldm r5!, {{r0, r1, r2, r6}}
         uxth r3, r1
         lsrs r4, r1, #16
         mov r8, r2
         mov r9, r6
         pop {{r0}}
         blx r12
         strb r2, [r7]
         adds r7, #1"
    };
}
pub(super) use output;

/// Saves all registers that belong to the caller.
macro_rules! enter {
    () => {
        "push {{r4, r5, r6, r7, lr}}
         mov r4, r8
         mov r5, r9
         mov r6, r10
         mov r7, r11
         push {{r4, r5, r6, r7}}"
    };
}
pub(super) use enter;

/// Restores what [`enter`] saved, and returns.
macro_rules! leave {
    () => {
        "pop {{r4, r5, r6, r7}}
         mov r8, r4
         mov r9, r5
         mov r10, r6
         mov r11, r7
         pop {{r4, r5, r6, r7, pc}}"
    };
}
pub(super) use leave;
