use super::super::conv2d::conv2d;
use super::super::testing::{Places, Random, Tables, config, hwc, no_tables, order, rounding};
use super::*;
use crate::format::Rounding;
use crate::format::instruction::{Conv2d, Hwc};
use crate::format::pack::{filter_rows, winograd_filters};
use crate::ops::AllOps;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

fn op(x_shape: Hwc, y_shape: Hwc, pads: [u32; 2], x_zero_point: i8, order: RowOrder) -> Conv2dWinograd {
    let [pad_top, pad_left] = pads;
    let (x, y, scratch, weights, requantize) = (0, 0, 0, 0, no_tables());
    Conv2dWinograd { x, y, scratch, x_shape, y_shape, pad_top, pad_left, weights, x_zero_point, order, requantize }
}

/// What the direct convolution gives.
fn direct(op: &Conv2dWinograd, x: &[i8], weights: &[i8], scales: &Scales) -> Vec<i8> {
    let &Conv2dWinograd { x_shape, y_shape, x_zero_point, .. } = op;
    let direct = Conv2d {
        x: 0,
        y: 0,
        scratch: 0,
        x_shape,
        y_shape,
        window: op.window(),
        groups: 1,
        weights: 0,
        x_zero_point,
        order: RowOrder::TopDown,
        requantize: no_tables(),
    };
    let rows = filter_rows(weights, 9 * x_shape.c as usize);
    let (scratch, y_len) = (direct.scratch_bytes().unwrap(), y_shape.elements().unwrap());
    let places = Places::apart(x.len() as u32, scratch, y_len);
    places
        .run(x, scratch, y_len, |memory| conv2d::<AllOps>(&direct, memory, &rows, scales, direct.y_shape.c as usize))
        .unwrap()
}

fn winograd(op: &Conv2dWinograd, x: &[i8], weights: &[i8], scales: &Scales, places: &Places) -> Option<Vec<i8>> {
    let packed = winograd_filters(weights, op.x_shape.c as usize);
    assert_eq!(packed.len() as u32 * 2, op.weight_bytes().unwrap());
    let run = |memory: &mut Split| conv2d_winograd::<AllOps>(op, memory, &packed, scales);
    places.run(x, op.scratch_bytes().unwrap(), op.y_shape.elements().unwrap(), run)
}

/// Longest side, most channels of an input and of an output.
const SIZES: [u32; 3] = if cfg!(miri) { [4, 3, 5] } else { [12, 9, 37] };

proptest! {
    #![proptest_config(config())]

    #[test]
    fn equals_the_direct_convolution(
        x_shape in hwc(SIZES[0], SIZES[1]), y_shape in hwc(SIZES[0], SIZES[2]), pads in [0u32..4, 0u32..4], zero: i8, rounding in rounding(),
        order in order(), seed: u64,
    ) {
        let op = op(x_shape, y_shape, pads, zero, order);
        let mut random = Random::new(seed);
        let x = random.i8s(x_shape.elements().unwrap());
        let weights = random.i8s(y_shape.c * 9 * x_shape.c);
        let tables = Tables::random(&mut random, y_shape.c);
        let scales = tables.scales(rounding);
        let expected = direct(&op, &x, &weights, &scales);
        let (x_len, y_len, scratch) = (x.len() as u32, y_shape.elements().unwrap(), op.scratch_bytes().unwrap());
        for places in [
            Places::apart(x_len, scratch, y_len),
            Places::overlapping(x_len, scratch, y_len, op.distances(), order),
        ] {
            prop_assert_eq!(winograd(&op, &x, &weights, &scales, &places), Some(expected.clone()));
        }
    }
}

/// The largest sums of either sign, of as many channels as there may be.
#[test]
fn nothing_is_lost_at_the_ends_of_the_range() {
    let in_c = if cfg!(miri) { 5 } else { Conv2dWinograd::MAX_IN_C };
    let shape = Hwc { h: 3, w: 3, c: in_c };
    let y_shape = Hwc { h: 2, w: 3, c: 3 };
    for (zero, fill) in [(-128i8, 127i8), (127, -128)] {
        let op = op(shape, y_shape, [1, 1], zero, RowOrder::TopDown);
        let x = vec![fill; shape.elements().unwrap() as usize];
        // All of the least, all of the greatest, and by turns.
        let filter = |of: fn(usize) -> i8| (0..9 * in_c as usize).map(of);
        let weights: Vec<i8> =
            filter(|_| 127).chain(filter(|_| -128)).chain(filter(|i| if i % 2 == 0 { 127 } else { -127 })).collect();
        for rounding in [Rounding::Single, Rounding::Tflite] {
            let tables = Tables::random(&mut Random::new(9), 3);
            let scales = tables.scales(rounding);
            let places = Places::apart(x.len() as u32, op.scratch_bytes().unwrap(), y_shape.elements().unwrap());
            let expected = direct(&op, &x, &weights, &scales);
            assert_eq!(winograd(&op, &x, &weights, &scales, &places), Some(expected), "{zero} {rounding:?}");
        }
    }
}

/// Signs of inputs and weights that make single positions as large as they can be.
#[test]
fn nothing_is_lost_where_single_products_are_largest() {
    let in_c = if cfg!(miri) { 3 } else { 256 };
    let shape = Hwc { h: 4, w: 4, c: in_c };
    let y_shape = Hwc { h: 2, w: 2, c: 16 };
    let op = op(shape, y_shape, [0, 0], -128, RowOrder::TopDown);
    let sign = |row: usize, column: usize, signs: usize| (signs >> (row % 2) ^ signs >> (2 + column % 2)) & 1 == 0;
    for signs in (0..16).step_by(if cfg!(miri) { 7 } else { 1 }) {
        let element = |i: usize, low: i8, high: i8| {
            let (row, column) = (i / 4, i % 4);
            if sign(row, column, signs) { high } else { low }
        };
        let x: Vec<i8> = (0..16).flat_map(|i| (0..in_c).map(move |_| i)).map(|i| element(i, -128, 127)).collect();
        let weights: Vec<i8> = (0..16)
            .flat_map(|filter| (0..9 * in_c as usize).map(move |i| (filter, i / in_c as usize)))
            .map(|(filter, tap)| if sign(tap / 3, tap % 3, filter) { 127 } else { -127 })
            .collect();
        let tables = Tables::random(&mut Random::new(signs as u64), 16);
        let scales = tables.scales(Rounding::Single);
        let places = Places::apart(x.len() as u32, op.scratch_bytes().unwrap(), y_shape.elements().unwrap());
        let expected = direct(&op, &x, &weights, &scales);
        assert_eq!(winograd(&op, &x, &weights, &scales, &places), Some(expected), "{signs}");
    }
}
