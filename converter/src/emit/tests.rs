//! Every op through the whole back end: what the engine computes must be what the float executor computes.

use super::*;
use crate::execute::Executor;
use crate::inspect::Summary;
use crate::ir::{Activation, DType, Graph, Node, Op, Pads, Port, Tensor, Unary};
use crate::plan::{PortLayout, plan, with_port_layout};
use crate::quantize::{CalibrateOptions, QuantizeOptions, calibrate, keep_float, quantize};
use crate::validate::{Session, Similarity};

/// Pseudo-random numbers in [-1, 1).
struct Noise(u32);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as f32 / (1 << 23) as f32 - 1.0
    }

    fn tensor(&mut self, shape: &[usize]) -> Tensor {
        let n = shape.iter().product();
        Tensor::f32(shape, (0..n).map(|_| self.next()).collect())
    }
}

struct Net {
    graph: Graph,
    noise: Noise,
}

impl Net {
    fn new() -> Self {
        Self { graph: Graph { name: "net".into(), ..Graph::default() }, noise: Noise(7) }
    }

    fn input(&mut self, shape: &[usize]) -> ValueId {
        let name = format!("x{}", self.graph.inputs.len());
        let value = self.graph.add_value(name, shape.to_vec(), DType::F32);
        self.graph.inputs.push(identity_port(&self.graph, value));
        value
    }

    fn constant(&mut self, shape: &[usize]) -> ValueId {
        let tensor = self.noise.tensor(shape);
        self.graph.add_constant(format!("c{}", self.graph.values.len()), tensor)
    }

    fn node(&mut self, op: Op, inputs: &[ValueId], shape: &[usize]) -> ValueId {
        let name = format!("n{}", self.graph.nodes.len());
        let output = self.graph.add_value(format!("{name}.y"), shape.to_vec(), DType::F32);
        self.graph.nodes.push(Node { name, op, inputs: inputs.to_vec(), output });
        output
    }

    fn output(mut self, value: ValueId) -> Graph {
        self.graph.outputs.push(identity_port(&self.graph, value));
        self.graph
    }
}

fn identity_port(graph: &Graph, value: ValueId) -> Port {
    let v = graph.value(value);
    let source_axes = (0..v.shape.len()).collect();
    Port { value, name: v.name.clone(), source_shape: v.shape.clone(), source_dtype: DType::F32, source_axes }
}

fn samples(graph: &Graph, n: usize) -> Vec<Vec<Tensor>> {
    let mut noise = Noise(99);
    let shape = |port: &Port| graph.value(port.value).shape.clone();
    (0..n).map(|_| graph.inputs.iter().map(|p| noise.tensor(&shape(p))).collect()).collect()
}

fn arrays(sample: &[Tensor]) -> Vec<Vec<f32>> {
    sample.iter().map(|t| t.as_f32().expect("float").to_vec()).collect()
}

/// Float and stored outputs of a few samples, one after the other.
fn outputs(graph: &Graph, emitted: &Emitted) -> (Vec<f32>, Vec<f32>) {
    let executor = Executor::new(graph).unwrap();
    let session = Session::load(emitted.bytes.clone()).unwrap();
    let mut runner = session.runner().unwrap();
    let (mut float, mut stored) = (Vec::new(), Vec::new());
    for sample in samples(graph, 4) {
        float.extend(arrays(&executor.run(&sample).unwrap()).concat());
        stored.extend(runner.run(&arrays(&sample)).unwrap().concat());
        let mark = runner.high_water_mark(&arrays(&sample)).unwrap();
        assert_eq!(mark, runner.arena_bytes(), "the plan is the high-water mark");
    }
    (float, stored)
}

fn int8(graph: &Graph) -> Emitted {
    let ranges = calibrate(graph, &samples(graph, 8), &CalibrateOptions::default(), &mut |_| {}).unwrap();
    let quant = quantize(graph, &ranges, &QuantizeOptions::default()).unwrap();
    emit(&plan(quant).unwrap(), &EmitOptions::default()).unwrap()
}

