//! Two 16-bit elements an instruction.

pub(super) use super::super::arm_dsp::{cpu, single, tflite};

/// Two channels of four tiles, at `r0`, times their weights in two filters, at `r1`, to `r4` to `r7` and `r8` to `r11`.
macro_rules! pair {
    () => {
        "ldm r1!, {{r12, lr}}
         ldm r0!, {{r2, r3}}
         smlad r4, r2, r12, r4
         smlad r8, r2, lr, r8
         smlad r5, r3, r12, r5
         smlad r9, r3, lr, r9
         ldm r0!, {{r2, r3}}
         smlad r6, r2, r12, r6
         smlad r10, r2, lr, r10
         smlad r7, r3, r12, r7
         smlad r11, r3, lr, r11"
    };
}

/// Four packed bytes in `$odd`, less the zero point: the first and the third in `$even`, the others in `$odd`.
macro_rules! widen {
    ($even:literal, $odd:literal) => {
        concat!("sxtab16 ", $even, ", r3, ", $odd, "\n", "sxtab16 ", $odd, ", r3, ", $odd, ", ror #8\n")
    };
}

/// Sum of two pairs of elements.
macro_rules! add {
    ($to:literal, $a:literal, $b:literal) => {
        concat!("sadd16 ", $to, ", ", $a, ", ", $b, "\n")
    };
}

/// Difference of two pairs of elements.
macro_rules! sub {
    ($to:literal, $a:literal, $b:literal) => {
        concat!("ssub16 ", $to, ", ", $a, ", ", $b, "\n")
    };
}

/// What arithmetic leaves in `lr` as two elements.
macro_rules! pack {
    () => {
        ""
    };
}

/// One column less to go: they are counted in `lr`, and in memory where that is needed for other things.
macro_rules! count_down {
    () => {
        "subs lr, lr, #1"
    };
}

/// The zero point, negative, as a pair of elements.
pub(super) fn less(x_zero_point: i8) -> u32 {
    let half = u32::from(i16::from(x_zero_point).wrapping_neg() as u16);
    half | half << 16
}

pub(super) use {add, count_down, pack, pair, sub, widen};
