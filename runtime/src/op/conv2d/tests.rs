use super::super::testing::{Random, Tables, at, config, hwc, positions, rounding, taps, window};
use super::*;
use crate::format::Rounding;
use crate::format::instruction::{Hwc, Requantize8};
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

/// The sum over all taps and all channels of the group, one product at a time.
fn literal(op: &Conv2d, x: &[i8], weights: &[i8], bias: &[i32], tables: &Tables, rounding: Rounding) -> Vec<i8> {
    let (group_in, group_out) = (op.x_shape.c / op.groups, op.y_shape.c / op.groups);
    let output = |(y_row, y_column, channel): (u32, u32, u32)| {
        let mut sum = bias[channel as usize];
        for tap in taps(&op.window, op.x_shape, y_row, y_column) {
            for c in 0..group_in {
                let x_at = at(op.x_shape, tap.row, tap.column, channel / group_out * group_in + c);
                let kernel = (channel * op.window.kernel_h + tap.kernel_row) * op.window.kernel_w + tap.kernel_column;
                let w = i32::from(weights[(kernel * group_in + c) as usize]);
                sum += (i32::from(x[x_at]) - i32::from(op.x_zero_point)) * w;
            }
        }
        tables.output(rounding, channel, sum)
    };
    positions(op.y_shape).map(output).collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn equals_the_literal_sum(
        x in hwc(6, 5), y in hwc(5, 6), groups in 1u32..4, window in window(), zero: i8, rounding in rounding(), seed: u64,
    ) {
        let (x_shape, y_shape) = (Hwc { c: x.c * groups, ..x }, Hwc { c: y.c * groups, ..y });
        let requantize = Requantize8 { multipliers: 0, shifts: 0, per_channel: true, y_zero_point: 0, min: 0, max: 0 };
        let op = Conv2d {
            x: 0, y: 0, x_shape, y_shape, window, groups, weights: 0, bias: 0, x_zero_point: zero, requantize,
        };
        let mut random = Random::new(seed);
        let x = random.i8s(x_shape.elements().unwrap());
        let weights = random.i8s(y_shape.c * window.kernel_h * window.kernel_w * x_shape.c / groups);
        let bias = random.biases(y_shape.c);
        let tables = Tables::random(&mut random, y_shape.c);
        let mut got = vec![0; y_shape.elements().unwrap() as usize];
        prop_assert!(conv2d(&op, &x, &weights, &bias, &tables.scales(rounding), &mut got).is_some());
        prop_assert_eq!(got, literal(&op, &x, &weights, &bias, &tables, rounding));
    }
}