fn float(graph: &Graph) -> Emitted {
    emit(&plan(keep_float(graph)).unwrap(), &EmitOptions::default()).unwrap()
}

#[track_caller]
fn check_float(graph: &Graph) {
    let (expected, got) = outputs(graph, &float(graph));
    let similarity = Similarity::of(&expected, &got);
    assert!(similarity.max_abs < 1e-4, "float: {similarity:?}");
}

/// The op in float32 must be exact up to summation order; in int8 its error must be that of 8 bits.
#[track_caller]
fn check(graph: &Graph) {
    check_float(graph);
    let (expected, got) = outputs(graph, &int8(graph));
    let similarity = Similarity::of(&expected, &got);
    assert!(similarity.sqnr_db > 25.0, "int8: {similarity:?}");
}

const RELU6: Activation = Activation { min: 0.0, max: 6.0 };

fn conv(x: [usize; 3], weights: [usize; 4], y: [usize; 3], stride: usize, dilation: usize, pads: [usize; 4]) -> Graph {
    let mut net = Net::new();
    let input = net.input(&[1, x[0], x[1], x[2]]);
    let w = net.constant(&weights);
    let b = net.constant(&weights[..1]);
    let [top, left, bottom, right] = pads;
    let op = Op::Conv2d {
        stride: [stride; 2],
        dilation: [dilation; 2],
        pads: Pads { top, left, bottom, right },
        groups: x[2] / weights[3],
        activation: RELU6,
    };
    let y = net.node(op, &[input, w, b], &[1, y[0], y[1], y[2]]);
    net.output(y)
}

#[test]
fn convolutions() {
    check(&conv([5, 6, 3], [8, 3, 3, 3], [5, 6, 8], 1, 1, [1, 1, 1, 1]));
    check(&conv([7, 8, 3], [4, 3, 3, 3], [4, 4, 4], 2, 1, [1, 0, 1, 1]));
    check(&conv([9, 9, 2], [4, 3, 3, 2], [5, 5, 4], 1, 2, [0, 0, 0, 0]));
    check(&conv([4, 4, 8], [6, 1, 1, 4], [4, 4, 6], 1, 1, [0, 0, 0, 0]));
}

#[test]
fn depthwise_convolutions() {
    let plain = conv([5, 6, 8], [8, 3, 3, 1], [5, 6, 8], 1, 1, [1, 1, 1, 1]);
    check(&plain);
    let summary = Summary::from_blob(&int8(&plain).bytes).unwrap();
    assert_eq!(summary.instructions[0].op, "depthwise_conv2d");
    check(&conv([6, 6, 3], [6, 3, 3, 1], [3, 3, 6], 2, 1, [0, 0, 1, 1]));
}

#[test]
fn fully_connected_on_rows() {
    let mut net = Net::new();
    let x = net.input(&[1, 3, 20]);
    let w = net.constant(&[10, 20]);
    let b = net.constant(&[10]);
    let y = net.node(Op::FullyConnected { activation: RELU6 }, &[x, w, b], &[1, 3, 10]);
    check(&net.output(y));
}

#[test]
fn sums_and_products_broadcast() {
    let shape = [1, 4, 5, 6];
    for op in [Op::Add { activation: Activation::NONE }, Op::Mul { activation: Activation::NONE }] {
        for other in [&[1, 4, 5, 6][..], &[1, 1, 1, 6], &[1, 4, 1, 1], &[1, 4, 1, 6]] {
            let mut net = Net::new();
            let (a, b) = (net.input(&shape), net.input(other));
            let y = net.node(op.clone(), &[b, a], &shape);
            check(&net.output(y));

            let mut net = Net::new();
            let (a, b) = (net.input(&shape), net.constant(other));
            let y = net.node(op.clone(), &[a, b], &shape);
            check(&net.output(y));
        }
    }
}

#[test]
fn a_value_added_to_itself() {
    let mut net = Net::new();
    let x = net.input(&[1, 40]);
    let y = net.node(Op::Add { activation: Activation::NONE }, &[x, x], &[1, 40]);
    check(&net.output(y));
}

