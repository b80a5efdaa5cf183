use super::super::testing::{Random, config, rounding, stored};
use super::*;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn equals_the_literal_sum(
        outer in 1u32..4, n in 1u32..70, inner in 1u32..70, (x_zero_point, y_zero_point) in (any::<i8>(), any::<i8>()),
        (a, b) in (any::<i8>(), any::<i8>()), rounding in rounding(), seed: u64,
    ) {
        let mut random = Random::new(seed);
        let (min, max, scale) = (a.min(b), a.max(b), random.multiplier());
        let op = Mean { x: 0, y: 0, outer, n, inner, x_zero_point, y_zero_point, min, max, scale };
        let x = random.i8s(outer * n * inner);
        let mut got = vec![0; (outer * inner) as usize];
        prop_assert!(mean(&op, rounding, &x, &mut got).is_some());
        let literal = |(o, i): (u32, u32)| {
            let element = |k: u32| i32::from(x[((o * n + k) * inner + i) as usize]) - i32::from(x_zero_point);
            stored(scale.apply((0..n).map(element).sum(), rounding), y_zero_point, min, max)
        };
        let expected: Vec<_> = (0..outer).flat_map(|o| (0..inner).map(move |i| (o, i))).map(literal).collect();
        prop_assert_eq!(got, expected);
    }
}
