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
    fn equals_the_literal_average(
        x_shape in hwc(7, 40), (y_h, y_w) in (1u32..4, 1u32..4), window in window(), (a, b) in (any::<i16>(), any::<i16>()),
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
        prop_assert!(average_pool2d(&op, &x, &mut got).is_some());
        let average = |(row, column, channel): (u32, u32, u32)| {
            let read = taps(&window, x_shape, row, column);
            let sum: i32 = read.iter().map(|tap| i32::from(x[at(x_shape, tap.row, tap.column, channel)])).sum();
            let n = read.len() as i32;
            let rounded = if sum > 0 { (sum + n / 2) / n } else { (sum - n / 2) / n };
            rounded.clamp(op.min.into(), op.max.into()) as i16
        };
        prop_assert_eq!(got, positions(y_shape).map(average).collect::<Vec<_>>());
    }
}

#[test]
fn padding_that_counts_is_zero() {
    let shape = Hwc { h: 1, w: 1, c: 1 };
    let window = crate::format::instruction::Window {
        kernel_h: 2,
        kernel_w: 2,
        stride_h: 1,
        stride_w: 1,
        dilation_h: 1,
        dilation_w: 1,
        pad_top: 1,
        pad_left: 1,
    };
    let op = Pool2dI16 {
        x: 0,
        y: 0,
        x_shape: shape,
        y_shape: shape,
        window,
        count_include_pad: true,
        pad_bottom: 0,
        pad_right: 0,
        min: i16::MIN,
        max: i16::MAX,
    };
    let mut y = [0];
    assert_eq!(average_pool2d(&op, &[1002], &mut y), Some(()));
    assert_eq!(y, [251]);
}
