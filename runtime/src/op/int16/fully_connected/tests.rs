use super::super::testing::{Tables, i16s, no_tables};
use super::*;
use crate::format::pack::filter_rows;
use crate::op::testing::{Random, config, rounding};
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

/// Inputs whose products are added up in more than one piece; Miri would take minutes for them.
const LONG: u32 = if cfg!(miri) { 5 } else { 500 };

proptest! {
    #![proptest_config(config())]

    #[test]
    fn equals_the_literal_sum(
        rows in 1u32..4, in_n in prop_oneof![1u32..70, LONG..LONG * 12 / 5], out_n in 1u32..14, ends: bool,
        rounding in rounding(), seed: u64,
    ) {
        let op = FullyConnectedI16 { x: 0, y: 0, rows, in_n, out_n, weights: 0, requantize: no_tables() };
        let mut random = Random::new(seed);
        let (mut x, mut weights) = (i16s(&mut random, rows * in_n), random.i8s(out_n * in_n));
        if ends {
            // Sums that need more than 32 bits.
            x.fill(i16::MIN);
            weights.fill(i8::MIN);
        }
        let tables = Tables::random(&mut random, out_n, rounding);
        let mut got = vec![0; (rows * out_n) as usize];
        let packed = filter_rows(&weights, in_n as usize);
        prop_assert!(fully_connected(&op, &x, &packed, &tables.scales(rounding), &mut got).is_some());
        let literal = |(row, o): (u32, u32)| {
            let product = |i: u32| i64::from(x[(row * in_n + i) as usize]) * i64::from(weights[(o * in_n + i) as usize]);
            tables.output(rounding, o, (0..in_n).map(product).sum())
        };
        let expected: Vec<i16> = (0..rows).flat_map(|row| (0..out_n).map(move |o| (row, o))).map(literal).collect();
        prop_assert_eq!(got, expected);
    }
}
