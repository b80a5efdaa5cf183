//! Small networks for the passes' tests, and the check that a pass keeps what they compute.

use super::{Pass, PassReport, run};
use crate::execute::Executor;
use crate::ir::{Activation, DType, Graph, Node, Op, Pads, Port, Tensor, Unary, ValueId, infer_shape, verify};

/// Uniform in -1..1, the same numbers every time.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    pub fn tensor(&mut self, shape: &[usize]) -> Tensor {
        let data = (0..shape.iter().product()).map(|_| self.next()).collect();
        Tensor::f32(shape.to_vec(), data)
    }
}

/// Builds a graph node by node.
pub struct Net {
    pub graph: Graph,
    random: Random,
}

impl Net {
    pub fn new() -> Self {
        Self { graph: Graph::default(), random: Random::new(1) }
    }

    fn port(&self, id: ValueId) -> Port {
        let value = self.graph.value(id);
        Port {
            value: id,
            name: value.name.clone(),
            source_shape: value.shape.clone(),
            source_dtype: DType::F32,
            source_axes: (0..value.shape.len()).collect(),
        }
    }

    pub fn input(&mut self, shape: &[usize]) -> ValueId {
        let name = format!("input{}", self.graph.inputs.len());
        let id = self.graph.add_value(name, shape.to_vec(), DType::F32);
        self.graph.inputs.push(self.port(id));
        id
    }

    pub fn output(&mut self, id: ValueId) {
        self.graph.outputs.push(self.port(id));
    }

    /// A random constant.
    pub fn constant(&mut self, shape: &[usize]) -> ValueId {
        let tensor = self.random.tensor(shape);
        self.graph.add_constant(format!("constant{}", self.graph.values.len()), tensor)
    }

    pub fn scalar(&mut self, value: f32) -> ValueId {
        self.full(&[], value)
    }

    pub fn full(&mut self, shape: &[usize], value: f32) -> ValueId {
        let tensor = Tensor::f32(shape.to_vec(), vec![value; shape.iter().product()]);
        self.graph.add_constant(format!("constant{}", self.graph.values.len()), tensor)
    }

    pub fn node(&mut self, op: Op, inputs: &[ValueId]) -> ValueId {
        self.shaped(op, inputs, None)
    }

    fn shaped(&mut self, op: Op, inputs: &[ValueId], declared: Option<&[usize]>) -> ValueId {
        let shapes: Vec<&[usize]> = inputs.iter().map(|&i| self.graph.value(i).shape.as_slice()).collect();
        let shape = infer_shape(&op, &shapes, declared).unwrap();
        let name = format!("{}{}", op.name(), self.graph.nodes.len());
        let output = self.graph.add_value(name.clone(), shape, DType::F32);
        self.graph.nodes.push(Node { name, op, inputs: inputs.to_vec(), output });
        output
    }

    pub fn reshape(&mut self, x: ValueId, shape: &[usize]) -> ValueId {
        self.shaped(Op::Reshape, &[x], Some(shape))
    }

    pub fn transpose(&mut self, x: ValueId, perm: &[usize]) -> ValueId {
        self.node(Op::Transpose { perm: perm.to_vec() }, &[x])
    }

    pub fn unary(&mut self, function: Unary, x: ValueId) -> ValueId {
        self.node(Op::Unary(function), &[x])
    }

    pub fn relu(&mut self, x: ValueId) -> ValueId {
        self.unary(Unary::Clamp { min: 0.0, max: f32::INFINITY }, x)
    }

    pub fn add(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.node(Op::Add { activation: Activation::NONE }, &[a, b])
    }

    pub fn mul(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.node(Op::Mul { activation: Activation::NONE }, &[a, b])
    }

    /// A channels-last convolution with random weights, no bias.
    pub fn conv(&mut self, x: ValueId, out: usize, kernel: usize, pads: Pads, groups: usize) -> ValueId {
        let channels = self.graph.value(x).shape[3];
        let weights = self.constant(&[out, kernel, kernel, channels / groups]);
        let (stride, dilation, activation) = ([1, 1], [1, 1], Activation::NONE);
        self.node(Op::Conv2d { stride, dilation, pads, groups, activation }, &[x, weights])
    }

