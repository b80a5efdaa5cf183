use super::super::testing::i16s;
use super::*;
use crate::format::instruction::Hwc;
use crate::op::testing::{Random, at, config, hwc, positions, taps, window};
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 100_000, ..config() })]

    #[test]
    fn equals_the_literal_maximum(
        x_shape in hwc(7, 9), (y_h, y_w) in (1u32..4, 1u32..4), window in window(), (a, b) in (any::<i16>(), any::<i16>()),
        seed: u64,
    ) {
        let y_shape = Hwc { h: y_h, w: y_w, c: x_shape.c };
        prop_assume!(window.check_pool(x_shape, y_shape).is_ok());
        let op = Pool2dI16 {
            x: 0, y: 0, x_shape, y_shape, window, count_include_pad: false, pad_bottom: 0, pad_right: 0,
            min: a.min(b), max: a.max(b),
        };
        let x = i16s(&mut Random::new(seed), x_shape.elements().unwrap());
        let mut got = vec![0; y_shape.elements().unwrap() as usize];
        prop_assert!(max_pool2d(&op, &x, &mut got).is_some());
        let largest = |(row, column, channel): (u32, u32, u32)| {
            let read = taps(&window, x_shape, row, column);
            let elements = read.iter().map(|tap| x[at(x_shape, tap.row, tap.column, channel)]);
            elements.max().unwrap().clamp(op.min, op.max)
        };
        prop_assert_eq!(got, positions(y_shape).map(largest).collect::<Vec<_>>());
    }
}
