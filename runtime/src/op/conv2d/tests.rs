use super::super::testing::{
    Places, Random, Tables, at, config, hwc, no_tables, order, positions, rounding, taps, window,
};
use super::*;
use crate::format::Rounding;
use crate::format::instruction::{Hwc, Window};
use crate::format::pack::filter_rows;
use crate::ops::AllOps;
use proptest::prelude::*;
use std::vec::Vec;

/// The sum over all taps and all channels of the group, one product at a time.
fn literal(op: &Conv2d, x: &[i8], weights: &[i8], tables: &Tables, rounding: Rounding) -> Vec<i8> {
    let (group_in, group_out) = (op.x_shape.c / op.groups, op.y_shape.c / op.groups);
    let output = |(y_row, y_column, channel): (u32, u32, u32)| {
        let mut sum = tables.bias(channel);
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
        x in hwc(6, 5), y in hwc(5, 6), groups in 1u32..4, window in window(), zero: i8, rounding in rounding(),
        order in order(), seed: u64,
    ) {
        let (x_shape, y_shape) = (Hwc { c: x.c * groups, ..x }, Hwc { c: y.c * groups, ..y });
        let op = Conv2d {
            x: 0, y: 0, scratch: 0, x_shape, y_shape, window, groups, weights: 0, x_zero_point: zero, order,
            requantize: no_tables(),
        };
        let mut random = Random::new(seed);
        let x = random.i8s(x_shape.elements().unwrap());
        let row = window.kernel_h * window.kernel_w * x_shape.c / groups;
        let weights = random.i8s(y_shape.c * row);
        let packed = filter_rows(&weights, row as usize);
        let tables = Tables::random(&mut random, y_shape.c);
        let (scratch, y_len) = (op.scratch_bytes().unwrap(), y_shape.elements().unwrap());
        let expected = literal(&op, &x, &weights, &tables, rounding);
        let x_len = x.len() as u32;
        for places in [
            Places::apart(x_len, scratch, y_len),
            Places::overlapping(x_len, scratch, y_len, op.distances(), order),
        ] {
            let run = |memory: &mut Split| conv2d::<AllOps>(&op, memory, &packed, &tables.scales(rounding), y_shape.c as usize);
            prop_assert_eq!(places.run(&x, scratch, y_len, run), Some(expected.clone()));
        }
    }

    #[test]
    fn pixels_may_replace_the_pixels_that_they_read(
        x_shape in hwc(5, 9), out_c in 1u32..20, order in order(), seed: u64,
    ) {
        let y_shape = Hwc { c: out_c, ..x_shape };
        let window = Window {
            kernel_h: 1, kernel_w: 1, stride_h: 1, stride_w: 1, dilation_h: 1, dilation_w: 1, pad_top: 0, pad_left: 0,
        };
        let op = Conv2d {
            x: 0, y: 0, scratch: 0, x_shape, y_shape, window, groups: 1, weights: 0, x_zero_point: 3, order,
            requantize: no_tables(),
        };
        let mut random = Random::new(seed);
        let x = random.i8s(x_shape.elements().unwrap());
        let weights = random.i8s(out_c * x_shape.c);
        let packed = filter_rows(&weights, x_shape.c as usize);
        let tables = Tables::random(&mut random, out_c);
        let (scratch, y_len) = (op.scratch_bytes().unwrap(), y_shape.elements().unwrap());
        let places = Places::overlapping(x.len() as u32, scratch, y_len, op.distances(), order);
        let run = |memory: &mut Split| conv2d::<AllOps>(&op, memory, &packed, &tables.scales(Rounding::Single), out_c as usize);
        let expected = literal(&op, &x, &weights, &tables, Rounding::Single);
        prop_assert_eq!(places.run(&x, scratch, y_len, run), Some(expected));
    }
}