    /// A convolution as importers of channels-first networks make it: between transposes.
    pub fn conv_nchw(&mut self, x: ValueId, out: usize, kernel: usize) -> ValueId {
        let x = self.transpose(x, &[0, 2, 3, 1]);
        let y = self.conv(x, out, kernel, same(kernel), 1);
        self.transpose(y, &[0, 3, 1, 2])
    }

    pub fn dense(&mut self, x: ValueId, out: usize) -> ValueId {
        let columns = *self.graph.value(x).shape.last().unwrap();
        let weights = self.constant(&[out, columns]);
        self.node(Op::FullyConnected { activation: Activation::NONE }, &[x, weights])
    }
}

pub fn same(kernel: usize) -> Pads {
    let before = (kernel - 1) / 2;
    let after = kernel - 1 - before;
    Pads { top: before, left: before, bottom: after, right: after }
}

/// Names of the ops, in order.
pub fn ops(graph: &Graph) -> Vec<&'static str> {
    graph.nodes.iter().map(|n| n.op.name()).collect()
}

pub fn count(graph: &Graph, op: &str) -> usize {
    ops(graph).iter().filter(|name| **name == op).count()
}

/// Runs passes to their end and checks that the graph still computes the same.
#[track_caller]
pub fn check(passes: &[&dyn Pass], net: Net) -> (Graph, Vec<PassReport>) {
    let before = net.graph;
    let mut after = before.clone();
    let mut trace = Vec::new();
    let reports = run(passes, &mut after, &mut |name, graph| trace.push(format!("after {name}: {graph}")))
        .unwrap_or_else(|e| panic!("{e}\n{before}\n{}", trace.join("\n")));
    assert_same_outputs(&before, &after);
    (after, reports)
}

/// Runs one pass to its end; gives the number of rewrites.
#[track_caller]
pub fn check_one(pass: &dyn Pass, net: Net) -> (Graph, usize) {
    let (graph, reports) = check(&[pass], net);
    (graph, reports[0].rewrites)
}

/// Both graphs give the same outputs, in source order, for the same random inputs in source order.
#[track_caller]
pub fn assert_same_outputs(before: &Graph, after: &Graph) {
    verify(before).unwrap();
    verify(after).unwrap_or_else(|e| panic!("{e}\n{after}"));
    for seed in 1..4 {
        let (expected, got) = (outputs(before, seed), outputs(after, seed));
        assert_eq!(expected.len(), got.len());
        for (port, (expected, got)) in before.outputs.iter().zip(expected.iter().zip(&got)) {
            assert_eq!(expected.len(), got.len(), "output {}", port.name);
            let largest = expected.iter().fold(1.0f32, |m, v| m.max(v.abs()));
            for (i, (e, g)) in expected.iter().zip(got).enumerate() {
                let close = (e - g).abs() <= 1e-5 * largest || e == g;
                assert!(close, "output {} [{i}]: {e} became {g}\nbefore: {before}\nafter: {after}", port.name);
            }
        }
    }
}

fn outputs(graph: &Graph, seed: u64) -> Vec<Vec<f32>> {
    let mut random = Random::new(seed);
    let input = |port: &Port| {
        let source = random.tensor(&port.source_shape);
        let scaled: Vec<f32> = source.as_f32().unwrap().iter().map(|v| v * 4.0).collect();
        Tensor::f32(port.stored_shape(), port.to_stored(&scaled))
    };
    let inputs: Vec<Tensor> = graph.inputs.iter().map(input).collect();
    let results = Executor::new(graph).unwrap().run(&inputs).unwrap();
    results.iter().zip(&graph.outputs).map(|(t, port)| port.to_source(t.as_f32().unwrap())).collect()
}
