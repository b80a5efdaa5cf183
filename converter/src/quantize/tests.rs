//! Small graphs through calibration and lowering.

use super::*;
use crate::ir::{Activation, DType, Graph, Node, Op, Pads, Port, Tensor, Unary, ValueId};

const NONE: Activation = Activation::NONE;

/// A graph under construction whose nodes are named `n0`, `n1`, ...
#[derive(Default)]
struct Builder(Graph);

impl Builder {
    fn port(&self, value: ValueId) -> Port {
        let v = self.0.value(value);
        Port {
            value,
            name: v.name.clone(),
            source_shape: v.shape.clone(),
            source_dtype: DType::F32,
            source_axes: (0..v.shape.len()).collect(),
        }
    }

    fn input(&mut self, shape: &[usize]) -> ValueId {
        let id = self.0.add_value(format!("x{}", self.0.inputs.len()), shape.to_vec(), DType::F32);
        let port = self.port(id);
        self.0.inputs.push(port);
        id
    }

    fn constant(&mut self, shape: &[usize], f: impl Fn(usize) -> f32) -> ValueId {
        let data = (0..shape.iter().product()).map(f).collect();
        self.0.add_constant(format!("c{}", self.0.values.len()), Tensor::f32(shape, data))
    }

    fn node(&mut self, op: Op, inputs: &[ValueId], shape: &[usize]) -> ValueId {
        let name = format!("n{}", self.0.nodes.len());
        let output = self.0.add_value(format!("{name}:out"), shape.to_vec(), DType::F32);
        self.0.nodes.push(Node { name, op, inputs: inputs.to_vec(), output });
        output
    }

    /// A 1x1 convolution with weights around `w`.
    fn conv(&mut self, x: ValueId, w: f32, out_c: usize) -> ValueId {
        let [_, h, width, c] = self.0.value(x).shape[..] else { panic!() };
        let weights = self.constant(&[out_c, 1, 1, c], |i| w * ((i * 7 % 5) as f32 - 1.7));
        let (stride, dilation) = ([1, 1], [1, 1]);
        let op = Op::Conv2d { stride, dilation, pads: Pads::default(), groups: 1, activation: NONE };
        self.node(op, &[x, weights], &[1, h, width, out_c])
    }

    fn pool(&mut self, x: ValueId) -> ValueId {
        let [_, h, w, c] = self.0.value(x).shape[..] else { panic!() };
        let op = Op::MaxPool2d { kernel: [2, 2], stride: [2, 2], dilation: [1, 1], pads: Pads::default() };
        self.node(op, &[x], &[1, h / 2, w / 2, c])
    }

    fn concat(&mut self, parts: &[ValueId]) -> ValueId {
        let mut shape = self.0.value(parts[0]).shape.clone();
        let axis = shape.len() - 1;
        shape[axis] = parts.iter().map(|p| self.0.value(*p).shape[axis]).sum();
        self.node(Op::Concat { axis }, parts, &shape)
    }

    fn output(mut self, value: ValueId) -> Graph {
        let port = self.port(value);
        self.0.outputs.push(port);
        self.0
    }
}

fn samples(graph: &Graph, n: usize) -> Vec<Vec<Tensor>> {
    let tensor = |sample: usize, port: &Port| {
        let v = graph.value(port.value);
        let element = |i: usize| ((sample * 31 + i * 17) % 101) as f32 / 50.0 - 1.0;
        Tensor::f32(v.shape.clone(), (0..v.elements()).map(element).collect())
    };
    (0..n).map(|s| graph.inputs.iter().map(|p| tensor(s, p)).collect()).collect()
}

fn calibrated(graph: &Graph) -> Ranges {
    calibrate(graph, &samples(graph, 5), &CalibrateOptions::default(), &mut |_| {}).unwrap()
}

fn lowered(graph: &Graph, options: &QuantizeOptions) -> QuantGraph {
    quantize(graph, &calibrated(graph), options).unwrap()
}

fn ops(quant: &QuantGraph) -> Vec<&'static str> {
    quant.graph.nodes.iter().map(|n| n.op.name()).collect()
}

fn of(quant: &QuantGraph, value: ValueId) -> &Quantization {
    quant.quantization[value.0].as_ref().unwrap()
}

