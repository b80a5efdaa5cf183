use super::*;
use crate::execute::{Executor, Precision, Target};
use crate::ir::Activation;
use crate::passes::testing::{Net, Random};
use crate::quantize::observe;
use proptest::prelude::*;

const RELU: Activation = Activation { min: 0.0, max: f32::INFINITY };

fn samples(graph: &Graph, seed: u64, n: usize) -> Vec<Vec<Tensor>> {
    let mut random = Random::new(seed);
    (0..n).map(|_| graph.inputs.iter().map(|p| random.tensor(&graph.value(p.value).shape)).collect()).collect()
}

fn run(graph: &Graph, samples: &[Vec<Tensor>]) -> Vec<f32> {
    let executor = Executor::on(graph, Target::cpu(Precision::Double)).unwrap();
    let outputs = executor.run_batch(samples).unwrap();
    outputs.iter().flatten().flat_map(|t| t.as_f32().unwrap().to_vec()).collect()
}

/// Equalizes, and checks that the outputs stay within `1e-5` of the largest.
fn checked(graph: &Graph) -> (Graph, Vec<Equalized>) {
    let samples = samples(graph, 7, 12);
    let mut changed = graph.clone();
    let done = equalize(&mut changed, &observe(graph, &samples, &mut |_| {}).unwrap());
    crate::ir::verify(&changed).unwrap();
    let (before, after) = (run(graph, &samples), run(&changed, &samples));
    let largest = before.iter().fold(0.0f32, |m, x| m.max(x.abs()));
    assert!(largest > 0.0);
    for (b, a) in before.iter().zip(&after) {
        assert!((b - a).abs() <= 1e-5 * largest, "{b} became {a}");
    }
    (changed, done)
}

fn conv(net: &mut Net, x: ValueId, out: usize, kernel: usize, groups: usize, activation: Activation) -> ValueId {
    let c = net.graph.value(x).shape[3];
    let (w, b) = (net.constant(&[out, kernel, kernel, c / groups]), net.constant(&[out]));
    // Uneven channels: that of index `c` is larger by 4 to the `c`.
    for id in [w, b] {
        let per = net.graph.value(id).elements() / out;
        change(&mut net.graph, id, |at, w| w * 4f64.powi((at / per) as i32 % 5));
    }
    let op = Op::Conv2d {
        stride: [1, 1],
        dilation: [1, 1],
        pads: crate::ir::Pads { top: kernel / 2, left: kernel / 2, bottom: kernel / 2, right: kernel / 2 },
        groups,
        activation,
    };
    net.node(op, &[x, w, b])
}

fn dense(net: &mut Net, x: ValueId, out: usize, activation: Activation) -> ValueId {
    let inputs = *net.graph.value(x).shape.last().unwrap();
    let (w, b) = (net.constant(&[out, inputs]), net.constant(&[out]));
    net.node(Op::FullyConnected { activation }, &[x, w, b])
}

/// Largest over smallest.
fn spread(values: &[f32]) -> f32 {
    let ends = values.iter().fold((f32::INFINITY, 0.0f32), |(l, h), &x| (l.min(x), h.max(x)));
    ends.1 / ends.0
}

#[test]
fn a_chain_computes_the_same_and_channels_become_alike() {
    let mut net = Net::new();
    let x = net.input(&[1, 6, 6, 3]);
    let a = conv(&mut net, x, 10, 3, 1, RELU);
    let b = conv(&mut net, a, 10, 3, 10, RELU);
    let pool = Op::MaxPool2d { kernel: [2, 2], stride: [2, 2], dilation: [1, 1], pads: Default::default() };
    let pooled = net.node(pool, &[b]);
    let c = conv(&mut net, pooled, 8, 1, 2, Activation::NONE);
    let leaky = net.node(Op::Unary(Unary::LeakyRelu { alpha: 0.1 }), &[c]);
    let mean = net.node(Op::Mean { axes: vec![1, 2], keep_dims: false }, &[leaky]);
    let d = dense(&mut net, mean, 4, Activation::NONE);
    net.output(d);
    let (changed, done) = checked(&net.graph);
    assert_eq!(done.len(), 3, "{done:?}");

    let samples = samples(&net.graph, 7, 12);
    let seen = |graph: &Graph, value| observe(graph, &samples, &mut |_| {}).unwrap().largest(value).unwrap().to_vec();
    // Before a depthwise layer only the activations count.
    assert!(spread(&seen(&net.graph, a)) > 20.0);
    assert!(spread(&seen(&changed, a)) < 1.0001);
    assert!(spread(&seen(&changed, c)) < spread(&seen(&net.graph, c)));
}

