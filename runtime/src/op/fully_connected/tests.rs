use super::super::testing::{Random, Tables, config, no_tables, rounding};
use super::*;
use crate::format::pack::quads;
use crate::ops::AllOps;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn equals_the_literal_sum(
        rows in 1u32..4, in_n in 1u32..70, out_n in 1u32..14, rounding in rounding(), seed: u64,
    ) {
        let op = FullyConnected { x: 0, y: 0, rows, in_n, out_n, weights: 0, requantize: no_tables() };
        let mut random = Random::new(seed);
        let (x, weights) = (random.i8s(rows * in_n), random.i8s(out_n * in_n));
        let tables = Tables::random(&mut random, out_n);
        let mut got = vec![0; (rows * out_n) as usize];
        prop_assert!(fully_connected::<AllOps>(&op, &x, &quads(&weights, in_n as usize), &tables.scales(rounding), &mut got).is_some());
        let literal = |(row, o): (u32, u32)| {
            let product = |i: u32| i32::from(x[(row * in_n + i) as usize]) * i32::from(weights[(o * in_n + i) as usize]);
            tables.output(rounding, o, tables.bias(o) + (0..in_n).map(product).sum::<i32>())
        };
        let expected: Vec<i8> = (0..rows).flat_map(|row| (0..out_n).map(move |o| (row, o))).map(literal).collect();
        prop_assert_eq!(got, expected);
    }
}
