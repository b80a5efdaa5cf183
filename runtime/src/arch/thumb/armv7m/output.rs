//! From sums to outputs: [`Channel::output`](super::super::super::Channel::output) for assembly.

use core::arch::naked_asm;

/// `r6 = clamp((r6 + round) >> shift)`, and back to the caller.
macro_rules! shift_clamp {
    () => {
        "add r6, r2
         asr r6, r6, r3
         cmp r6, r10
         bge 21f
         mov r6, r10
         21:
         cmp r6, r11
         ble 22f
         mov r6, r11
         22:
         bx lr"
    };
}

/// `r6 = output(r0)` of the channel with `multiplier`, `round` and `shift` in `r1`, `r2` and `r3`, between `r10` and
/// `r11`. Uses `r4`.
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn scale_single() {
    naked_asm!("smull r4, r6, r0, r1", shift_clamp!())
}

/// As [`scale_single`]; `(product + 2^30) >> 31`, less 1 for negative sums.
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn scale_tflite() {
    naked_asm!(
        "smull r4, r6, r0, r1",
        "adds r4, r4, #0x40000000",
        "adc r6, r6, #0",
        "adds r4, r4, r4",
        "adc r6, r6, r6",
        "add r6, r6, r0, asr #31",
        shift_clamp!()
    )
}

/// Writes the sum `r0` to `r10`, which goes on to the next.
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn keep() {
    naked_asm!("str r0, [r10], #4", "bx lr")
}

/// Writes the output of a sum at `r9`, of the channel at `r8`, to `r7`; all three go on to the next. The function for it
/// is in `r12`, its limits in `r10` and `r11`.
macro_rules! output {
    () => {
        "ldm r8!, {{r0, r1, r2, r3}}
         ldr r0, [r9], #4
         blx r12
         strb r6, [r7], #1"
    };
}
pub(super) use output;
