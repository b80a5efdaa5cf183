use super::*;
use crate::ir::{Activation, Pads, Unary};
use crate::passes::testing::{Net, check, count, ops};
use crate::passes::{DeadCode, DropIdentities, FoldConstants, MergeReshapes, RelabelTransposes};

const NCHW: &[usize] = &[0, 3, 1, 2];
const NHWC: &[usize] = &[0, 2, 3, 1];

#[track_caller]
fn cancelled(net: Net) -> Graph {
    check(&[&FoldConstants, &DropIdentities, &MergeReshapes, &CancelTransposes, &RelabelTransposes, &DeadCode], net).0
}

#[track_caller]
fn none_left(net: Net) -> Graph {
    let graph = cancelled(net);
    assert_eq!(count(&graph, "transpose"), 0, "{graph}");
    graph
}

#[test]
fn channels_first_chain_stores_its_ports_channels_last() {
    let mut net = Net::new();
    let x = net.input(&[1, 3, 6, 5]);
    let y = net.conv_nchw(x, 4, 3);
    let y = net.relu(y);
    let y = net.conv_nchw(y, 2, 3);
    net.output(y);
    let graph = none_left(net);
    assert_eq!(ops(&graph), ["conv2d", "unary", "conv2d"]);
    assert_eq!((&graph.inputs[0].source_axes[..], &graph.outputs[0].source_axes[..]), (NHWC, NHWC));
    assert_eq!(graph.inputs[0].source_shape, [1, 3, 6, 5]);
}

#[test]
fn residual_with_the_input_itself() {
    let mut net = Net::new();
    let x = net.input(&[1, 3, 6, 5]);
    let y = net.conv_nchw(x, 3, 3);
    let y = net.add(y, x);
    let z = net.conv_nchw(y, 3, 1);
    let y = net.add(y, z);
    net.output(y);
    none_left(net);
}

#[test]
fn squeeze_and_excite() {
    for keep_dims in [false, true] {
        let mut net = Net::new();
        let x = net.input(&[1, 4, 6, 5]);
        let y = net.conv_nchw(x, 4, 3);
        let mut s = net.node(Op::Mean { axes: vec![2, 3], keep_dims }, &[y]);
        if keep_dims {
            s = net.conv_nchw(s, 4, 1);
        } else {
            s = net.dense(s, 4);
            s = net.reshape(s, &[1, 4, 1, 1]);
        }
        let s = net.unary(Unary::Sigmoid, s);
        let y = net.mul(y, s);
        let y = net.conv_nchw(y, 2, 1);
        net.output(y);
        none_left(net);
    }
}

#[test]
fn constants_of_every_rank_follow() {
    let mut net = Net::new();
    let x = net.input(&[1, 4, 6, 5]);
    let mut y = net.conv_nchw(x, 4, 3);
    for shape in [&[1, 4, 1, 1][..], &[4, 1, 1], &[6, 5], &[5], &[1], &[], &[1, 4, 6, 5]] {
        let c = net.constant(shape);
        y = if shape.len() % 2 == 0 { net.add(y, c) } else { net.mul(c, y) };
    }
    let y = net.conv_nchw(y, 2, 1);
    net.output(y);
    none_left(net);
}

#[test]
fn scale_shift_along_a_moved_axis() {
    let mut net = Net::new();
    let x = net.input(&[1, 4, 6, 5]);
    let y = net.conv_nchw(x, 4, 3);
    let (a, b) = (net.constant(&[5]), net.constant(&[5]));
    let y = net.node(Op::ScaleShift, &[y, a, b]);
    let y = net.conv_nchw(y, 2, 1);
    net.output(y);
    none_left(net);
}