#[test]
fn a_convolution_gets_int8_weights_and_a_bias() {
    let mut b = Builder::default();
    let x = b.input(&[1, 4, 4, 3]);
    let y = b.conv(x, 0.3, 2);
    let graph = b.output(y);
    let quant = lowered(&graph, &QuantizeOptions::default());
    assert_eq!(ops(&quant), ["conv2d"]);
    let node = &quant.graph.nodes[0];
    assert_eq!(node.inputs[..2], graph.nodes[0].inputs[..2], "values keep their ids");
    assert_eq!(quant.graph.constant(node.inputs[1]).unwrap().dtype(), DType::I8);
    assert_eq!(quant.graph.constant(node.inputs[2]).unwrap().dtype(), DType::I32);
    assert_eq!(of(&quant, node.inputs[1]).scales.len(), 2);
    assert_eq!(quant.graph.value(y).dtype, DType::I8);
}

#[test]
fn concatenation_and_pooling_share_one_quantization() {
    let mut b = Builder::default();
    let x = b.input(&[1, 4, 4, 3]);
    let (left, right) = (b.conv(x, 0.3, 2), b.conv(x, 2.0, 4));
    let joined = b.concat(&[left, right]);
    let pooled = b.pool(joined);
    let flat = b.node(Op::Reshape, &[pooled], &[1, 24]);
    let quant = lowered(&b.output(flat), &QuantizeOptions::default());
    for value in [left, right, joined, pooled] {
        assert_eq!(of(&quant, value), of(&quant, flat));
    }
    assert_ne!(of(&quant, x), of(&quant, flat));
}

#[test]
fn softmax_keeps_its_scale_even_inside_a_concatenation() {
    let mut b = Builder::default();
    let x = b.input(&[1, 6]);
    let soft = b.node(Op::Softmax { axis: 1 }, &[x], &[1, 6]);
    let both = b.concat(&[soft, x]);
    let quant = lowered(&b.output(both), &QuantizeOptions::default());
    assert_eq!(*of(&quant, soft), params::softmax());
    assert_eq!(of(&quant, both), of(&quant, x));
    assert_eq!(ops(&quant), ["softmax", "requantize", "concat"]);

    let mut b = Builder::default();
    let x = b.input(&[1, 6]);
    let soft = b.node(Op::Softmax { axis: 1 }, &[x], &[1, 6]);
    let view = b.node(Op::Reshape, &[soft], &[1, 2, 3]);
    let quant = lowered(&b.output(view), &QuantizeOptions::default());
    assert_eq!(*of(&quant, view), params::softmax());
    assert_eq!(ops(&quant), ["softmax", "reshape"]);
}

#[test]
fn sigmoid_and_tanh_have_power_of_two_scales() {
    let mut b = Builder::default();
    let x = b.input(&[1, 6]);
    let s = b.node(Op::Unary(Unary::Sigmoid), &[x], &[1, 6]);
    let t = b.node(Op::Unary(Unary::Tanh), &[s], &[1, 6]);
    let quant = lowered(&b.output(t), &QuantizeOptions::default());
    assert_eq!(*of(&quant, s), Quantization::per_tensor(1.0 / 256.0, -128));
    assert_eq!(*of(&quant, t), Quantization::per_tensor(1.0 / 128.0, 0));
}

#[test]
fn constant_operands_become_int8() {
    let mut b = Builder::default();
    let x = b.input(&[1, 2, 2, 3]);
    let c = b.constant(&[3], |i| i as f32 * 5.0);
    let y = b.node(Op::Mul { activation: NONE }, &[x, c], &[1, 2, 2, 3]);
    let z = b.node(Op::Add { activation: NONE }, &[c, y], &[1, 2, 2, 3]);
    let quant = lowered(&b.output(z), &QuantizeOptions::default());
    let [_, first] = quant.graph.nodes[0].inputs[..] else { panic!() };
    let [second, _] = quant.graph.nodes[1].inputs[..] else { panic!() };
    assert_eq!(quant.graph.constant(first), quant.graph.constant(second));
    let expected = Tensor::I8 { shape: vec![3], data: vec![-128, 0, 127] };
    assert!(matches!(quant.graph.constant(first), Some(t) if t.shape() == expected.shape()));
    assert_eq!(of(&quant, first).zero_point, -128);
}

