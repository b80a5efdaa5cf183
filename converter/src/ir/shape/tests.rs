use super::*;
use crate::ir::{Activation, Pads, Unary};

const NONE: Activation = Activation::NONE;

fn conv(stride: usize, dilation: usize, pads: Pads, groups: usize) -> Op {
    Op::Conv2d { stride: [stride; 2], dilation: [dilation; 2], pads, groups, activation: NONE }
}

fn pool(kernel: usize, stride: usize, pads: Pads) -> Op {
    Op::MaxPool2d { kernel: [kernel; 2], stride: [stride; 2], dilation: [1, 1], pads }
}

#[test]
fn convolution_rounds_down_and_counts_dilation_and_padding() {
    let pads = Pads { top: 1, left: 0, bottom: 1, right: 2 };
    let shape = infer_shape(&conv(2, 2, pads, 2), &[&[1, 9, 10, 4], &[6, 3, 2, 2], &[6]], None);
    assert_eq!(shape, Ok(vec![1, 4, 5, 6]));
}

#[test]
fn convolution_names_what_does_not_fit() {
    let x: &[usize] = &[1, 9, 9, 4];
    let at = |op: Op, inputs: &[&[usize]]| infer_shape(&op, inputs, None).unwrap_err();
    let plain = || conv(1, 1, Pads::default(), 1);
    assert!(matches!(at(plain(), &[x]), ShapeError::Arity { got: 1, .. }));
    assert!(matches!(at(plain(), &[&[9, 9, 4], &[6, 3, 3, 4]]), ShapeError::Rank { operand: "input", .. }));
    assert!(matches!(at(plain(), &[x, &[6, 3, 3, 3]]), ShapeError::Mismatch { .. }));
    assert!(matches!(at(plain(), &[x, &[6, 3, 3, 4], &[5]]), ShapeError::Mismatch { .. }));
    assert!(matches!(at(plain(), &[x, &[6, 10, 3, 4]]), ShapeError::Window { .. }));
    for groups in [0, 3] {
        let op = conv(1, 1, Pads::default(), groups);
        assert!(matches!(at(op, &[x, &[6, 3, 3, 4]]), ShapeError::Attribute { attribute: "groups", .. }));
    }
}

#[test]
fn zero_strides_and_absurd_attributes_are_errors() {
    let x: &[usize] = &[1, 9, 9, 4];
    let huge = Pads { top: usize::MAX, bottom: 1, ..Pads::default() };
    for op in [conv(0, 1, Pads::default(), 1), conv(1, 0, Pads::default(), 1), conv(1, usize::MAX, huge, 1)] {
        assert!(infer_shape(&op, &[x, &[6, 3, 3, 4]], None).is_err());
    }
    for op in [pool(2, 0, Pads::default()), pool(0, 1, Pads::default()), pool(usize::MAX, 1, huge)] {
        assert!(infer_shape(&op, &[x], None).is_err());
        assert!(infer_shape(&op, &[x], Some(&[1, 1, 1, 4])).is_err());
    }
    let dilated = Op::MaxPool2d { kernel: [3; 2], stride: [1; 2], dilation: [usize::MAX; 2], pads: huge };
    assert!(infer_shape(&dilated, &[x], Some(&[1, 1, 1, 4])).is_err());
    let pad = Op::Pad { before: vec![usize::MAX; 4], after: vec![1; 4], value: 0.0 };
    assert!(infer_shape(&pad, &[x], None).is_err());
}

#[test]
fn pool_may_round_up_by_one_window_that_starts_inside() {
    let op = pool(2, 2, Pads::default());
    assert_eq!(infer_shape(&op, &[&[1, 5, 5, 1]], None), Ok(vec![1, 2, 2, 1]));
    assert_eq!(infer_shape(&op, &[&[1, 5, 5, 1]], Some(&[1, 3, 3, 1])), Ok(vec![1, 3, 3, 1]));
    assert!(matches!(infer_shape(&op, &[&[1, 4, 4, 1]], Some(&[1, 3, 3, 1])), Err(ShapeError::Window { .. })));
}

