//! Every op against a hand-written reference on small random tensors.

mod gradients;
mod lstm;
mod naive;

use super::*;
use crate::ir::{Activation, DType, Graph, Node, Op, Pads, Port, Tensor, Unary, ValueId};
use naive::{Nd, random};

/// A graph of one node; `operands[0]` is the input, the rest are constants.
fn one_node(op: Op, operands: &[&Nd], out_shape: &[usize]) -> Graph {
    let mut graph = Graph { name: "test".into(), ..Graph::default() };
    let inputs: Vec<ValueId> = operands
        .iter()
        .enumerate()
        .map(|(i, nd)| match i {
            0 => graph.add_value("x", nd.shape.clone(), DType::F32),
            _ => graph.add_constant(format!("c{i}"), Tensor::f32(nd.shape.clone(), nd.data.clone())),
        })
        .collect();
    let output = graph.add_value("y", out_shape.to_vec(), DType::F32);
    let port = |value: ValueId, graph: &Graph| {
        let shape = graph.value(value).shape.clone();
        let axes = (0..shape.len()).collect();
        Port {
            value,
            name: graph.value(value).name.clone(),
            source_shape: shape,
            source_dtype: DType::F32,
            source_axes: axes,
        }
    };
    graph.inputs = vec![port(inputs[0], &graph)];
    graph.outputs = vec![port(output, &graph)];
    graph.nodes.push(Node { name: "node".into(), op, inputs, output });
    graph
}

fn close(got: &[f32], expected: &[f32]) {
    assert_eq!(got.len(), expected.len());
    for (i, (g, e)) in got.iter().zip(expected).enumerate() {
        assert!((g - e).abs() <= 1e-5 * e.abs().max(1.0), "element {i}: got {g}, expected {e}");
    }
}

/// Runs the op alone, in double precision, and three samples at once, and compares all with `expected`; then its gradients
/// with differences.
fn check(op: Op, operands: &[&Nd], expected: &Nd) {
    check_graph(one_node(op, operands, &expected.shape), operands, expected);
}

fn check_graph(graph: Graph, operands: &[&Nd], expected: &Nd) {
    let x = Tensor::f32(operands[0].shape.clone(), operands[0].data.clone());
    for precision in [Precision::Single, Precision::Double] {
        let executor = Executor::on(&graph, Target::cpu(precision)).unwrap();
        let y = executor.run(std::slice::from_ref(&x)).unwrap();
        assert_eq!(y[0].shape(), expected.shape);
        close(y[0].as_f32().unwrap(), &expected.data);

        let twice = Tensor::f32(operands[0].shape.clone(), operands[0].data.iter().map(|v| v * 2.0).collect());
        let samples = vec![vec![twice.clone()], vec![x.clone()], vec![twice]];
        let batch = executor.run_batch(&samples).unwrap();
        assert_eq!(batch.len(), 3);
        close(batch[1][0].as_f32().unwrap(), &expected.data);
        close(batch[2][0].as_f32().unwrap(), executor.run(&samples[2]).unwrap()[0].as_f32().unwrap());
    }
    gradients::check(&graph, &operands[0].data);
}

const RELU6: Activation = Activation { min: 0.0, max: 6.0 };

#[test]
fn conv2d_matches_for_strides_dilations_pads_and_groups() {
    let pads = [Pads::default(), Pads { top: 1, left: 0, bottom: 2, right: 1 }];
    let mut seed = 0;
    for pads in pads {
        for stride in [[1, 1], [2, 3]] {
            for dilation in [[1, 1], [2, 1]] {
                for (groups, out_c) in [(1, 6), (2, 4), (4, 4), (4, 8)] {
                    seed += 1;
                    let x = random(&[1, 7, 8, 4], seed);
                    let w = random(&[out_c, 3, 2, 4 / groups], seed + 100);
                    let b = random(&[out_c], seed + 200);
                    let expected = naive::conv2d(&x, &w, Some(&b), stride, dilation, pads, groups, RELU6);
                    check(Op::Conv2d { stride, dilation, pads, groups, activation: RELU6 }, &[&x, &w, &b], &expected);
                }
            }
        }
    }
}

#[test]
fn pointwise_conv2d_without_bias_matches() {
    let x = random(&[1, 5, 4, 3], 1);
    let w = random(&[7, 1, 1, 3], 2);
    let (stride, dilation, pads) = ([1, 1], [1, 1], Pads::default());
    let expected = naive::conv2d(&x, &w, None, stride, dilation, pads, 1, Activation::NONE);
    check(Op::Conv2d { stride, dilation, pads, groups: 1, activation: Activation::NONE }, &[&x, &w], &expected);
}