#[test]
fn the_two_sides_of_a_dense_pair_meet_in_the_middle() {
    let mut net = Net::new();
    let x = net.input(&[1, 5]);
    let a = dense(&mut net, x, 6, RELU);
    let b = dense(&mut net, a, 3, Activation::NONE);
    net.output(b);
    let samples = samples(&net.graph, 7, 12);
    let (changed, done) = checked(&net.graph);
    assert_eq!(done.len(), 1);
    let w = |graph: &Graph| graph.constant(graph.nodes[1].inputs[1]).unwrap().as_f32().unwrap().to_vec();
    let (before, after) = (w(&net.graph), w(&changed));
    let row = |o: usize| before[o * 6..][..6].iter().fold(0.0f32, |m, x| m.max(x.abs()));
    let weight = |c: usize| (0..3).map(|o| after[o * 6 + c].abs() / row(o)).fold(0.0, f32::max);
    let observed = observe(&changed, &samples, &mut |_| {}).unwrap();
    let ratios: Vec<f32> = (0..6)
        .filter(|c| observed.largest(a).unwrap()[*c] > 0.0)
        .map(|c| observed.largest(a).unwrap()[c] / weight(c))
        .collect();
    assert!(ratios.len() > 3 && spread(&ratios) < 1.0001, "{ratios:?}");
}

#[test]
fn a_flattened_map_keeps_its_channels() {
    let mut net = Net::new();
    let x = net.input(&[1, 4, 4, 2]);
    let a = conv(&mut net, x, 5, 3, 1, RELU);
    let flat = net.reshape(a, &[1, 80]);
    let b = dense(&mut net, flat, 3, Activation::NONE);
    net.output(b);
    assert_eq!(checked(&net.graph).1.len(), 1);
}

#[test]
fn channels_at_the_bound_of_a_clamp_stay_and_the_others_grow() {
    let mut net = Net::new();
    let x = net.input(&[1, 6, 6, 3]);
    let a = conv(&mut net, x, 5, 3, 1, Activation { min: 0.0, max: 60.0 });
    let b = conv(&mut net, a, 5, 3, 5, Activation::NONE);
    net.output(b);
    let samples = samples(&net.graph, 7, 12);
    let largest = |graph: &Graph| observe(graph, &samples, &mut |_| {}).unwrap().largest(a).unwrap().to_vec();
    let (changed, done) = checked(&net.graph);
    let (before, after) = (largest(&net.graph), largest(&changed));
    assert_eq!((done.len(), before[4], after[4]), (1, 60.0, 60.0));
    for c in 0..5 {
        assert!(after[c] >= before[c] && (before[c] == 60.0 || after[c] <= 60.0 / 1.2499), "{before:?} {after:?}");
    }
    assert!(after[0] > 10.0 * before[0]);
}

#[test]
fn values_that_others_see_and_clamps_that_are_reached_below_are_left_alone() {
    let build = |output: bool, twice: bool, activation: Activation| {
        let mut net = Net::new();
        let x = net.input(&[1, 5]);
        let a = dense(&mut net, x, 6, activation);
        let b = dense(&mut net, a, 6, Activation::NONE);
        if output {
            net.output(a);
        }
        let b = if twice { net.node(Op::Add { activation: Activation::NONE }, &[a, b]) } else { b };
        net.output(b);
        checked(&net.graph).1.len()
    };
    assert_eq!(build(false, false, RELU), 1);
    assert_eq!(build(true, false, RELU), 0);
    assert_eq!(build(false, true, RELU), 0);
    assert_eq!(build(false, false, Activation { min: -0.5, max: f32::INFINITY }), 0);
    assert_eq!(build(false, false, Activation { min: -0.5, max: 0.5 }), 0);
}

/// A chain of convolutions with the activations of `layers`: channels over 4, whether the layer has groups, upper bound.
fn chain(layers: &[(usize, bool, Option<f32>)], flat: bool) -> Graph {
    let mut net = Net::new();
    let mut x = net.input(&[1, 5, 5, 4]);
    for &(quarter, grouped, bound) in layers {
        let activation = Activation { min: 0.0, max: bound.unwrap_or(f32::INFINITY) };
        x = conv(&mut net, x, 4 * quarter, 3, if grouped { 4 } else { 1 }, activation);
    }
    let c = net.graph.value(x).shape[3];
    let mean = Op::Mean { axes: vec![1, 2], keep_dims: false };
    let rows = if flat { net.reshape(x, &[1, 25 * c]) } else { net.node(mean, &[x]) };
    let y = dense(&mut net, rows, 3, Activation::NONE);
    net.output(y);
    net.graph
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_chain_computes_anything_else(
        layers in prop::collection::vec((1usize..4, any::<bool>(), prop::option::of(1.0f32..1e4)), 1..4),
        flat: bool,
    ) {
        let graph = chain(&layers, flat);
        let (changed, done) = checked(&graph);
        prop_assert_eq!(changed.nodes.len(), graph.nodes.len());
        // Channels were made uneven by factors of 4: without bounds, something is to be done.
        prop_assert!(!done.is_empty() || layers.iter().any(|l| l.2.is_some()));
    }
}