#[test]
fn pool_windows_of_padding_alone_are_refused() {
    let pads = Pads { top: 2, ..Pads::default() };
    assert!(matches!(infer_shape(&pool(2, 1, pads), &[&[1, 5, 5, 1]], None), Err(ShapeError::Window { .. })));
}

#[test]
fn dense_works_on_the_last_axis() {
    let op = Op::FullyConnected { activation: NONE };
    assert_eq!(infer_shape(&op, &[&[2, 3, 4], &[5, 4]], None), Ok(vec![2, 3, 5]));
    assert_eq!(infer_shape(&op, &[&[4], &[5, 4], &[5]], None), Ok(vec![5]));
    assert!(infer_shape(&op, &[&[], &[5, 4]], None).is_err());
}

#[test]
fn broadcasting_aligns_on_the_right() {
    assert_eq!(broadcast(&[2, 1, 4], &[3, 1]), Some(vec![2, 3, 4]));
    assert_eq!(broadcast(&[], &[3]), Some(vec![3]));
    assert_eq!(broadcast(&[2], &[3]), None);
}

#[test]
fn means_slices_concats_and_reshapes() {
    let mean = |keep_dims| Op::Mean { axes: vec![1, 2], keep_dims };
    assert_eq!(infer_shape(&mean(true), &[&[1, 4, 5, 3]], None), Ok(vec![1, 1, 1, 3]));
    assert_eq!(infer_shape(&mean(false), &[&[1, 4, 5, 3]], None), Ok(vec![1, 3]));
    assert!(infer_shape(&mean(false), &[&[1, 4]], None).is_err());
    let unsorted = Op::Mean { axes: vec![2, 1], keep_dims: true };
    assert!(infer_shape(&unsorted, &[&[1, 4, 5]], None).is_err());
    let slice = |start, end, step| Op::Slice { start: vec![start], end: vec![end], step: vec![step] };
    assert_eq!(infer_shape(&slice(1, 8, 3), &[&[8]], None), Ok(vec![3]));
    for bad in [slice(3, 3, 1), slice(0, 9, 1), slice(0, 8, 0)] {
        assert!(infer_shape(&bad, &[&[8]], None).is_err());
    }
    let concat = Op::Concat { axis: 1 };
    assert_eq!(infer_shape(&concat, &[&[2, 3], &[2, 4]], None), Ok(vec![2, 7]));
    assert!(infer_shape(&concat, &[&[2, 3], &[3, 3]], None).is_err());
    assert!(infer_shape(&concat, &[&[2, 3], &[2]], None).is_err());
    assert!(infer_shape(&concat, &[], None).is_err());
    assert_eq!(infer_shape(&Op::Reshape, &[&[2, 3]], Some(&[6])), Ok(vec![6]));
    assert!(infer_shape(&Op::Reshape, &[&[2, 3]], Some(&[5])).is_err());
    assert!(infer_shape(&Op::Reshape, &[&[2, 3]], None).is_err());
}

#[test]
fn permutations_name_every_axis_once() {
    assert!(is_permutation(&[], 0) && is_permutation(&[1, 0], 2));
    assert!(!is_permutation(&[0, 0], 2) && !is_permutation(&[0, 2], 2) && !is_permutation(&[0], 2));
}

#[test]
fn empty_and_enormous_shapes_are_refused() {
    let relu = Op::Unary(Unary::Abs);
    assert!(matches!(infer_shape(&relu, &[&[0, 3]], None), Err(ShapeError::Size { .. })));
    assert!(matches!(infer_shape(&relu, &[&[usize::MAX, 3]], None), Err(ShapeError::Size { .. })));
    assert_eq!(infer_shape(&relu, &[&[]], None), Ok(vec![]));
}
