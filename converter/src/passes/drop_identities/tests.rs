use super::*;
use crate::passes::testing::{Net, check_one, count, ops};

/// A graph of relu, the given node, relu: neither end of the node is a port.
fn between(node: impl FnOnce(&mut Net, ValueId) -> ValueId, shape: &[usize]) -> Vec<&'static str> {
    let mut net = Net::new();
    let x = net.input(shape);
    let x = net.relu(x);
    let y = node(&mut net, x);
    let y = net.relu(y);
    net.output(y);
    let (graph, _) = check_one(&DropIdentities, net);
    ops(&graph)[1..graph.nodes.len() - 1].to_vec()
}

#[test]
fn nodes_that_give_back_their_operand_vanish() {
    let none = Vec::<&str>::new();
    assert_eq!(between(|net, x| net.reshape(x, &[1, 4]), &[1, 4]), none);
    assert_eq!(between(|net, x| net.transpose(x, &[0, 1]), &[1, 4]), none);
    assert_eq!(between(|net, x| net.node(Op::Concat { axis: 1 }, &[x]), &[1, 4]), none);
    let full = Op::Slice { start: vec![0, 0], end: vec![1, 4], step: vec![1, 1] };
    assert_eq!(between(|net, x| net.node(full, &[x]), &[1, 4]), none);
    let zero = Op::Pad { before: vec![0, 0], after: vec![0, 0], value: 3.0 };
    assert_eq!(between(|net, x| net.node(zero, &[x]), &[1, 4]), none);
    let open = Unary::Clamp { min: f32::NEG_INFINITY, max: f32::INFINITY };
    assert_eq!(between(|net, x| net.unary(open, x), &[1, 4]), none);
    let pool = Op::MaxPool2d { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], pads: Pads::default() };
    assert_eq!(between(|net, x| net.node(pool, &[x]), &[1, 2, 2, 3]), none);
}

#[test]
fn neutral_constants_vanish_on_either_side() {
    let by_one = |net: &mut Net, x| {
        let one = net.full(&[1, 1, 4], 1.0);
        net.mul(one, x)
    };
    assert_eq!(between(by_one, &[1, 3, 4]), Vec::<&str>::new());
    let plus_zero = |net: &mut Net, x| {
        let zero = net.scalar(0.0);
        net.add(x, zero)
    };
    assert_eq!(between(plus_zero, &[1, 4]), Vec::<&str>::new());
}

#[test]
fn broadcasting_by_a_neutral_constant_stays() {
    let enlarge = |net: &mut Net, x| {
        let one = net.full(&[3, 1], 1.0);
        net.mul(x, one)
    };
    assert_eq!(between(enlarge, &[1, 4]), ["mul"]);
}

#[test]
fn fused_clamp_of_a_neutral_node_stays_as_a_clamp() {
    let clamped = |net: &mut Net, x| {
        let zero = net.scalar(0.0);
        net.node(Op::Add { activation: Activation { min: 0.0, max: 6.0 } }, &[x, zero])
    };
    assert_eq!(between(clamped, &[1, 4]), ["unary"]);
}

#[test]
fn mean_over_size_one_axes_is_a_reshape() {
    let all = |net: &mut Net, x| net.node(Op::Mean { axes: vec![1, 2], keep_dims: false }, &[x]);
    assert_eq!(between(all, &[1, 1, 1, 4]), ["reshape"]);
    let mut net = Net::new();
    let x = net.input(&[1, 1, 3, 4]);
    let y = net.node(Op::Mean { axes: vec![1, 2], keep_dims: true }, &[x]);
    net.output(y);
    let (graph, _) = check_one(&DropIdentities, net);
    assert_eq!(graph.nodes[0].op, Op::Mean { axes: vec![2], keep_dims: true });
}

#[test]
fn an_input_does_not_become_an_output() {
    let mut net = Net::new();
    let x = net.input(&[1, 4]);
    let y = net.reshape(x, &[1, 4]);
    net.output(y);
    net.output(x);
    let (graph, rewrites) = check_one(&DropIdentities, net);
    assert_eq!((count(&graph, "reshape"), rewrites), (1, 0));
}

#[test]
fn an_identity_that_is_output_and_read_hands_both_over() {
    let mut net = Net::new();
    let x = net.input(&[1, 4]);
    let x = net.relu(x);
    let y = net.transpose(x, &[0, 1]);
    let z = net.add(y, y);
    net.output(y);
    net.output(z);
    let (graph, _) = check_one(&DropIdentities, net);
    assert_eq!(ops(&graph), ["unary", "add"]);
}
