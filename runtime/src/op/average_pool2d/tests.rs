use super::super::testing::{Places, Random, Tap, at, config, hwc, positions, taps, window};
use super::*;
use crate::format::instruction::RowOrder;
use proptest::prelude::*;
use std::vec::Vec;

/// Nearest integer, ties away from zero; exact for the sums of a small window.
fn literal_divide(sum: i32, count: i32) -> i32 {
    (f64::from(sum) / f64::from(count)).round() as i32
}

fn literal(op: &Pool2d, x: &[i8]) -> Vec<i8> {
    let w = &op.window;
    let output = |(y_row, y_column, channel): (u32, u32, u32)| {
        let real = taps(w, op.x_shape, y_row, y_column);
        let element = |tap: &Tap| i32::from(x[at(op.x_shape, tap.row, tap.column, channel)]);
        let mut sum: i32 = real.iter().map(element).sum();
        let mut count = real.len() as i32;
        if op.count_include_pad {
            // The same window over the padded input reads the real elements and the padding.
            let h = op.x_shape.h + w.pad_top + op.pad_bottom;
            let padded = Hwc { h, w: op.x_shape.w + w.pad_left + op.pad_right, c: 1 };
            let all = taps(&Window { pad_top: 0, pad_left: 0, ..*w }, padded, y_row, y_column);
            sum += (all.len() as i32 - count) * i32::from(op.zero_point);
            count = all.len() as i32;
        }
        literal_divide(sum, count).clamp(op.min.into(), op.max.into()) as i8
    };
    positions(op.y_shape).map(output).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 100_000, ..config() })]

    #[test]
    fn equals_the_literal_average(
        x_shape in hwc(7, 70), (y_h, y_w) in (1u32..4, 1u32..4), window in window(), count_include_pad: bool,
        (pad_bottom, pad_right) in (0u32..3, 0u32..3), zero_point: i8, (a, b) in (any::<i8>(), any::<i8>()), seed: u64,
    ) {
        let y_shape = Hwc { h: y_h, w: y_w, c: x_shape.c };
        prop_assume!(window.check_pool(x_shape, y_shape).is_ok());
        let (min, max) = (a.min(b), a.max(b));
        let op = Pool2d {
            x: 0, y: 0, x_shape, y_shape, window, count_include_pad, pad_bottom, pad_right, zero_point, min, max,
        };
        let x = Random::new(seed).i8s(x_shape.elements().unwrap());
        let (x_len, y_len) = (x.len() as u32, y_shape.elements().unwrap());
        let expected = literal(&op, &x);
        for places in [
            Places::apart(x_len, 0, y_len),
            Places::overlapping(x_len, 0, y_len, op.distances(), RowOrder::TopDown),
        ] {
            let got = places.run(&x, 0, y_len, |memory| average_pool2d(&op, memory));
            prop_assert_eq!(got, Some(expected.clone()));
        }
    }

    #[test]
    fn a_window_of_any_size_is_averaged((h, w) in (1u32..40, 1u32..300), seed: u64) {
        let shape = Hwc { h, w, c: 3 };
        let window = Window {
            kernel_h: h, kernel_w: w, stride_h: 1, stride_w: 1, dilation_h: 1, dilation_w: 1, pad_top: 0, pad_left: 0,
        };
        let op = Pool2d {
            x: 0, y: 0, x_shape: shape, y_shape: Hwc { h: 1, w: 1, c: 3 }, window, count_include_pad: false, pad_bottom: 0,
            pad_right: 0, zero_point: 0, min: -128, max: 127,
        };
        let x = Random::new(seed).i8s(h * w * 3);
        let got = Places::apart(h * w * 3, 0, 3).run(&x, 0, 3, |memory| average_pool2d(&op, memory));
        prop_assert_eq!(got, Some(literal(&op, &x)));
    }
}

/// Sums of as many stored values as may be, the ends and ties among them, by every number of them that has a reciprocal.
#[test]
fn division_rounds_half_away() {
    for count in (1..=257i32).step_by(if cfg!(miri) { 51 } else { 1 }) {
        let divide = Divide::by(NonZeroU32::new(count as u32).unwrap());
        let half = count / 2;
        let near_ties = (-128..=127).flat_map(|quotient| (-1..=1).map(move |d| quotient * count + half + d));
        let ends = [-128 * count, 127 * count, 0];
        for sum in near_ties.chain(ends).filter(|sum| (-128 * count..=127 * count).contains(sum)) {
            assert_eq!(i32::from(divide.average(sum)), literal_divide(sum, count), "{sum} / {count}");
        }
    }
}
