use super::super::testing::{Random, config};
use super::*;
use crate::format::instruction::Multiplier;
use proptest::prelude::*;
use std::vec::Vec;

/// The instruction for an input scale, as the definition of `Softmax` asks.
fn op(rows: u32, depth: u32, x_scale: f64) -> Softmax {
    let scale = Multiplier::from_real(x_scale * f64::from(1u32 << 26));
    let radius = 31.0 * f64::from(1u32 << 26) / 2f64.powi(scale.shift.into());
    Softmax { x: 0, y: 0, rows, depth, scale, diff_min: -(radius.floor() as i32) }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn is_within_one_step_of_the_real_function(
        rows in 1u32..4, depth in 1u32..40, x_scale in 0.001f64..1.0, seed: u64,
    ) {
        let x = Random::new(seed).i8s(rows * depth);
        let mut got = x.clone();
        prop_assert!(softmax(&op(rows, depth, x_scale), &mut got).is_some());
        for (x, got) in x.chunks(depth as usize).zip(got.chunks(depth as usize)) {
            let exponentials: Vec<f64> = x.iter().map(|&x| (f64::from(x) * x_scale).exp()).collect();
            let sum: f64 = exponentials.iter().sum();
            for (exponential, &got) in exponentials.iter().zip(got) {
                let stored = (exponential / sum * 256.0 - 128.0).min(127.0);
                prop_assert!((stored - f64::from(got)).abs() <= 1.0, "{} is stored as {}", stored, got);
            }
        }
    }
}

/// Every exponential computed where it is used.
fn literal(op: &Softmax, x: &[i8]) -> Vec<i8> {
    let max = i32::from(*x.iter().max().unwrap());
    let exponentials: Vec<Option<i32>> = x.iter().map(|&x| op.exponential(i32::from(x) - max)).collect();
    let terms = exponentials.iter().flatten().map(|&e| rounding_divide_by_power_of_two(e, SUM_INTEGER_BITS));
    let (reciprocal, bits_over_unit) = reciprocal(terms.sum::<i32>() as u32);
    let output = |exponential: i32| {
        let product = doubling_high_multiply(reciprocal, exponential);
        let value = rounding_divide_by_power_of_two(product, bits_over_unit.wrapping_add(31 - 8)) - 128;
        value.clamp(-128, 127) as i8
    };
    exponentials.iter().map(|e| e.map_or(-128, output)).collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn rows_of_any_length_equal_the_literal_sum(
        rows in 1u32..3, depth in prop_oneof![1u32..40, 200u32..1000], x_scale in 0.0001f64..2.0, seed: u64,
    ) {
        let op = op(rows, depth, x_scale);
        let x = Random::new(seed).i8s(rows * depth);
        let mut got = x.clone();
        prop_assert!(softmax(&op, &mut got).is_some());
        let expected: Vec<i8> = x.chunks(depth as usize).flat_map(|row| literal(&op, row)).collect();
        prop_assert_eq!(got, expected);
    }
}

#[test]
fn one_element_is_certain() {
    let mut y = [-7];
    assert_eq!(softmax(&op(1, 1, 0.1), &mut y), Some(()));
    assert_eq!(y, [127]);
}

#[test]
fn differences_beyond_the_radius_give_zero() {
    let mut y = [127, -128, -128];
    assert_eq!(softmax(&op(1, 3, 1.0), &mut y), Some(()));
    assert_eq!(y, [127, -128, -128]);
}
