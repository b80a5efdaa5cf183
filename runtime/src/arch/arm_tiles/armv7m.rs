//! One product an instruction. Pairs of elements are added and subtracted as the sum `x0 + (x1 << 16)` in a word.

/// First line of a function in assembly: nothing to say.
macro_rules! cpu {
    () => {
        ""
    };
}

/// See [`single`](super::super::arm_dsp); changes `r0` and `r1`.
macro_rules! single {
    ($sum:literal, $spare:literal) => {
        concat!("smull r0, r1, ", $sum, ", r3\n", "add ", $sum, ", r1, r4\n", shift!($sum))
    };
}

/// As [`single`], for `Rounding::Tflite`.
macro_rules! tflite {
    ($sum:literal, $spare:literal) => {
        concat!(
            "add ",
            $sum,
            ", ",
            $sum,
            ", ",
            $sum,
            "\n",
            "smull r0, r1, ",
            $sum,
            ", r3\n",
            "lsls r0, r0, #1\n",
            "adc r1, r1, r4\n",
            "add ",
            $sum,
            ", r1, ",
            $sum,
            ", asr #31\n",
            shift!($sum),
        )
    };
}

macro_rules! shift {
    ($sum:literal) => {
        concat!("asr ", $sum, ", ", $sum, ", r5\n", "ssat ", $sum, ", #8, ", $sum, "\n")
    };
}

/// Two channels of four tiles, at `r0`, times their weights in two filters, at `r1`, to `r4` to `r7` and `r8` to `r11`.
macro_rules! pair {
    () => {
        concat!(channel!("0", "4", "8", "12"), channel!("2", "6", "10", "14"), "adds r0, #16\n", "adds r1, #8\n")
    };
}

/// One of the two, `$a` bytes behind in inputs of the first tile and weights of the first filter.
macro_rules! channel {
    ($a:literal, $b:literal, $c:literal, $d:literal) => {
        concat!(
            "ldrsh r12, [r1, #",
            $a,
            "]\n",
            "ldrsh lr, [r1, #",
            $b,
            "]\n",
            "ldrsh r2, [r0, #",
            $a,
            "]\n",
            "ldrsh r3, [r0, #",
            $b,
            "]\n",
            "mla r4, r2, r12, r4\n",
            "mla r8, r2, lr, r8\n",
            "mla r5, r3, r12, r5\n",
            "mla r9, r3, lr, r9\n",
            "ldrsh r2, [r0, #",
            $c,
            "]\n",
            "ldrsh r3, [r0, #",
            $d,
            "]\n",
            "mla r6, r2, r12, r6\n",
            "mla r10, r2, lr, r10\n",
            "mla r7, r3, r12, r7\n",
            "mla r11, r3, lr, r11\n",
        )
    };
}

/// Four packed bytes in `$odd`, less the zero point: the first and the third in `$even`, the others in `$odd`. Changes
/// `lr`.
macro_rules! widen {
    ($even:literal, $odd:literal) => {
        concat!(
            "sxtb ",
            $even,
            ", ",
            $odd,
            "\n",
            "sxtb lr, ",
            $odd,
            ", ror #16\n",
            "add ",
            $even,
            ", ",
            $even,
            ", lr, lsl #16\n",
            "add ",
            $even,
            ", ",
            $even,
            ", r3\n",
            "sxtb lr, ",
            $odd,
            ", ror #8\n",
            "asr ",
            $odd,
            ", ",
            $odd,
            ", #24\n",
            "add ",
            $odd,
            ", lr, ",
            $odd,
            ", lsl #16\n",
            "add ",
            $odd,
            ", ",
            $odd,
            ", r3\n",
        )
    };
}

/// Sum of two pairs of elements.
macro_rules! add {
    ($to:literal, $a:literal, $b:literal) => {
        concat!("add ", $to, ", ", $a, ", ", $b, "\n")
    };
}

/// Difference of two pairs of elements.
macro_rules! sub {
    ($to:literal, $a:literal, $b:literal) => {
        concat!("sub ", $to, ", ", $a, ", ", $b, "\n")
    };
}

/// What arithmetic leaves in `lr` as two elements: the lower one, if negative, has taken 1 from the upper one.
macro_rules! pack {
    () => {
        "add lr, lr, #0x8000\neor lr, lr, #0x8000\n"
    };
}

/// One column less to go: they are counted in `lr`, and in memory where that is needed for other things.
macro_rules! count_down {
    () => {
        "ldr lr, [sp, #36]
         subs lr, lr, #1
         str lr, [sp, #36]"
    };
}

/// The zero point, negative, as a pair of elements.
pub(super) fn less(x_zero_point: i8) -> u32 {
    i32::from(x_zero_point).wrapping_mul(0x1_0001).wrapping_neg() as u32
}

pub(super) use {add, channel, count_down, cpu, pack, pair, shift, single, sub, tflite, widen};
