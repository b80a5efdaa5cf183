use super::super::testing::{Places, Random, at, config, hwc, positions, taps, window};
use super::*;
use crate::format::instruction::Hwc;
use crate::format::instruction::RowOrder;
use proptest::prelude::*;
use std::vec::Vec;

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 100_000, ..config() })]

    #[test]
    fn equals_the_literal_maximum(
        x_shape in hwc(7, 9), (y_h, y_w) in (1u32..4, 1u32..4), window in window(), (a, b) in (any::<i8>(), any::<i8>()),
        seed: u64,
    ) {
        let y_shape = Hwc { h: y_h, w: y_w, c: x_shape.c };
        prop_assume!(window.check_pool(x_shape, y_shape).is_ok());
        let op = Pool2d {
            x: 0, y: 0, x_shape, y_shape, window, count_include_pad: false, pad_bottom: 0, pad_right: 0, zero_point: 0,
            min: a.min(b), max: a.max(b),
        };
        let x = Random::new(seed).i8s(x_shape.elements().unwrap());
        let (x_len, y_len) = (x.len() as u32, y_shape.elements().unwrap());
        let largest = |(row, column, channel): (u32, u32, u32)| {
            let read = taps(&window, x_shape, row, column);
            let elements = read.iter().map(|tap| x[at(x_shape, tap.row, tap.column, channel)]);
            elements.max().unwrap().clamp(op.min, op.max)
        };
        let expected: Vec<i8> = positions(y_shape).map(largest).collect();
        for places in [
            Places::apart(x_len, 0, y_len),
            Places::overlapping(x_len, 0, y_len, op.distances(), RowOrder::TopDown),
        ] {
            let got = places.run(&x, 0, y_len, |memory| max_pool2d(&op, memory));
            prop_assert_eq!(got, Some(expected.clone()));
        }
    }
}