#[test]
fn pooling() {
    for count_include_pad in [false, true] {
        let mut net = Net::new();
        let x = net.input(&[1, 6, 6, 4]);
        let pads = Pads { top: 1, left: 1, bottom: 1, right: 1 };
        let op = Op::AveragePool2d { kernel: [3, 3], stride: [2, 2], dilation: [1, 1], pads, count_include_pad };
        let y = net.node(op, &[x], &[1, 3, 3, 4]);
        check(&net.output(y));
    }
    let mut net = Net::new();
    let x = net.input(&[1, 6, 6, 4]);
    let pads = Pads { top: 0, left: 0, bottom: 1, right: 1 };
    let op = Op::MaxPool2d { kernel: [3, 3], stride: [2, 2], dilation: [1, 1], pads };
    let y = net.node(op, &[x], &[1, 3, 3, 4]);
    check(&net.output(y));
}

#[test]
fn means() {
    let mut net = Net::new();
    let x = net.input(&[1, 6, 5, 4]);
    let y = net.node(Op::Mean { axes: vec![1, 2], keep_dims: false }, &[x], &[1, 4]);
    check(&net.output(y));
    let mut net = Net::new();
    let x = net.input(&[1, 6, 5, 4]);
    let y = net.node(Op::Mean { axes: vec![3], keep_dims: true }, &[x], &[1, 6, 5, 1]);
    check(&net.output(y));
}

#[test]
fn softmax_of_rows() {
    let mut net = Net::new();
    let x = net.input(&[1, 3, 10]);
    let y = net.node(Op::Softmax { axis: 2 }, &[x], &[1, 3, 10]);
    check(&net.output(y));
}

#[test]
fn functions_are_tables() {
    let functions = [Unary::Sigmoid, Unary::HardSwish, Unary::LeakyRelu { alpha: 0.1 }, Unary::GeluTanh, Unary::Abs];
    for function in functions {
        let mut net = Net::new();
        let x = net.input(&[1, 100]);
        let y = net.node(Op::Unary(function), &[x], &[1, 100]);
        check(&net.output(y));
    }
}

#[test]
fn concatenations_in_place_and_copied() {
    // Channels: copied, as pixels interleave. Rows: in place.
    for (axis, shape) in [(3, [1, 4, 5, 9]), (1, [1, 12, 5, 3])] {
        let mut net = Net::new();
        let x = net.input(&[1, 4, 5, 3]);
        let a = net.node(Op::Unary(Unary::Abs), &[x], &[1, 4, 5, 3]);
        let b = net.node(Op::Unary(Unary::Neg), &[x], &[1, 4, 5, 3]);
        let y = net.node(Op::Concat { axis }, &[a, x, b], &shape);
        let graph = net.output(y);
        check(&graph);
        let copies = int8(&graph).sources.len() - 2;
        assert!(if axis == 3 { copies == 3 } else { copies <= 1 }, "axis {axis}: {copies} copies");
    }
}

#[test]
fn slices_with_steps() {
    let mut net = Net::new();
    let x = net.input(&[1, 6, 8, 4]);
    let op = Op::Slice { start: vec![0, 1, 0, 1], end: vec![1, 6, 8, 4], step: vec![1, 2, 3, 2] };
    let y = net.node(op, &[x], &[1, 3, 3, 2]);
    check(&net.output(y));
}

#[test]
fn pads_reshapes_and_transposes() {
    let mut net = Net::new();
    let x = net.input(&[1, 4, 5, 3]);
    let pad = Op::Pad { before: vec![0, 1, 2, 0], after: vec![0, 1, 0, 1], value: 0.5 };
    let h = net.node(pad, &[x], &[1, 6, 7, 4]);
    let h = net.node(Op::Transpose { perm: vec![0, 3, 1, 2] }, &[h], &[1, 4, 6, 7]);
    let y = net.node(Op::Reshape, &[h], &[1, 168]);
    check(&net.output(y));
}

