use super::super::testing::i16s;
use super::*;
use crate::format::instruction::Multiplier;
use crate::op::testing::{Random, config};
use proptest::prelude::*;
use std::vec::Vec;

fn table(f: impl Fn(f64) -> f64) -> Table {
    core::array::from_fn(|i| (f(i as f64 / 512.0) * 32768.0).round().min(32767.0) as i16)
}

fn run(rows: u32, depth: u32, x_scale: f64, y: &mut [i16]) -> Option<()> {
    let scale = Multiplier::from_real(x_scale * 6553.5);
    let op = SoftmaxI16 { x: 0, y: 0, rows, depth, scale, exp_table: 0, reciprocal_table: 0 };
    softmax(&op, &table(|x| (10.0 * x - 10.0).exp()), &table(|x| 1.0 / (1.0 + x)), y)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn is_near_the_real_function(rows in 1u32..4, depth in 1u32..40, x_scale in 1e-6f64..1e-3, seed: u64) {
        let x = i16s(&mut Random::new(seed), rows * depth);
        let mut got = x.clone();
        prop_assert!(run(rows, depth, x_scale, &mut got).is_some());
        for (x, got) in x.chunks(depth as usize).zip(got.chunks(depth as usize)) {
            let exponentials: Vec<f64> = x.iter().map(|&x| (f64::from(x) * x_scale).exp()).collect();
            let sum: f64 = exponentials.iter().sum();
            for (exponential, &got) in exponentials.iter().zip(got) {
                let stored = exponential / sum * 32768.0;
                // The table of the exponential is linear over steps of 10/512.
                prop_assert!((stored - f64::from(got)).abs() <= 4.0 + stored * 1e-3, "{} is stored as {}", stored, got);
            }
        }
    }

    #[test]
    fn any_tables_are_harmless(depth in 1u32..40, seed: u64) {
        let mut random = Random::new(seed);
        let mut y = i16s(&mut random, depth);
        let tables = i16s(&mut random, 2 * POINTS);
        let op = SoftmaxI16 {
            x: 0, y: 0, rows: 1, depth, scale: random.multiplier(), exp_table: 0, reciprocal_table: 0,
        };
        let (exp, reciprocal) = tables.split_at(POINTS as usize);
        prop_assert!(softmax(&op, exp.try_into().unwrap(), reciprocal.try_into().unwrap(), &mut y).is_some());
        prop_assert!(y.iter().all(|&y| y >= 0));
    }
}

#[test]
fn one_element_is_certain() {
    let mut y = [-7];
    assert_eq!(run(1, 1, 0.1, &mut y), Some(()));
    assert!(y[0] > 32700, "{y:?}");
}
