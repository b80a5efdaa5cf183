//! Addition and multiplication with their broadcasting, operands in the arena and among the weights, in place and not.

use super::super::testing::{Random, config, rounding, stored};
use super::super::{add, mul};
use super::*;
use crate::format::Rounding;
use crate::format::instruction::{Add, Instruction, Mul, Multiplier};
use proptest::prelude::*;
use std::vec::Vec;

/// Offsets in the arena; the second operand lies among the weights at 0 if `b_constant`.
const A: u32 = 0;
const B: u32 = 400;
const Y: u32 = 800;
const ARENA_BYTES: u32 = 1200;

prop_compose! {
    fn binary()(
        b_len in 1u32..30, b_inner in 1u32..5, repeat in 1u32..4, cut in 0u32..3, b_constant: bool, in_place: bool,
        zero in any::<[i8; 3]>(), clamp in any::<[i8; 2]>(),
    ) -> Binary {
        Binary {
            a: Operand::Arena(A),
            b: if b_constant { Operand::Weights(0) } else { Operand::Arena(B) },
            y: if in_place { A } else { Y },
            len: (b_len * b_inner * repeat).saturating_sub(cut).max(1),
            b_len,
            b_inner,
            a_zero_point: zero[0],
            b_zero_point: zero[1],
            y_zero_point: zero[2],
            min: clamp[0].min(clamp[1]),
            max: clamp[0].max(clamp[1]),
        }
    }
}

/// Checks and runs `instruction` on random memory; what `f(a - a_zero_point, b - b_zero_point)` gives for every element.
fn outputs(
    binary: &Binary,
    instruction: Instruction,
    rounding: Rounding,
    seed: u64,
    f: impl Fn(i32, i32) -> i32,
) -> (Vec<i8>, Vec<i8>) {
    let mut random = Random::new(seed);
    let (mut arena, weights) = (random.bytes(ARENA_BYTES), random.bytes(400));
    let at = |bytes: &[u8], i: u32| i32::from(bytes[i as usize] as i8);
    let b = |i: u32| match binary.b {
        Operand::Arena(offset) => at(&arena, offset + i),
        Operand::Weights(offset) => at(&weights, offset + i),
    };
    let literal = |i: u32| {
        let a = at(&arena, A + i) - i32::from(binary.a_zero_point);
        let b = b(i / binary.b_inner % binary.b_len) - i32::from(binary.b_zero_point);
        stored(f(a, b), binary.y_zero_point, binary.min, binary.max)
    };
    let expected = (0..binary.len).map(literal).collect();
    let limits = Limits { arena_bytes: ARENA_BYTES, weights: &weights, rounding };
    let mut memory = Memory { arena: &mut arena, weights: &weights, rounding };
    let done = match instruction {
        Instruction::Add(op) => add::check(&op, &limits).map(|()| add::run(&op, &mut memory)),
        Instruction::Mul(op) => mul::check(&op, &limits).map(|()| mul::run(&op, &mut memory)),
        other => panic!("{other:?} is no such operation"),
    };
    assert_eq!(done, Ok(Some(())));
    let y = binary.y as usize;
    (arena[y..y + binary.len as usize].iter().map(|&y| y as i8).collect(), expected)
}

/// `round(x * 2^-shift)`, ties up.
fn divide_ties_up(x: i64, shift: u32) -> i32 {
    (x as f64 / f64::from(1u32 << shift) + 0.5).floor() as i32
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn tflite_addition_equals_its_definition(binary in binary(), left_shift in 0u8..=20, seed: u64) {
        let mut random = Random::new(seed ^ 1);
        let [a_scale, b_scale] = [0; 2].map(|_| Multiplier { shift: -(random.next() as i8 & 3), ..random.multiplier() });
        let y_scale = Multiplier { shift: 2 - left_shift.max(2) as i8, ..random.multiplier() };
        let op = Add { binary, left_shift, a_scale, b_scale, y_scale };
        let (got, expected) = outputs(&binary, Instruction::Add(op), Rounding::Tflite, seed, |a, b| {
            let [a, b] = [(a, a_scale), (b, b_scale)].map(|(x, by)| by.apply(x * (1 << left_shift), Rounding::Tflite));
            y_scale.apply(a + b, Rounding::Tflite)
        });
        prop_assert_eq!(got, expected);
    }

    #[test]
    fn single_addition_rounds_the_sum_once(
        binary in binary(), factors in [-(1i32 << 21)..=1 << 21, -(1i32 << 21)..=1 << 21], down in 1u32..=30, seed: u64,
    ) {
        let [a_scale, b_scale] = factors.map(|multiplier| Multiplier { multiplier, shift: 0 });
        let y_scale = Multiplier { multiplier: 0, shift: -(down as i8) };
        let op = Add { binary, left_shift: 0, a_scale, b_scale, y_scale };
        let (got, expected) = outputs(&binary, Instruction::Add(op), Rounding::Single, seed, |a, b| {
            divide_ties_up(i64::from(a) * i64::from(factors[0]) + i64::from(b) * i64::from(factors[1]), down)
        });
        prop_assert_eq!(got, expected);
    }

    #[test]
    fn multiplication_scales_the_product(binary in binary(), rounding in rounding(), seed: u64) {
        let scale = Random::new(seed ^ 1).multiplier();
        let op = Mul { binary, scale };
        let product = |a: i32, b: i32| scale.apply(a * b, rounding);
        let (got, expected) = outputs(&binary, Instruction::Mul(op), rounding, seed, product);
        prop_assert_eq!(got, expected);
    }
}
