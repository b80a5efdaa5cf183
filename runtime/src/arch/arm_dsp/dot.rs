//! Products of int16 activations with int8 weights.

use super::super::portable;
use core::arch::asm;

/// See [`portable::dot_pair_i16`]. 16 instructions for eight products.
#[inline]
pub(crate) fn dot_pair_i16(x: &[i16], a: &[i8], b: &[i8]) -> [i32; 2] {
    let quads = x.len().min(a.len()).min(b.len()) / 4;
    let mut sums = [0i32; 2];
    if quads > 0 {
        let [first, second] = &mut sums;
        // SAFETY: reads `quads` times two words from `x` and one from each of `a` and `b`, which hold as many by the
        // comparison above, at any address, as LDR may on these cores. Writes no memory.
        unsafe {
            asm!(
                "21:",
                "ldr {even}, [{x}], #4",
                "ldr {odd}, [{x}], #4",
                "ldr {w}, [{a}], #4",
                // Elements 0 and 2, then 1 and 3: the order that widening packed bytes gives.
                "pkhbt {t}, {even}, {odd}, lsl #16",
                "pkhtb {odd}, {odd}, {even}, asr #16",
                "sxtb16 {even}, {w}",
                "sxtb16 {w}, {w}, ror #8",
                "smlad {first}, {t}, {even}, {first}",
                "smlad {first}, {odd}, {w}, {first}",
                "ldr {w}, [{b}], #4",
                "sxtb16 {even}, {w}",
                "sxtb16 {w}, {w}, ror #8",
                "smlad {second}, {t}, {even}, {second}",
                "smlad {second}, {odd}, {w}, {second}",
                "subs {n}, {n}, #1",
                "bne 21b",
                n = inout(reg) quads => _, x = inout(reg) x.as_ptr() => _, a = inout(reg) a.as_ptr() => _,
                b = inout(reg) b.as_ptr() => _, first = inout(reg) *first, second = inout(reg) *second,
                even = out(reg) _, odd = out(reg) _, w = out(reg) _, t = out(reg) _,
                options(nostack, readonly),
            );
        }
    }
    let done = quads.wrapping_mul(4);
    if let (Some(x), Some(a), Some(b)) = (x.get(done..), a.get(done..), b.get(done..)) {
        let [first, second] = portable::dot_pair_i16(x, a, b);
        sums = [sums[0].wrapping_add(first), sums[1].wrapping_add(second)];
    }
    sums
}
