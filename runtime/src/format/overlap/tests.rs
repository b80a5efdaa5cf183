use super::*;
use crate::format::instruction::{Biases, Factors, Multiplier, Requantize8};

fn pointwise_op(w: u32, in_c: u32, out_c: u32) -> Conv2d {
    let window = Window {
        kernel_h: 1,
        kernel_w: 1,
        stride_h: 1,
        stride_w: 1,
        dilation_h: 1,
        dilation_w: 1,
        pad_top: 0,
        pad_left: 0,
    };
    let requantize = Requantize8 {
        biases: Biases::I32(0),
        factors: Factors::One(Multiplier::ZERO),
        y_zero_point: 0,
        min: 0,
        max: 0,
    };
    Conv2d {
        x: 0,
        y: 0,
        scratch: 0,
        x_shape: Hwc { h: 10, w, c: in_c },
        y_shape: Hwc { h: 10, w, c: out_c },
        window,
        groups: 1,
        weights: 0,
        x_zero_point: 0,
        order: RowOrder::TopDown,
        requantize,
    }
}

#[test]
fn pointwise_of_equal_channels_needs_a_few_pixels() {
    let distances = pointwise_op(5, 64, 64).distances();
    assert_eq!(distances, Distances { below: 4 * 64, above: 4 * 64 });
}

#[test]
fn a_widening_pointwise_needs_little_more_than_its_output() {
    let op = pointwise_op(5, 8, 16);
    let (x, y) = (50 * 8, 50 * 16);
    let distances = op.distances();
    // Output below: all of it must be written before the end of the input is passed.
    assert_eq!(distances.below + x, y + 4 * 8);
    assert!(distances.allow(distances.below as u32, 0, RowOrder::TopDown));
    assert!(!distances.allow(distances.below as u32 - 1, 0, RowOrder::TopDown));
    assert!(!distances.allow(distances.below as u32, 0, RowOrder::BottomUp));
}

#[test]
fn a_3x3_window_needs_rows() {
    let window = Window {
        kernel_h: 3,
        kernel_w: 3,
        stride_h: 1,
        stride_w: 1,
        dilation_h: 1,
        dilation_w: 1,
        pad_top: 1,
        pad_left: 1,
    };
    let map = Hwc { h: 6, w: 4, c: 8 };
    assert_eq!(rows(&window, map, map, 0), Distances { below: 2 * 32, above: 2 * 32 });
}
