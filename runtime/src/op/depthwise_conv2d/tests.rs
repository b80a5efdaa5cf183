use super::super::testing::{Random, Tables, at, config, hwc, positions, rounding, taps, window};
use super::*;
use crate::format::Rounding;
use crate::format::instruction::{Hwc, Requantize8};
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

/// The sum over all taps of the one input channel that an output channel reads.
fn literal(
    op: &DepthwiseConv2d,
    x: &[i8],
    weights: &[i8],
    bias: &[i32],
    tables: &Tables,
    rounding: Rounding,
) -> Vec<i8> {
    let per_input = op.y_shape.c / op.x_shape.c;
    let output = |(y_row, y_column, channel): (u32, u32, u32)| {
        let mut sum = bias[channel as usize];
        for tap in taps(&op.window, op.x_shape, y_row, y_column) {
            let x = i32::from(x[at(op.x_shape, tap.row, tap.column, channel / per_input)]);
            let w = (tap.kernel_row * op.window.kernel_w + tap.kernel_column) * op.y_shape.c + channel;
            sum += (x - i32::from(op.x_zero_point)) * i32::from(weights[w as usize]);
        }
        tables.output(rounding, channel, sum)
    };
    positions(op.y_shape).map(output).collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn equals_the_literal_sum(
        x_shape in hwc(5, 70), (y_h, y_w) in (1u32..5, 1u32..5), per_input in prop_oneof![3 => Just(1u32), 2 => 2u32..40],
        window in window(), zero: i8, rounding in rounding(), seed: u64,
    ) {
        let x_shape = Hwc { c: if per_input == 1 { x_shape.c } else { x_shape.c.min(4) }, ..x_shape };
        let y_shape = Hwc { h: y_h, w: y_w, c: x_shape.c * per_input };
        let requantize = Requantize8 { multipliers: 0, shifts: 0, per_channel: true, y_zero_point: 0, min: 0, max: 0 };
        let op = DepthwiseConv2d {
            x: 0, y: 0, x_shape, y_shape, window, weights: 0, bias: 0, x_zero_point: zero, requantize,
        };
        let mut random = Random::new(seed);
        let x = random.i8s(x_shape.elements().unwrap());
        let weights = random.i8s(window.kernel_h * window.kernel_w * y_shape.c);
        let bias = random.biases(y_shape.c);
        let tables = Tables::random(&mut random, y_shape.c);
        let mut got = vec![0; y_shape.elements().unwrap() as usize];
        prop_assert!(depthwise_conv2d(&op, &x, &weights, &bias, &tables.scales(rounding), &mut got).is_some());
        prop_assert_eq!(got, literal(&op, &x, &weights, &bias, &tables, rounding));
    }
}