#[test]
fn a_float_node_stands_between_conversions() {
    let mut b = Builder::default();
    let x = b.input(&[1, 4, 4, 3]);
    let a = b.conv(x, 0.5, 3);
    let m = b.conv(a, 0.5, 3);
    let y = b.conv(m, 0.5, 3);
    let graph = b.output(y);
    let options = |patterns: &[&str]| QuantizeOptions {
        float_nodes: patterns.iter().map(|p| (*p).into()).collect(),
        ..QuantizeOptions::default()
    };
    let quant = lowered(&graph, &options(&["*1"]));
    assert_eq!(ops(&quant), ["conv2d", "dequantize", "conv2d", "quantize", "conv2d"]);
    assert_eq!(quant.graph.value(m).dtype, DType::F32);
    assert_eq!(quant.graph.nodes[2].inputs.len(), 2, "float nodes keep their operands");
    let all_float = lowered(&graph, &options(&["n*"]));
    assert_eq!(ops(&all_float), ["dequantize", "conv2d", "conv2d", "conv2d", "quantize"]);
    let error = quantize(&graph, &calibrated(&graph), &options(&["nothing"])).unwrap_err().to_string();
    assert!(error.starts_with("no node is called `nothing`"), "{error}");
}

#[test]
fn int16_nodes_stand_between_requantizations() {
    let mut b = Builder::default();
    let x = b.input(&[1, 4, 4, 3]);
    let a = b.conv(x, 0.5, 3);
    let m = b.conv(a, 0.5, 3);
    let y = b.conv(m, 0.5, 3);
    let graph = b.output(y);
    let options = |patterns: &[&str]| QuantizeOptions {
        int16_nodes: patterns.iter().map(|p| (*p).into()).collect(),
        ..QuantizeOptions::default()
    };
    let quant = lowered(&graph, &options(&["*1"]));
    assert_eq!(ops(&quant), ["conv2d", "requantize", "conv2d", "requantize", "conv2d"]);
    let wide = quant.graph.nodes[2].inputs[0];
    for value in [wide, m] {
        assert_eq!((quant.graph.value(value).dtype, of(&quant, value).zero_point), (DType::I16, 0));
    }
    assert_eq!(quant.graph.value(y).dtype, DType::I8);
    assert!(of(&quant, m).scale() < of(&quant, y).scale());
    let error = quantize(&graph, &calibrated(&graph), &options(&["nothing"])).unwrap_err().to_string();
    assert!(error.starts_with("no node is called `nothing`"), "{error}");
}

#[test]
fn a_whole_network_of_int16_has_ports_of_that_type() {
    let mut b = Builder::default();
    let x = b.input(&[1, 6]);
    let s = b.node(Op::Unary(Unary::Sigmoid), &[x], &[1, 6]);
    let both = b.concat(&[s, x]);
    let soft = b.node(Op::Softmax { axis: 1 }, &[both], &[1, 12]);
    let options = QuantizeOptions { activations: Width::I16, ..QuantizeOptions::default() };
    let quant = lowered(&b.output(soft), &options);
    assert_eq!(ops(&quant), ["unary", "requantize", "concat", "softmax"]);
    for value in [x, s, both, soft] {
        assert_eq!(quant.graph.value(value).dtype, DType::I16);
    }
    for value in [s, soft] {
        assert_eq!(*of(&quant, value), Quantization::per_tensor(1.0 / 32768.0, 0));
    }
    assert_eq!(of(&quant, both), of(&quant, x));
}

#[test]
fn int16_clips_nothing() {
    let mut b = Builder::default();
    let x = b.input(&[1, 4, 4, 3]);
    let y = b.conv(x, 0.5, 3);
    let graph = b.output(y);
    let ranges = calibrated(&graph);
    let seen = ranges.seen[y.0].unwrap();
    let options = QuantizeOptions { activations: Width::I16, ..QuantizeOptions::default() };
    let quant = quantize(&graph, &ranges, &options).unwrap();
    let reach = of(&quant, y).scale() * 32767.0;
    assert!((reach - seen.max.max(-seen.min)).abs() < 1e-3 * reach);
}

