use super::*;
use crate::ir::{Pads, ValueId};
use crate::passes::testing::{Net, check, check_one, ops, same};
use crate::passes::{FuseBias, LowerScaleShift};

fn batch_norm(net: &mut Net, x: ValueId) -> ValueId {
    let channels = *net.graph.value(x).shape.last().unwrap();
    let (scale, shift) = (net.constant(&[channels]), net.constant(&[channels]));
    net.node(Op::ScaleShift, &[x, scale, shift])
}

#[test]
fn after_convolutions_of_every_grouping_and_dense_nodes() {
    for groups in [1, 2, 4] {
        let mut net = Net::new();
        let x = net.input(&[1, 5, 5, 4]);
        let y = net.conv(x, 8, 3, same(3), groups);
        let bias = net.constant(&[8]);
        let y = net.add(y, bias);
        let y = batch_norm(&mut net, y);
        let y = net.reshape(y, &[25, 8]);
        let y = net.dense(y, 3);
        let y = batch_norm(&mut net, y);
        net.output(y);
        let (graph, _) = check(&[&FuseBias, &FoldBatchNorm], net);
        assert_eq!(ops(&graph), ["conv2d", "reshape", "fully_connected"]);
    }
}

#[test]
fn before_an_unpadded_convolution_of_every_grouping() {
    for groups in [1, 2, 4] {
        let mut net = Net::new();
        let x = net.input(&[1, 5, 5, 4]);
        let y = batch_norm(&mut net, x);
        let y = net.conv(y, 8, 3, Pads::default(), groups);
        net.output(y);
        assert_eq!(ops(&check_one(&FoldBatchNorm, net).0), ["conv2d"]);
    }
}

#[test]
fn before_a_padded_convolution_only_without_shift() {
    let mut net = Net::new();
    let x = net.input(&[1, 5, 5, 4]);
    let shifted = batch_norm(&mut net, x);
    let shifted = net.conv(shifted, 2, 3, same(3), 1);
    let scale = net.constant(&[4]);
    let scaled = net.mul(x, scale);
    let scaled = net.conv(scaled, 2, 3, same(3), 1);
    net.output(shifted);
    net.output(scaled);
    assert_eq!(ops(&check_one(&FoldBatchNorm, net).0), ["scale_shift", "conv2d", "conv2d"]);
}

#[test]
fn into_all_readers_or_none() {
    for other_reader in [false, true] {
        let mut net = Net::new();
        let x = net.input(&[1, 6]);
        let y = batch_norm(&mut net, x);
        for _ in 0..2 {
            let z = net.dense(y, 3);
            net.output(z);
        }
        if other_reader {
            let z = net.relu(y);
            net.output(z);
        }
        assert_eq!(ops(&check_one(&FoldBatchNorm, net).0).contains(&"scale_shift"), other_reader);
    }
}

#[test]
fn not_across_a_fused_clamp() {
    let mut net = Net::new();
    let x = net.input(&[1, 6]);
    let w = net.constant(&[4, 6]);
    let op = Op::FullyConnected { activation: Activation { min: 0.0, max: f32::INFINITY } };
    let y = net.node(op, &[x, w]);
    let y = batch_norm(&mut net, y);
    net.output(y);
    assert_eq!(check_one(&FoldBatchNorm, net).1, 0);
}

#[test]
fn a_chain_of_constants_becomes_one_mul_and_one_add() {
    let mut net = Net::new();
    let x = net.input(&[3, 6]);
    let mut y = net.relu(x);
    for _ in 0..2 {
        let (a, b) = (net.constant(&[6]), net.constant(&[1, 6]));
        y = net.add(y, a);
        y = net.mul(b, y);
    }
    net.output(y);
    let (graph, _) = check(&[&FoldBatchNorm, &LowerScaleShift], net);
    assert_eq!(ops(&graph), ["unary", "mul", "add"]);
}

#[test]
fn left_over_on_a_feature_map_is_a_depthwise_convolution() {
    let mut net = Net::new();
    let x = net.input(&[1, 3, 3, 6]);
    let y = net.relu(x);
    let (a, b) = (net.constant(&[6]), net.constant(&[6]));
    let y = net.mul(y, a);
    let y = net.add(y, b);
    net.output(y);
    let (graph, _) = check(&[&FoldBatchNorm, &LowerScaleShift], net);
    assert_eq!(ops(&graph), ["unary", "conv2d"]);
}

#[test]
fn scalar_factor_after_dense() {
    let mut net = Net::new();
    let x = net.input(&[6]);
    let y = net.dense(x, 3);
    let half = net.scalar(0.5);
    let y = net.mul(y, half);
    net.output(y);
    assert_eq!(ops(&check_one(&FoldBatchNorm, net).0), ["fully_connected"]);
}