#[test]
fn scale_and_shift_per_channel_in_float() {
    let mut net = Net::new();
    let x = net.input(&[1, 4, 5, 3]);
    let (scale, shift) = (net.constant(&[3]), net.constant(&[3]));
    let y = net.node(Op::ScaleShift, &[x, scale, shift], &[1, 4, 5, 3]);
    check_float(&net.output(y));
}

#[test]
fn a_model_without_nodes_passes_its_input_on() {
    let mut net = Net::new();
    let x = net.input(&[1, 7]);
    check(&net.output(x));
}

#[test]
fn ports_in_source_layout_give_the_same_outputs() {
    let mut graph = conv([5, 6, 3], [8, 3, 3, 3], [5, 6, 8], 1, 1, [1, 1, 1, 1]);
    for (port, shape) in [(&mut graph.inputs[0], [1, 3, 5, 6]), (&mut graph.outputs[0], [1, 8, 5, 6])] {
        (port.source_shape, port.source_axes) = (shape.to_vec(), vec![0, 2, 3, 1]);
    }
    let ranges = calibrate(&graph, &samples(&graph, 8), &CalibrateOptions::default(), &mut |_| {}).unwrap();
    let quant = quantize(&graph, &ranges, &QuantizeOptions::default()).unwrap();
    let run = |layout| {
        let plan = plan(with_port_layout(quant.clone(), layout)).unwrap();
        let session = Session::load(emit(&plan, &EmitOptions::default()).unwrap().bytes).unwrap();
        let shape = session.runner().unwrap().inputs()[0].shape.to_vec();
        (shape, session.run(&arrays(&samples(&graph, 1)[0])).unwrap())
    };
    let (stored_shape, stored) = run(PortLayout::Stored);
    let (source_shape, source) = run(PortLayout::Source);
    assert_eq!((stored_shape.as_slice(), source_shape.as_slice()), (&[1, 5, 6, 3][..], &[1, 3, 5, 6][..]));
    assert_eq!(stored, source);
}

#[test]
fn arrays_of_the_wrong_size_are_refused() {
    let graph = conv([5, 6, 3], [8, 3, 3, 3], [5, 6, 8], 1, 1, [1, 1, 1, 1]);
    let session = Session::load(float(&graph).bytes).unwrap();
    let mut runner = session.runner().unwrap();
    let error = runner.run(&[]).unwrap_err();
    assert_eq!(error.to_string(), "the model has 1 inputs, got 0 arrays");
    let error = runner.run(&[vec![0.0; 7]]).unwrap_err();
    assert_eq!(error.to_string(), "input 0 of shape [1, 5, 6, 3] holds 90 elements, got 7");
    let error = runner.run_raw(&[&[0; 8]]).unwrap_err();
    assert_eq!(error.to_string(), "input 0 of shape [1, 5, 6, 3] holds 360 bytes, got 8");
}