#[test]
fn depthwise_conv2d_on_a_large_map_matches() {
    let x = random(&[1, 33, 31, 8], 3);
    let w = random(&[8, 3, 3, 1], 4);
    let b = random(&[8], 5);
    let (stride, dilation, pads) = ([2, 2], [1, 1], Pads { top: 0, left: 0, bottom: 1, right: 1 });
    let expected = naive::conv2d(&x, &w, Some(&b), stride, dilation, pads, 8, RELU6);
    check(Op::Conv2d { stride, dilation, pads, groups: 8, activation: RELU6 }, &[&x, &w, &b], &expected);
}

#[test]
fn fully_connected_matches_for_any_number_of_rows() {
    for lead in [vec![], vec![1], vec![1, 3], vec![1, 2, 3]] {
        let x = random(&[lead.clone(), vec![5]].concat(), 6);
        let w = random(&[4, 5], 7);
        let b = random(&[4], 8);
        let expected = naive::fully_connected(&x, &w, Some(&b), RELU6);
        check(Op::FullyConnected { activation: RELU6 }, &[&x, &w, &b], &expected);
        let expected = naive::fully_connected(&x, &w, None, Activation::NONE);
        check(Op::FullyConnected { activation: Activation::NONE }, &[&x, &w], &expected);
    }
}

#[test]
fn pools_match_with_asymmetric_pads_dilation_and_ceil_mode() {
    let mut seed = 20;
    // Output sizes one larger than floor mode are what ceil mode gives.
    for (pads, extra) in [
        (Pads::default(), 0),
        (Pads { top: 1, left: 1, bottom: 1, right: 1 }, 0),
        (Pads { top: 0, left: 1, bottom: 1, right: 0 }, 1),
    ] {
        for (kernel, stride, dilation) in [([2, 2], [2, 2], [1, 1]), ([3, 2], [2, 2], [1, 2]), ([2, 3], [3, 3], [2, 1])]
        {
            seed += 1;
            let x = random(&[1, 9, 8, 3], seed);
            let size = |len: usize, before: usize, after: usize, i: usize| {
                (len + before + after - (kernel[i] - 1) * dilation[i] - 1) / stride[i] + 1 + extra
            };
            let out = [size(9, pads.top, pads.bottom, 0), size(8, pads.left, pads.right, 1)];
            // A ceil-mode window that starts beyond the padded input does not exist.
            let starts_inside = |o: usize, i: usize, len: usize, before: usize| (o - 1) * stride[i] < len + before;
            if !(starts_inside(out[0], 0, 9, pads.top) && starts_inside(out[1], 1, 8, pads.left)) {
                continue;
            }
            let expected = naive::max_pool2d(&x, kernel, stride, dilation, pads, out);
            check(Op::MaxPool2d { kernel, stride, dilation, pads }, &[&x], &expected);
            for count_include_pad in [false, true] {
                let expected = naive::average_pool2d(&x, kernel, stride, dilation, pads, out, count_include_pad);
                check(Op::AveragePool2d { kernel, stride, dilation, pads, count_include_pad }, &[&x], &expected);
            }
        }
    }
}

#[test]
fn max_pool_of_negative_values_ignores_padding() {
    let x = Nd { shape: vec![1, 2, 2, 1], data: vec![-1.0, -2.0, -3.0, -4.0] };
    let op = Op::MaxPool2d {
        kernel: [2, 2],
        stride: [2, 2],
        dilation: [1, 1],
        pads: Pads { top: 1, left: 1, bottom: 1, right: 1 },
    };
    check(op, &[&x], &Nd { shape: vec![1, 2, 2, 1], data: vec![-1.0, -2.0, -3.0, -4.0] });
}

#[test]
fn add_and_mul_broadcast_like_numpy() {
    let none = Activation::NONE;
    for (a, b) in [
        (vec![1, 3, 4, 2], vec![1, 3, 4, 2]),
        (vec![1, 3, 4, 2], vec![2]),
        (vec![1, 3, 4, 2], vec![]),
        (vec![1, 3, 4, 2], vec![1, 1, 4, 1]),
        (vec![1, 3, 1, 2], vec![1, 4, 1]),
        (vec![2], vec![1, 3, 2]),
        (vec![], vec![]),
        (vec![1, 2, 1, 3, 1, 2], vec![2, 1, 3, 2, 1]),
    ] {
        let (a, b) = (random(&a, 40), random(&b, 41));
        check(Op::Add { activation: none }, &[&a, &b], &naive::broadcast(&a, &b, |a, b| a + b));
        check(Op::Mul { activation: RELU6 }, &[&a, &b], &naive::broadcast(&a, &b, |a, b| (a * b).clamp(0.0, 6.0)));
    }
}