#[test]
fn pad_concat_slice_softmax_and_mean_renumber_their_axes() {
    let mut net = Net::new();
    let x = net.input(&[1, 4, 6, 5]);
    let a = net.conv_nchw(x, 4, 3);
    let b = net.conv_nchw(x, 3, 3);
    let c = net.constant(&[1, 1, 6, 5]);
    let y = net.node(Op::Concat { axis: 1 }, &[a, b, c, a]);
    let y = net.node(Op::Pad { before: vec![0, 1, 2, 0], after: vec![0, 0, 0, 3], value: 0.5 }, &[y]);
    let y = net.node(Op::Slice { start: vec![0, 1, 0, 2], end: vec![1, 12, 8, 8], step: vec![1, 2, 1, 3] }, &[y]);
    let y = net.node(Op::Softmax { axis: 1 }, &[y]);
    net.output(y);
    let m = net.node(Op::Mean { axes: vec![1], keep_dims: false }, &[y]);
    net.output(m);
    let m = net.node(Op::Mean { axes: vec![3], keep_dims: false }, &[y]);
    net.output(m);
    let graph = none_left(net);
    assert!(graph.nodes.iter().any(|n| n.op == Op::Softmax { axis: 3 }));
}

#[test]
fn softmax_over_the_last_axis_stays_there() {
    let mut net = Net::new();
    let x = net.input(&[1, 4, 6, 5]);
    let y = net.conv_nchw(x, 4, 3);
    let y = net.node(Op::Softmax { axis: 3 }, &[y]);
    let y = net.conv_nchw(y, 4, 3);
    net.output(y);
    let graph = cancelled(net);
    assert!(graph.nodes.iter().any(|n| n.op == Op::Softmax { axis: 3 }));
}

#[test]
fn flatten_into_dense_permutes_columns() {
    for (head, flat) in [(1, vec![1, 120]), (1, vec![120])] {
        let mut net = Net::new();
        let x = net.input(&[head, 3, 6, 5]);
        let y = net.conv_nchw(x, 4, 3);
        let y = net.reshape(y, &flat);
        let y = net.relu(y);
        let a = net.dense(y, 7);
        let b = net.dense(y, 2);
        net.output(a);
        net.output(b);
        assert_eq!(count(&none_left(net), "reshape"), 1);
    }
}

#[test]
fn flatten_that_someone_else_reads_keeps_its_transpose() {
    let mut net = Net::new();
    let x = net.input(&[1, 3, 6, 5]);
    let y = net.conv_nchw(x, 4, 3);
    let y = net.reshape(y, &[1, 120]);
    let a = net.dense(y, 7);
    net.output(a);
    net.output(y);
    assert_eq!(count(&cancelled(net), "transpose"), 1);
}

#[test]
fn dense_reshaped_to_a_feature_map_permutes_rows() {
    let mut net = Net::new();
    let x = net.input(&[1, 8]);
    let (w, b) = (net.constant(&[60, 8]), net.constant(&[60]));
    let y = net.node(Op::FullyConnected { activation: Activation::NONE }, &[x, w, b]);
    let y = net.relu(y);
    let y = net.reshape(y, &[1, 3, 4, 5]);
    let y = net.unary(Unary::Tanh, y);
    let y = net.conv_nchw(y, 2, 3);
    net.output(y);
    none_left(net);
}

#[test]
fn global_pool_and_squeeze_become_reshapes() {
    let mut net = Net::new();
    let x = net.input(&[1, 3, 6, 5]);
    let y = net.conv_nchw(x, 4, 3);
    let y = net.node(Op::Mean { axes: vec![2, 3], keep_dims: true }, &[y]);
    let y = net.reshape(y, &[1, 4]);
    let y = net.dense(y, 7);
    net.output(y);
    none_left(net);
}

#[test]
fn channels_last_source_read_channels_first() {
    let mut net = Net::new();
    let x = net.input(&[1, 6, 5, 3]);
    let x = net.transpose(x, NCHW);
    let y = net.conv_nchw(x, 4, 3);
    let m = net.node(Op::Mean { axes: vec![2, 3], keep_dims: false }, &[x]);
    let y = net.transpose(y, NHWC);
    net.output(y);
    net.output(m);
    let graph = none_left(net);
    assert!(graph.inputs[0].is_source_order() && graph.outputs[0].is_source_order());
}

