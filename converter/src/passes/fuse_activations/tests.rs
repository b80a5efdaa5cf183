use super::*;
use crate::ir::Pads;
use crate::passes::testing::{Net, check_one, ops};

const RELU6: Unary = Unary::Clamp { min: 0.0, max: 6.0 };

fn max_pool() -> Op {
    Op::MaxPool2d { kernel: [2, 2], stride: [2, 2], dilation: [1, 1], pads: Pads { top: 1, ..Pads::default() } }
}

#[test]
fn into_convolution_dense_add_and_mul() {
    let mut net = Net::new();
    let x = net.input(&[1, 4, 4, 3]);
    let mut y = net.conv(x, 3, 1, Pads::default(), 1);
    y = net.unary(RELU6, y);
    y = net.add(x, y);
    y = net.relu(y);
    y = net.mul(y, x);
    y = net.relu(y);
    y = net.dense(y, 2);
    y = net.unary(Unary::Clamp { min: -0.5, max: 0.5 }, y);
    net.output(y);
    let (graph, rewrites) = check_one(&FuseActivations, net);
    assert_eq!((ops(&graph), rewrites), (vec!["conv2d", "add", "mul", "fully_connected"], 4));
    assert_eq!(graph.values[graph.outputs[0].value.0].name, "unary7");
}

#[test]
fn ranges_intersect_even_if_disjoint() {
    let mut net = Net::new();
    let x = net.input(&[1, 4]);
    let mut y = net.dense(x, 4);
    y = net.unary(Unary::Clamp { min: -1.0, max: 2.0 }, y);
    y = net.unary(Unary::Clamp { min: 0.0, max: 6.0 }, y);
    let (disjoint, activation) = (net.dense(x, 3), Activation { min: 0.0, max: 2.0 });
    let disjoint = net.unary(Unary::Clamp { min: 3.0, max: 4.0 }, disjoint);
    let disjoint = net.unary(Unary::Clamp { min: 1.0, max: 2.0 }, disjoint);
    net.output(y);
    net.output(disjoint);
    let (graph, _) = check_one(&FuseActivations, net);
    assert_eq!(graph.nodes[0].op, Op::FullyConnected { activation });
    let two = Activation { min: 2.0, max: 2.0 };
    assert_eq!(graph.nodes[1].op, Op::FullyConnected { activation: two });
}

#[test]
fn not_if_the_unclamped_value_is_read_or_taken() {
    for taken in [false, true] {
        let mut net = Net::new();
        let x = net.input(&[1, 4]);
        let y = net.dense(x, 4);
        let z = net.relu(y);
        let z = net.add(z, if taken { z } else { y });
        if taken {
            net.output(y);
        }
        net.output(z);
        assert_eq!(check_one(&FuseActivations, net).1, 0);
    }
}

#[test]
fn through_nodes_that_only_pick_elements() {
    let mut net = Net::new();
    let x = net.input(&[1, 4, 4, 3]);
    let a = net.conv(x, 3, 1, Pads::default(), 1);
    let a = net.node(max_pool(), &[a]);
    let b = net.conv(x, 2, 1, Pads::default(), 1);
    let b = net.node(max_pool(), &[b]);
    let b = net.unary(Unary::Clamp { min: 0.0, max: 3.0 }, b);
    let y = net.node(Op::Concat { axis: 3 }, &[a, b]);
    let y = net.node(Op::Pad { before: vec![0, 1, 0, 0], after: vec![0; 4], value: -2.0 }, &[y]);
    let y = net.reshape(y, &[1, 30]);
    let y = net.unary(RELU6, y);
    net.output(y);
    let (graph, rewrites) = check_one(&FuseActivations, net);
    assert_eq!(rewrites, 2);
    assert!(!ops(&graph).contains(&"unary"), "{graph}");
}

#[test]
fn not_through_an_average() {
    let mut net = Net::new();
    let x = net.input(&[1, 4, 4, 3]);
    let y = net.conv(x, 3, 1, Pads::default(), 1);
    let y = net.node(Op::Mean { axes: vec![1, 2], keep_dims: false }, &[y]);
    let y = net.relu(y);
    net.output(y);
    assert_eq!(check_one(&FuseActivations, net).1, 0);
}

#[test]
fn a_clamp_that_does_nothing_goes_even_if_others_read() {
    let mut net = Net::new();
    let x = net.input(&[1, 4]);
    let a = net.unary(Unary::Sigmoid, x);
    let b = net.relu(a);
    let y = net.add(a, b);
    net.output(y);
    assert_eq!(ops(&check_one(&FuseActivations, net).0), ["unary", "add"]);
}

#[test]
fn repeated_operands_of_a_concat_stay_correct() {
    let mut net = Net::new();
    let x = net.input(&[1, 4]);
    let a = net.dense(x, 3);
    let y = net.node(Op::Concat { axis: 1 }, &[a, a]);
    let y = net.relu(y);
    net.output(y);
    check_one(&FuseActivations, net);
}