#[test]
fn float_ports_are_converted_inside() {
    let mut b = Builder::default();
    let x = b.input(&[1, 4, 4, 3]);
    let y = b.conv(x, 0.5, 3);
    let graph = b.output(y);
    let options = QuantizeOptions { inputs: PortType::F32, outputs: PortType::F32, ..QuantizeOptions::default() };
    let quant = lowered(&graph, &options);
    assert_eq!(ops(&quant), ["quantize", "conv2d", "dequantize"]);
    let port = |p: &Port| quant.graph.value(p.value).dtype;
    assert_eq!((port(&quant.graph.inputs[0]), port(&quant.graph.outputs[0])), (DType::F32, DType::F32));
}

#[test]
fn a_dead_network_is_quantized_all_the_same() {
    let mut b = Builder::default();
    let x = b.input(&[1, 4, 4, 3]);
    let dead = b.conv(x, 0.0, 3);
    let y = b.conv(dead, 0.5, 2);
    let quant = lowered(&b.output(y), &QuantizeOptions::default());
    assert_eq!(*of(&quant, dead), Quantization::per_tensor(1.0, 0));
}

#[test]
fn keep_float_changes_nothing_but_is_valid() {
    let mut b = Builder::default();
    let x = b.input(&[1, 4, 4, 3]);
    let y = b.conv(x, 0.5, 3);
    let quant = keep_float(&b.output(y));
    verify(&quant).unwrap();
    assert!(quant.quantization.iter().all(Option::is_none));
}

#[test]
fn verify_names_what_is_broken() {
    let mut b = Builder::default();
    let x = b.input(&[1, 4, 4, 3]);
    let y = b.conv(x, 0.5, 3);
    let z = b.pool(y);
    let good = lowered(&b.output(z), &QuantizeOptions::default());

    let mut bad = good.clone();
    bad.quantization[z.0] = Some(Quantization::per_tensor(0.5, 0));
    assert!(verify(&bad).unwrap_err().to_string().contains("`n1`"));
    let mut bad = good.clone();
    bad.quantization[y.0] = None;
    assert!(verify(&bad).unwrap_err().to_string().contains("`n0:out`"));
    let mut bad = good.clone();
    let bias = bad.graph.nodes[0].inputs[2];
    bad.quantization[bias.0].as_mut().unwrap().scales[1] *= 2.0;
    assert!(verify(&bad).unwrap_err().to_string().contains("bias scale"));
}

#[test]
fn left_over_scale_shift_is_refused() {
    let mut b = Builder::default();
    let x = b.input(&[1, 3]);
    let c = b.constant(&[3], |_| 1.0);
    let y = b.node(Op::ScaleShift, &[x, c, c], &[1, 3]);
    let graph = b.output(y);
    let error = quantize(&graph, &calibrated(&graph), &QuantizeOptions::default()).unwrap_err().to_string();
    assert!(error.starts_with("node `n0`: scale_shift: internal error"), "{error}");
}

#[test]
fn calibration_names_the_node_and_sample_that_is_not_finite() {
    let mut b = Builder::default();
    let x = b.input(&[1, 2]);
    let y = b.node(Op::Unary(Unary::Log), &[x], &[1, 2]);
    let graph = b.output(y);
    let sample = |a: f32| vec![Tensor::f32([1, 2], vec![1.0, a])];
    let run = |samples: &[Vec<Tensor>]| calibrate(&graph, samples, &CalibrateOptions::default(), &mut |_| {});
    let error = run(&[sample(1.0), sample(2.0), sample(-1.0)]).unwrap_err().to_string();
    assert!(error.starts_with("node `n0`: its output holds NaN on calibration sample 2"), "{error}");
    let error = run(&[sample(f32::INFINITY)]).unwrap_err().to_string();
    assert!(error.starts_with("node `x0`: its output holds infinity"), "{error}");
    assert!(matches!(run(&[]), Err(QuantizeError::NoSamples)));
}

#[test]
fn calibration_does_not_depend_on_the_order_of_samples() {
    let mut b = Builder::default();
    let x = b.input(&[1, 4, 4, 3]);
    let y = b.conv(x, 0.5, 3);
    let graph = b.output(y);
    let mut data = samples(&graph, 40);
    let mut calls = Vec::new();
    let options = CalibrateOptions::default();
    let forward = calibrate(&graph, &data, &options, &mut |n| calls.push(n)).unwrap();
    data.reverse();
    assert_eq!(forward.ranges, calibrate(&graph, &data, &options, &mut |_| {}).unwrap().ranges);
    assert_eq!(calls, [16, 32, 40]);
}