#[test]
fn single_channel_reshape_is_only_a_new_name() {
    let mut net = Net::new();
    let x = net.input(&[1, 49, 10, 1]);
    let x = net.reshape(x, &[1, 1, 49, 10]);
    let y = net.conv_nchw(x, 4, 3);
    net.output(y);
    assert_eq!(ops(&none_left(net)), ["conv2d"]);
}

#[test]
fn channel_shuffle_keeps_one_transpose() {
    let mut net = Net::new();
    let x = net.input(&[1, 3, 4, 5]);
    let y = net.conv_nchw(x, 6, 3);
    let y = net.reshape(y, &[1, 2, 3, 4, 5]);
    let y = net.transpose(y, &[0, 2, 1, 3, 4]);
    let y = net.reshape(y, &[1, 6, 4, 5]);
    let y = net.conv_nchw(y, 6, 3);
    net.output(y);
    assert_eq!(count(&cancelled(net), "transpose"), 1);
}

#[test]
fn concat_with_an_untransposed_part_costs_one_transpose() {
    let mut net = Net::new();
    let (x, flat) = (net.input(&[1, 3, 4, 5]), net.input(&[40]));
    let map = net.reshape(flat, &[1, 2, 4, 5]);
    let y = net.conv_nchw(x, 6, 3);
    let y = net.node(Op::Concat { axis: 1 }, &[y, map]);
    let y = net.conv_nchw(y, 6, 3);
    net.output(y);
    assert_eq!(count(&cancelled(net), "transpose"), 1);
}

#[test]
fn one_dimensional_convolution_over_a_squeezed_axis() {
    let mut net = Net::new();
    let x = net.input(&[1, 3, 9]);
    let y = net.reshape(x, &[1, 3, 1, 9]);
    let y = net.conv_nchw(y, 4, 1);
    let y = net.reshape(y, &[1, 4, 9]);
    let y = net.relu(y);
    let y = net.reshape(y, &[1, 4, 1, 9]);
    let y = net.conv_nchw(y, 4, 1);
    let y = net.reshape(y, &[1, 4, 9]);
    net.output(y);
    let graph = cancelled(net);
    assert!(count(&graph, "transpose") <= 1, "{graph}");
}

#[test]
fn values_that_are_taken_and_read_stay_available() {
    let mut net = Net::new();
    let x = net.input(&[1, 3, 4, 5]);
    let a = net.conv_nchw(x, 3, 3);
    let b = net.relu(a);
    let c = net.add(b, b);
    for id in [a, b, c, x] {
        net.output(id);
    }
    let t = net.transpose(x, NHWC);
    net.output(t);
    cancelled(net);
}

#[test]
fn odd_ranks_and_odd_permutations_survive() {
    let mut net = Net::new();
    let scalar = net.input(&[]);
    let y = net.transpose(scalar, &[]);
    let z = net.add(y, y);
    net.output(y);
    net.output(z);
    let vector = net.input(&[4]);
    let y = net.transpose(vector, &[0]);
    let y = net.relu(y);
    net.output(y);
    let five = net.input(&[2, 3, 1, 2, 3]);
    let y = net.transpose(five, &[4, 2, 0, 1, 3]);
    let y = net.relu(y);
    let y = net.node(Op::Mean { axes: vec![0, 3], keep_dims: false }, &[y]);
    net.output(y);
    let three = net.input(&[2, 3, 4]);
    let t = net.transpose(three, &[1, 0, 2]);
    let y = net.dense(t, 5);
    let y = net.add(y, scalar);
    net.output(y);
    let map = net.input(&[1, 4, 6, 3]);
    let swapped = net.transpose(map, &[0, 2, 1, 3]);
    let y = net.conv(swapped, 2, 3, Pads::default(), 1);
    net.output(y);
    let square = net.input(&[3, 3]);
    let t = net.transpose(square, &[1, 0]);
    let y = net.mul(square, t);
    net.output(y);
    cancelled(net);
}
