use super::super::testing::{
    Places, Random, Tables, at, config, hwc, no_tables, order, positions, rounding, taps, window,
};
use super::*;
use crate::format::Rounding;
use crate::format::instruction::Hwc;
use crate::ops::AllOps;
use proptest::prelude::*;
use std::vec::Vec;

/// The sum over all taps of the one input channel that an output channel reads.
fn literal(op: &DepthwiseConv2d, x: &[i8], weights: &[i8], tables: &Tables, rounding: Rounding) -> Vec<i8> {
    let per_input = op.y_shape.c / op.x_shape.c;
    let output = |(y_row, y_column, channel): (u32, u32, u32)| {
        let mut sum = tables.bias(channel);
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
        fours: bool, window in window(), zero: i8, rounding in rounding(), order in order(), seed: u64,
    ) {
        let c = if fours { x_shape.c.next_multiple_of(4) } else if per_input == 1 { x_shape.c } else { x_shape.c.min(4) };
        let per_input = if fours { 1 } else { per_input };
        let x_shape = Hwc { c, ..x_shape };
        let y_shape = Hwc { h: y_h, w: y_w, c: c * per_input };
        let op = DepthwiseConv2d {
            x: 0, y: 0, scratch: 0, scratch_bytes: 0, x_shape, y_shape, window, weights: 0, x_zero_point: zero, order,
            requantize: no_tables(),
        };
        let mut random = Random::new(seed);
        let x = random.i8s(x_shape.elements().unwrap());
        let weights = random.i8s(window.kernel_h * window.kernel_w * y_shape.c);
        let tables = Tables::random(&mut random, y_shape.c);
        let (x_len, y_len) = (x.len() as u32, y_shape.elements().unwrap());
        let expected = literal(&op, &x, &weights, &tables, rounding);
        for scratch_bytes in [Some(0), op.strip_bytes()].into_iter().flatten() {
            let op = DepthwiseConv2d { scratch_bytes, ..op };
            for places in [
                Places::apart(x_len, scratch_bytes, y_len),
                Places::overlapping(x_len, scratch_bytes, y_len, op.distances(), order),
            ] {
                let run = |memory: &mut Split| depthwise_conv2d::<AllOps>(&op, memory, &weights, &tables.scales(rounding));
                prop_assert_eq!(places.run(&x, scratch_bytes, y_len, run), Some(expected.clone()));
            }
        }
    }
}