#[test]
fn raw_runs_take_what_the_arena_holds() {
    let graph = conv([5, 6, 3], [8, 3, 3, 3], [5, 6, 8], 1, 1, [1, 1, 1, 1]);
    let session = Session::load(int8(&graph).bytes).unwrap();
    let mut runner = session.runner().unwrap();
    let sample = arrays(&samples(&graph, 1)[0]);
    let stored = runner.store_inputs(&sample).unwrap();
    let raw = runner.run_raw(&stored.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
    let port = &runner.outputs()[0];
    let real: Vec<f32> = raw[0].iter().map(|&b| port.scale * (i32::from(b as i8) - port.zero_point) as f32).collect();
    assert_eq!(real, runner.run(&sample).unwrap()[0]);
}

#[test]
fn the_same_plan_gives_the_same_bytes() {
    let graph = conv([5, 6, 3], [8, 3, 3, 3], [5, 6, 8], 1, 1, [1, 1, 1, 1]);
    assert_eq!(int8(&graph).bytes, int8(&graph).bytes);
}

#[test]
fn half_weights_halve_the_weights_section() {
    let graph = conv([5, 6, 8], [16, 3, 3, 8], [5, 6, 16], 1, 1, [1, 1, 1, 1]);
    let whole = float(&graph);
    let options = EmitOptions { half_weights: true, ..EmitOptions::default() };
    let half = emit(&plan(keep_float(&graph)).unwrap(), &options).unwrap();
    assert_eq!(whole.bytes.len() - half.bytes.len(), 16 * 9 * 8 * 2);
    let (expected, got) = outputs(&graph, &half);
    assert!(Similarity::of(&expected, &got).sqnr_db > 50.0);
}

#[test]
fn self_tests_hold_and_metadata_is_kept() {
    let mut graph = conv([5, 6, 3], [8, 3, 3, 3], [5, 6, 8], 1, 1, [1, 1, 1, 1]);
    graph.nodes[0].name = "two\nlines".into();
    let plan = plan(keep_float(&graph)).unwrap();
    let meta = MetaOptions { labels: vec!["cat".into(), "dog".into()], ..MetaOptions::default() };
    let self_test = samples(&graph, 2).iter().map(|sample| arrays(sample)).collect();
    let options = EmitOptions { meta: Some(meta), self_test, model_version: 3, ..EmitOptions::default() };
    let emitted = emit(&plan, &options).unwrap();
    let summary = Summary::from_blob(&emitted.bytes).unwrap();
    assert_eq!(summary.self_tests, 2);
    assert_eq!(summary.model_version, 3);
    assert_eq!(summary.provenance.labels, ["cat", "dog"]);
    assert_eq!(summary.instructions[0].node, "two lines");
    assert!(summary.sha256_ok);
    let session = Session::load(emitted.bytes).unwrap();
    assert_eq!(session.runner().unwrap().self_test(), Ok(2));

    let stripped = emit(&plan, &EmitOptions { meta: None, ..EmitOptions::default() }).unwrap();
    assert_eq!(Summary::from_blob(&stripped.bytes).unwrap().instructions[0].node, "");
}

#[test]
fn a_self_test_sample_of_the_wrong_size_is_refused() {
    let graph = conv([5, 6, 3], [8, 3, 3, 3], [5, 6, 8], 1, 1, [1, 1, 1, 1]);
    let options = EmitOptions { self_test: vec![vec![vec![0.0; 7]]], ..EmitOptions::default() };
    let error = emit(&plan(keep_float(&graph)).unwrap(), &options).unwrap_err();
    assert_eq!(error.to_string(), "self-test sample 0, input `x0`: expected 90 elements, got 7");
}

#[test]
fn what_the_device_cannot_do_names_the_node() {
    let mut net = Net::new();
    let (a, b) = (net.input(&[1, 4, 1]), net.input(&[1, 1, 5]));
    let y = net.node(Op::Add { activation: Activation::NONE }, &[a, b], &[1, 4, 5]);
    let graph = net.output(y);
    let error = emit(&plan(keep_float(&graph)).unwrap(), &EmitOptions::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "node `n0`: add: one operand must have the shape of the result [1, 4, 5], got [1, 4, 1] and [1, 1, 5]: \
         expand one of them in the network"
    );

    let mut net = Net::new();
    let x = net.input(&[1, 4, 5]);
    let y = net.node(Op::Softmax { axis: 1 }, &[x], &[1, 4, 5]);
    let error = emit(&plan(keep_float(&net.output(y))).unwrap(), &EmitOptions::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "node `n0`: softmax: axis 1 of [1, 4, 5] is not the last one: transpose around it in the network"
    );

    let mut net = Net::new();
    let inputs: Vec<ValueId> = (0..9).map(|_| net.input(&[1, 2])).collect();
    let y = net.node(Op::Concat { axis: 1 }, &inputs, &[1, 18]);
    let error = emit(&plan(keep_float(&net.output(y))).unwrap(), &EmitOptions::default()).unwrap_err();
    assert_eq!(error.to_string(), "the model has 9 inputs, a model file holds at most 8");
}