#[test]
fn scale_shift_works_on_the_last_axis() {
    let (x, s, t) = (random(&[1, 2, 3, 4], 50), random(&[4], 51), random(&[4], 52));
    let scaled = naive::broadcast(&x, &s, |a, b| a * b);
    check(Op::ScaleShift, &[&x, &s, &t], &naive::broadcast(&scaled, &t, |a, b| a + b));
}

#[test]
fn mean_reduces_any_axes() {
    let x = random(&[1, 3, 4, 5], 60);
    for axes in [vec![1, 2], vec![2], vec![0, 3], vec![0, 1, 2, 3]] {
        for keep_dims in [false, true] {
            let expected = naive::mean(&x, &axes, keep_dims);
            check(Op::Mean { axes: axes.clone(), keep_dims }, &[&x], &expected);
        }
    }
}

#[test]
fn softmax_sums_to_one_along_its_axis() {
    for (shape, axis) in [(vec![1, 7], 1), (vec![7], 0), (vec![1, 3, 4, 2], 2), (vec![1, 3, 4, 2], 3)] {
        let x = random(&shape, 70);
        check(Op::Softmax { axis }, &[&x], &naive::softmax(&x, axis));
    }
}

#[test]
fn pad_slice_concat_transpose_and_reshape_move_elements() {
    let x = random(&[1, 3, 4, 5], 80);
    let (before, after) = (vec![0, 1, 0, 2], vec![0, 0, 3, 1]);
    let expected = naive::pad(&x, &before, &after, -0.5);
    check(Op::Pad { before, after, value: -0.5 }, &[&x], &expected);

    let (start, end, step) = (vec![0, 1, 0, 0], vec![1, 3, 4, 5], vec![1, 1, 3, 2]);
    let expected = naive::slice(&x, &start, &end, &step);
    check(Op::Slice { start, end, step }, &[&x], &expected);

    for perm in [vec![0, 3, 1, 2], vec![3, 2, 1, 0], vec![0, 1, 2, 3]] {
        let expected = naive::transpose(&x, &perm);
        check(Op::Transpose { perm }, &[&x], &expected);
    }
    let y = random(&[1, 3, 2, 5], 81);
    check(Op::Concat { axis: 2 }, &[&x, &y], &naive::concat(&[&x, &y], 2));

    let flat = Nd { shape: vec![1, 60], data: x.data.clone() };
    check(Op::Reshape, &[&x], &flat);
    check(
        Op::Reshape,
        &[&Nd { shape: vec![], data: vec![3.0] }],
        &Nd { shape: vec![1, 1, 1, 1, 1, 1], data: vec![3.0] },
    );
}

#[test]
fn chained_convolutions_equal_single_ones() {
    let x = random(&[1, 6, 6, 3], 90);
    let (w1, w2) = (random(&[4, 3, 3, 3], 91), random(&[2, 3, 3, 4], 92));
    let (stride, dilation, pads) = ([1, 1], [1, 1], Pads { top: 1, left: 1, bottom: 1, right: 1 });
    let op = Op::Conv2d { stride, dilation, pads, groups: 1, activation: RELU6 };
    let middle = naive::conv2d(&x, &w1, None, stride, dilation, pads, 1, RELU6);
    let expected = naive::conv2d(&middle, &w2, None, stride, dilation, pads, 1, RELU6);

    let mut graph = one_node(op.clone(), &[&x, &w1], &middle.shape);
    let w2 = graph.add_constant("w2", Tensor::f32(w2.shape.clone(), w2.data.clone()));
    let z = graph.add_value("z", expected.shape.clone(), DType::F32);
    let y = graph.outputs[0].value;
    graph.nodes.push(Node { name: "second".into(), op, inputs: vec![y, w2], output: z });
    graph.outputs[0].value = z;
    graph.outputs[0].source_shape = expected.shape.clone();

    let mut seen = Vec::new();
    let executor = Executor::new(&graph).unwrap();
    let input = Tensor::f32(x.shape.clone(), x.data.clone());
    let result = executor.run_observed(&[input], &mut |v, data| seen.push((v, data.to_vec()))).unwrap();
    close(result[0].as_f32().unwrap(), &expected.data);
    assert_eq!(seen.iter().map(|(v, _)| *v).collect::<Vec<_>>(), [graph.inputs[0].value, y, z]);
    close(&seen[1].1, &middle.data);
}

