//! The converter and the runtime define every unary function twice: once on tensors, once for a device. They must agree.

use mote::emit::{EmitOptions, emit};
use mote::execute::unary;
use mote::ir::{DType, Graph, Node, Op, Port, Unary};
use mote::plan::plan;
use mote::quantize::keep_float;
use mote::validate::Session;

/// `function` as the runtime computes it: a float model of one node.
fn on_the_runtime(function: Unary, x: &[f32]) -> Vec<f32> {
    let mut graph = Graph { name: "unary".into(), ..Graph::default() };
    let shape = vec![1, x.len()];
    let mut port = |name: &str| Port {
        value: graph.add_value(name, shape.clone(), DType::F32),
        name: name.into(),
        source_shape: shape.clone(),
        source_dtype: DType::F32,
        source_axes: vec![0, 1],
    };
    let (input, output) = (port("x"), port("y"));
    let node = Node { name: "f".into(), op: Op::Unary(function), inputs: vec![input.value], output: output.value };
    (graph.inputs, graph.outputs, graph.nodes) = (vec![input], vec![output], vec![node]);
    let blob = emit(&plan(keep_float(&graph)).unwrap(), &EmitOptions::default()).unwrap().bytes;
    Session::load(blob).unwrap().run(&[x.to_vec()]).unwrap().swap_remove(0)
}

#[test]
fn both_definitions_agree_within_a_millionth() {
    let functions = [
        Unary::Clamp { min: 0.0, max: 6.0 },
        Unary::Clamp { min: f32::NEG_INFINITY, max: 1.5 },
        Unary::LeakyRelu { alpha: 0.1 },
        Unary::Elu { alpha: 1.3 },
        Unary::Selu { alpha: 1.673_263_2, gamma: 1.050_701 },
        Unary::Sigmoid,
        Unary::Tanh,
        Unary::HardSigmoid { alpha: 0.2, beta: 0.5 },
        Unary::HardSwish,
        Unary::Silu,
        Unary::Gelu,
        Unary::GeluTanh,
        Unary::Mish,
        Unary::Softplus,
        Unary::Softsign,
        Unary::Erf,
        Unary::Exp,
        Unary::Log,
        Unary::Sqrt,
        Unary::Reciprocal,
        Unary::Neg,
        Unary::Abs,
        Unary::Floor,
        Unary::Ceil,
        Unary::Round,
        Unary::Sign,
        Unary::Sin,
        Unary::Cos,
    ];
    let x: Vec<f32> = (-80..=80).map(|i| i as f32 * 0.125).chain([-87.0, 87.0, 1e-4, -1e-4]).collect();
    for function in functions {
        let pairs = unary(function, &x).into_iter().zip(on_the_runtime(function, &x));
        for ((here, there), x) in pairs.zip(&x) {
            // GELU multiplies by `1 + erf`, whose digits cancel in the lower tail.
            let cancels = matches!(function, Unary::Gelu | Unary::GeluTanh);
            let scale = if cancels { x.abs() } else { here.abs() };
            let close = (here - there).abs() <= 1e-6 * scale.max(1e-6);
            let same = here == there || (here.is_nan() && there.is_nan());
            assert!(close || same, "{function:?}({x}): converter {here}, runtime {there}");
        }
    }
}
