//! Addition with the roundings of the TensorFlow Lite reference kernel.

use super::super::{Addition, Channel, ShiftBase, Term, portable};
use super::clamp;
use core::arch::asm;

/// Elements whose first terms are held on the stack at a time.
const BLOCK: usize = 64;

/// The left shift that the reference kernel uses, and the doubling of the high product.
const LEFT: u32 = 21;

/// A [`Term`] as the assembly reads it.
struct Operand {
    zero: i32,
    half: i32,
    /// All ones if rounding is away from zero: there is a place to round.
    away: i32,
    shift: i32,
}

impl Operand {
    fn new(term: &Term) -> Option<Self> {
        let shift = i32::from(term.scale.shift).wrapping_neg();
        (0..=23).contains(&shift).then_some(Self {
            zero: i32::from(term.zero_point).wrapping_shl(LEFT),
            half: if shift == 0 { 0 } else { 1i32.wrapping_shl((shift as u32).wrapping_sub(1)) },
            away: if shift == 0 { 0 } else { -1 },
            shift,
        })
    }
}

/// See [`portable::add_tflite`]. 25 instructions an element.
#[inline(never)]
pub(crate) fn add_tflite(addition: &Addition, a: &[i8], b: &[i8], y: &mut [i8]) {
    let (Some(first), Some(second)) = (Operand::new(&addition.a), Operand::new(&addition.b)) else {
        return portable::add_tflite(addition, a, b, y);
    };
    let mut output = Channel::default();
    let base = ShiftBase::new(addition.store.rounding, addition.y_zero_point);
    if output.scale(addition.y_scale.multiplier, addition.y_scale.shift, base).is_none()
        || addition.left_shift + 1 != LEFT
    {
        return portable::add_tflite(addition, a, b, y);
    }
    let mut terms = [0i32; BLOCK];
    let blocks = y.chunks_mut(BLOCK).zip(a.chunks(BLOCK)).zip(b.chunks(BLOCK));
    for ((y, a), b) in blocks {
        let n = y.len().min(a.len()).min(b.len());
        if n == 0 {
            return;
        }
        // SAFETY: reads `n` elements of `a` and writes as many terms, which both have.
        unsafe {
            asm!(
                "21:",
                "ldrsb {x}, [{a}], #1",
                "rsb {x}, {zero}, {x}, lsl #21",
                "smmlar {t}, {x}, {multiplier}, {half}",
                "and {x}, {away}, {x}, asr #31",
                "add {t}, {t}, {x}",
                "asr {t}, {t}, {shift}",
                "str {t}, [{terms}], #4",
                "subs {n}, {n}, #1",
                "bne 21b",
                a = inout(reg) a.as_ptr() => _, terms = inout(reg) terms.as_mut_ptr() => _, n = inout(reg) n => _,
                zero = in(reg) first.zero, multiplier = in(reg) addition.a.scale.multiplier, half = in(reg) first.half,
                away = in(reg) first.away, shift = in(reg) first.shift, x = out(reg) _, t = out(reg) _,
                options(nostack),
            );
        }
        let of_second = [second.zero, addition.b.scale.multiplier, second.half, second.away, second.shift];
        let of_output = output.parts();
        // SAFETY: reads `n` elements of `b` and terms, and writes as many of `y`, which all have; and the eight words
        // above. r6 and r7, which cannot be operands, are saved.
        unsafe {
            asm!(
                "push {{r6, r7}}",
                "ldm r4, {{r4, r5, r6, r7, r8}}",
                "ldm r9, {{r9, r10, r11}}",
                "21:",
                "ldrsb r12, [r0], #1",
                "rsb r12, r4, r12, lsl #21",
                "smmlar lr, r12, r5, r6",
                "and r12, r7, r12, asr #31",
                "add lr, lr, r12",
                "ldr r12, [r1], #4",
                "asr lr, lr, r8",
                "add lr, lr, r12",
                "add lr, lr, lr",
                "smmlar r12, lr, r9, r10",
                "add r12, r12, lr, asr #31",
                "asr r12, r12, r11",
                "ssat r12, #8, r12",
                "strb r12, [r2], #1",
                "subs r3, r3, #1",
                "bne 21b",
                "pop {{r6, r7}}",
                inout("r0") b.as_ptr() => _, inout("r1") terms.as_ptr() => _, inout("r2") y.as_mut_ptr() => _,
                inout("r3") n => _, inout("r4") of_second.as_ptr() => _, inout("r9") of_output.as_ptr() => _,
                out("r5") _, out("r8") _, out("r10") _, out("r11") _, out("r12") _, out("lr") _,
            );
        }
        clamp(y, addition.store);
    }
}
