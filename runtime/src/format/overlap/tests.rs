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
    assert_eq!(distances, Distances { below: 4 * 64, above: 4 * 64, step: 1 });
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

fn window_3x3(stride: u32) -> Window {
    Window {
        kernel_h: 3,
        kernel_w: 3,
        stride_h: stride,
        stride_w: stride,
        dilation_h: 1,
        dilation_w: 1,
        pad_top: 1,
        pad_left: 1,
    }
}

#[test]
fn a_3x3_window_needs_rows() {
    let window = window_3x3(1);
    let map = Hwc { h: 6, w: 4, c: 8 };
    assert_eq!(rows(&window, map, map, 0), Distances { below: 2 * 32, above: 2 * 32, step: 1 });
}

fn depthwise_op(window: Window, x_shape: Hwc, y_shape: Hwc, scratch_bytes: u32) -> DepthwiseConv2d {
    let Conv2d { requantize, .. } = pointwise_op(1, 1, 1);
    DepthwiseConv2d {
        x: 0,
        y: 0,
        scratch: 0,
        scratch_bytes,
        x_shape,
        y_shape,
        window,
        weights: 0,
        x_zero_point: 0,
        order: RowOrder::TopDown,
        requantize,
    }
}

#[test]
fn strips_of_the_same_size_run_in_place_and_in_whole_pixels() {
    let map = Hwc { h: 6, w: 4, c: 8 };
    let distances = depthwise_op(window_3x3(1), map, map, 100).distances();
    assert_eq!(distances, Distances { below: 0, above: 0, step: 8 });
    assert!(distances.allow(64, 64, RowOrder::TopDown) && distances.allow(64, 56, RowOrder::TopDown));
    assert!(!distances.allow(64, 60, RowOrder::TopDown), "not a whole pixel apart");
    assert_eq!(distances.order(64, 72), Some(RowOrder::BottomUp));
    assert_eq!(distances.order(64, 68), None);
}

#[test]
fn strips_of_stride_2_may_start_behind_their_input() {
    let (x, y) = (Hwc { h: 6, w: 4, c: 8 }, Hwc { h: 3, w: 2, c: 8 });
    let distances = depthwise_op(window_3x3(2), x, y, 100).distances();
    // The first output row is written when input rows 0 and 1 are copied, the last one when all are.
    assert_eq!(distances.below, 16 - 2 * 32);
    assert_eq!(distances.above, 3 * 32 - 2 * 16);
}

#[test]
fn rows_that_are_read_again_stay() {
    let map = Hwc { h: 6, w: 4, c: 8 };
    let dilated = Window { dilation_h: 2, pad_top: 2, ..window_3x3(1) };
    assert_eq!(depthwise_op(dilated, map, map, 100).distances(), Distances { below: 96, above: 96, step: 8 });
    assert_eq!(depthwise_op(window_3x3(1), map, map, 0).distances(), Distances { below: 64, above: 64, step: 1 });
}
