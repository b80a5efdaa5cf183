use super::*;
use crate::passes::DeadCode;
use crate::passes::testing::{Net, check, ops};

fn pad(net: &mut Net, x: ValueId, by: usize, value: f32) -> ValueId {
    net.node(Op::Pad { before: vec![0, by, 0, 0], after: vec![0, 0, by, 0], value }, &[x])
}

fn average(kernel: usize, count_include_pad: bool, pads: Pads) -> Op {
    Op::AveragePool2d { kernel: [kernel; 2], stride: [1, 1], dilation: [1, 1], pads, count_include_pad }
}

fn maximum(kernel: usize) -> Op {
    Op::MaxPool2d { kernel: [kernel; 2], stride: [2, 2], dilation: [1, 1], pads: Pads::default() }
}

/// The ops left after a pad by `by` with `value` in front of `op`.
fn left(op: Op, by: usize, value: f32) -> Vec<&'static str> {
    let mut net = Net::new();
    let x = net.input(&[1, 5, 5, 2]);
    let x = pad(&mut net, x, by, value);
    let y = net.node(op, &[x]);
    net.output(y);
    ops(&check(&[&FusePads, &DeadCode], net).0)
}

#[test]
fn zeros_go_into_a_convolution_beside_its_own_padding() {
    let mut net = Net::new();
    let x = net.input(&[1, 5, 5, 2]);
    let x = pad(&mut net, x, 2, 0.0);
    let y = net.conv(x, 3, 3, Pads { left: 1, ..Pads::default() }, 1);
    net.output(y);
    let (graph, _) = check(&[&FusePads, &DeadCode], net);
    assert!(matches!(
        graph.nodes[..],
        [Node { op: Op::Conv2d { pads: Pads { top: 2, left: 1, bottom: 0, right: 2 }, .. }, .. }]
    ));
}

#[test]
fn other_fills_and_other_axes_stay() {
    let mut net = Net::new();
    let x = net.input(&[1, 5, 5, 2]);
    let filled = pad(&mut net, x, 1, 0.5);
    let filled = net.conv(filled, 3, 3, Pads::default(), 1);
    let channels = net.node(Op::Pad { before: vec![0, 0, 0, 1], after: vec![0; 4], value: 0.0 }, &[x]);
    let channels = net.conv(channels, 3, 3, Pads::default(), 1);
    net.output(filled);
    net.output(channels);
    assert_eq!(ops(&check(&[&FusePads, &DeadCode], net).0), ["pad", "conv2d", "pad", "conv2d"]);
}

#[test]
fn zeros_count_in_an_average() {
    assert_eq!(left(average(3, false, Pads::default()), 1, 0.0), ["average_pool2d"]);
    assert_eq!(left(average(3, true, Pads { top: 1, ..Pads::default() }), 1, 0.0), ["average_pool2d"]);
    // Two kinds of padding in one average: no single node can say it.
    assert_eq!(left(average(3, false, Pads { top: 1, ..Pads::default() }), 1, 0.0), ["pad", "average_pool2d"]);
}

#[test]
fn windows_of_padding_alone_stay_explicit() {
    assert_eq!(left(average(2, false, Pads::default()), 3, 0.0), ["pad", "average_pool2d"]);
}

#[test]
fn a_maximum_takes_what_can_never_win() {
    assert_eq!(left(maximum(3), 1, f32::MIN), ["max_pool2d"]);
    assert_eq!(left(maximum(3), 1, 0.0), ["pad", "max_pool2d"]);
    let mut net = Net::new();
    let x = net.input(&[1, 5, 5, 2]);
    let x = net.relu(x);
    let x = pad(&mut net, x, 1, 0.0);
    let y = net.node(maximum(3), &[x]);
    net.output(y);
    assert_eq!(ops(&check(&[&FusePads, &DeadCode], net).0), ["unary", "max_pool2d"]);
}

#[test]
fn two_pads_become_one() {
    let mut net = Net::new();
    let x = net.input(&[1, 5, 5, 2]);
    let x = pad(&mut net, x, 1, 0.5);
    let y = pad(&mut net, x, 2, 0.5);
    net.output(y);
    assert_eq!(ops(&check(&[&FusePads, &DeadCode], net).0), ["pad"]);
}

#[test]
fn a_padded_line_becomes_a_padded_row() {
    let mut net = Net::new();
    let x = net.input(&[1, 1, 3]);
    let x = net.relu(x);
    let line = net.node(Op::Pad { before: vec![0, 6, 0], after: vec![0, 1, 0], value: 0.0 }, &[x]);
    let row = net.reshape(line, &[1, 1, 8, 3]);
    let weights = net.constant(&[4, 1, 2, 3]);
    let (stride, dilation, pads) = ([1, 1], [1, 4], Pads::default());
    let op = Op::Conv2d { stride, dilation, pads, groups: 1, activation: crate::ir::Activation::NONE };
    let y = net.node(op, &[row, weights]);
    net.output(y);
    assert_eq!(ops(&check(&[&FusePads, &DeadCode], net).0), ["unary", "reshape", "conv2d"]);
}

#[test]
fn a_padded_line_that_is_cut_up_stays() {
    let mut net = Net::new();
    let x = net.input(&[1, 7, 3]);
    let line = net.node(Op::Pad { before: vec![0, 1, 0], after: vec![0, 0, 0], value: 0.0 }, &[x]);
    let map = net.reshape(line, &[1, 2, 4, 3]);
    let y = net.conv(map, 2, 2, Pads::default(), 1);
    net.output(y);
    assert_eq!(check(&[&FusePads, &DeadCode], net).0.nodes.len(), 3);
}
