use super::super::testing::{Tables, i16s, no_tables, run};
use super::*;
use crate::format::instruction::{Hwc, RowOrder, Window};
use crate::op::testing::{Random, at, config, hwc, order, positions, rounding, taps, window};
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn equals_the_literal_sum(
        x_shape in hwc(6, 40), y in hwc(5, 1), per_input in 1u32..4, window in window(), rounding in rounding(),
        order in order(), seed: u64,
    ) {
        let y_shape = Hwc { c: x_shape.c * per_input, ..y };
        let op = DepthwiseConv2dI16 { x: 0, y: 0, x_shape, y_shape, window, weights: 0, order, requantize: no_tables() };
        let mut random = Random::new(seed);
        let x = i16s(&mut random, x_shape.elements().unwrap());
        let weights = random.i8s(window.kernel_h * window.kernel_w * y_shape.c);
        let tables = Tables::random(&mut random, y_shape.c, rounding);
        let literal = |(row, column, channel): (u32, u32, u32)| {
            let product = |tap: &crate::op::testing::Tap| {
                let kernel = (tap.kernel_row * window.kernel_w + tap.kernel_column) * y_shape.c + channel;
                i64::from(x[at(x_shape, tap.row, tap.column, channel / per_input)]) * i64::from(weights[kernel as usize])
            };
            tables.output(rounding, channel, taps(&window, x_shape, row, column).iter().map(product).sum())
        };
        let expected: Vec<_> = positions(y_shape).map(literal).collect();
        let convolve = |maps: &mut Maps| depthwise_conv2d(&op, maps, &weights, &tables.scales(rounding));
        for got in run(&x, y_shape.elements().unwrap(), (op.distances(), order), convolve) {
            prop_assert_eq!(got.as_ref(), Some(&expected));
        }
    }
}

#[test]
fn sums_of_more_than_32_bits_are_right() {
    let side = if cfg!(miri) { 23 } else { 40 };
    let x_shape = Hwc { h: side, w: side, c: 1 };
    let window = Window {
        kernel_h: side,
        kernel_w: side,
        stride_h: 1,
        stride_w: 1,
        dilation_h: 1,
        dilation_w: 1,
        pad_top: 0,
        pad_left: 0,
    };
    let y_shape = Hwc { h: 1, w: 1, c: 1 };
    let op = DepthwiseConv2dI16 {
        x: 0,
        y: 0,
        x_shape,
        y_shape,
        window,
        weights: 0,
        order: RowOrder::TopDown,
        requantize: no_tables(),
    };
    let n = (side * side) as usize;
    let tables = Tables::random(&mut Random::new(5), 1, crate::format::Rounding::Single);
    let (rounding, order) = (crate::format::Rounding::Single, RowOrder::TopDown);
    let expected = tables.output(rounding, 0, (n as i64) << 22);
    let weights = vec![i8::MIN; n];
    let convolve = |maps: &mut Maps| depthwise_conv2d(&op, maps, &weights, &tables.scales(rounding));
    for got in run(&vec![i16::MIN; n], 1, (op.distances(), order), convolve) {
        assert_eq!(got, Some(vec![expected]));
    }
}