#[test]
fn errors_name_the_input_and_the_node() {
    let x = random(&[1, 4], 95);
    let graph = one_node(Op::Softmax { axis: 1 }, &[&x], &[1, 4]);
    let executor = Executor::new(&graph).unwrap();
    let message = executor.run(&[Tensor::f32([1, 3], vec![0.0; 3])]).unwrap_err().to_string();
    assert_eq!(message, "input `x` expects float32 of shape [1, 4], got F32 of shape [1, 3]");
    assert_eq!(executor.run(&[]).unwrap_err().to_string(), "the graph has 1 inputs, got 0 arrays");

    let graph = one_node(Op::Unary(Unary::Abs), &[&x], &[4, 1]);
    let message = Executor::new(&graph).err().unwrap().to_string();
    assert!(message.starts_with("node `node`"), "{message}");
}

#[test]
fn unary_functions_match_double_precision_formulas() {
    let x: Vec<f32> = (-40..=40).map(|i| i as f32 * 0.25).collect();
    let expect = |function: Unary, f: &dyn Fn(f64) -> f64| {
        for (got, x) in unary(function, &x).into_iter().zip(&x) {
            let e = f(f64::from(*x));
            let same = (f64::from(got) - e).abs() <= 1e-6 * e.abs().max(1e-6) || (got.is_nan() && e.is_nan());
            let same = same || f64::from(got) == e;
            assert!(same, "{function:?}({x}) = {got}, expected {e}");
        }
    };
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let elu = |x: f64| if x >= 0.0 { x } else { x.exp_m1() };
    expect(Unary::Clamp { min: -1.0, max: f32::INFINITY }, &|x| x.max(-1.0));
    expect(Unary::Clamp { min: 0.0, max: 6.0 }, &|x| x.clamp(0.0, 6.0));
    expect(Unary::LeakyRelu { alpha: 0.125 }, &|x| if x >= 0.0 { x } else { 0.125 * x });
    expect(Unary::Elu { alpha: 0.5 }, &|x| if x >= 0.0 { x } else { 0.5 * x.exp_m1() });
    expect(Unary::Selu { alpha: 1.0, gamma: 2.0 }, &|x| 2.0 * elu(x));
    expect(Unary::Sigmoid, &sigmoid);
    expect(Unary::Tanh, &f64::tanh);
    expect(Unary::HardSigmoid { alpha: 0.25, beta: 0.5 }, &|x| (0.25 * x + 0.5).clamp(0.0, 1.0));
    expect(Unary::HardSwish, &|x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0));
    expect(Unary::Silu, &|x| x * sigmoid(x));
    expect(Unary::Mish, &|x| x * x.exp().ln_1p().tanh());
    expect(Unary::Softplus, &|x| x.exp().ln_1p());
    expect(Unary::Softsign, &|x| x / (1.0 + x.abs()));
    expect(Unary::Exp, &f64::exp);
    expect(Unary::Log, &f64::ln);
    expect(Unary::Sqrt, &f64::sqrt);
    expect(Unary::Reciprocal, &f64::recip);
    expect(Unary::Neg, &|x| -x);
    expect(Unary::Abs, &f64::abs);
    expect(Unary::Floor, &f64::floor);
    expect(Unary::Ceil, &f64::ceil);
    expect(Unary::Round, &f64::round_ties_even);
    expect(Unary::Sign, &|x| if x == 0.0 { 0.0 } else { x.signum() });
    expect(Unary::Sin, &f64::sin);
    expect(Unary::Cos, &f64::cos);
    // Values of the error function from tables.
    close(&unary(Unary::Erf, &[0.0, 0.5, -1.0, 2.0]), &[0.0, 0.520_499_9, -0.842_700_8, 0.995_322_3]);
    close(&unary(Unary::Gelu, &[0.0, 1.0, -1.0]), &[0.0, 0.841_344_7, -0.158_655_3]);
    close(&unary(Unary::GeluTanh, &[0.0, 1.0, -1.0]), &[0.0, 0.841_192, -0.158_808]);
}
