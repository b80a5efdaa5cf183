use super::super::testing::i16s;
use super::*;
use crate::op::testing::{Random, config, rounding};
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn equals_the_literal_sum(
        outer in 1u32..4, n in 1u32..70, inner in 1u32..70, (a, b) in (any::<i16>(), any::<i16>()),
        rounding in rounding(), seed: u64,
    ) {
        let mut random = Random::new(seed);
        let (min, max, scale) = (a.min(b), a.max(b), random.multiplier());
        let op = MeanI16 { x: 0, y: 0, outer, n, inner, min, max, scale };
        let x = i16s(&mut random, outer * n * inner);
        let mut got = vec![0; (outer * inner) as usize];
        prop_assert!(mean(&op, rounding, &x, &mut got).is_some());
        let literal = |(o, i): (u32, u32)| {
            let element = |k: u32| i32::from(x[((o * n + k) * inner + i) as usize]);
            scale.apply((0..n).map(element).sum(), rounding).clamp(min.into(), max.into()) as i16
        };
        let expected: Vec<_> = (0..outer).flat_map(|o| (0..inner).map(move |i| (o, i))).map(literal).collect();
        prop_assert_eq!(got, expected);
    }
}
