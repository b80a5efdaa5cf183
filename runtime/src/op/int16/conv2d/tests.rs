use super::super::testing::{Tables, i16s, no_tables, run};
use super::*;
use crate::format::Rounding;
use crate::format::instruction::Hwc;
use crate::format::pack::filter_rows;
use crate::op::testing::{Random, at, config, hwc, order, positions, rounding, taps, window};
use proptest::prelude::*;
use std::vec::Vec;

/// The sum over all taps and all channels of the group, one product at a time.
fn literal(op: &Conv2dI16, x: &[i16], weights: &[i8], tables: &Tables, rounding: Rounding) -> Vec<i16> {
    let (group_in, group_out) = (op.x_shape.c / op.groups, op.y_shape.c / op.groups);
    let output = |(y_row, y_column, channel): (u32, u32, u32)| {
        let mut sum = 0;
        for tap in taps(&op.window, op.x_shape, y_row, y_column) {
            for c in 0..group_in {
                let x_at = at(op.x_shape, tap.row, tap.column, channel / group_out * group_in + c);
                let kernel = (channel * op.window.kernel_h + tap.kernel_row) * op.window.kernel_w + tap.kernel_column;
                sum += i64::from(x[x_at]) * i64::from(weights[(kernel * group_in + c) as usize]);
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
        x in hwc(6, 5), y in hwc(5, 6), groups in 1u32..4, window in window(), rounding in rounding(),
        order in order(), seed: u64,
    ) {
        let (x_shape, y_shape) = (Hwc { c: x.c * groups, ..x }, Hwc { c: y.c * groups, ..y });
        let op = Conv2dI16 { x: 0, y: 0, x_shape, y_shape, window, groups, weights: 0, order, requantize: no_tables() };
        let mut random = Random::new(seed);
        let x = i16s(&mut random, x_shape.elements().unwrap());
        let row = window.kernel_h * window.kernel_w * x_shape.c / groups;
        let weights = random.i8s(y_shape.c * row);
        let packed = filter_rows(&weights, row as usize);
        let tables = Tables::random(&mut random, y_shape.c, rounding);
        let expected = literal(&op, &x, &weights, &tables, rounding);
        let convolve = |maps: &mut Maps| conv2d(&op, maps, &packed, &tables.scales(rounding));
        for got in run(&x, y_shape.elements().unwrap(), (op.distances(), order), convolve) {
            prop_assert_eq!(got.as_ref(), Some(&expected));
        }
    }
}
