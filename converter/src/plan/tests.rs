//! Properties of whole plans, checked by a simulation of memory that shares no code with the planner.

use super::*;
use crate::ir::{Activation, DType, Graph, Node, Op, Port, Tensor, Unary, ValueId};
use crate::quantize::Quantization;
use proptest::prelude::*;
use std::collections::HashMap;

/// Builds int8 graphs of vectors `[1, n]` node by node.
#[derive(Default)]
struct Builder {
    graph: Graph,
}

impl Builder {
    fn value(&mut self, n: usize) -> ValueId {
        let name = format!("v{}", self.graph.values.len());
        self.graph.add_value(name, vec![1, n], DType::I8)
    }

    fn input(&mut self, n: usize) -> ValueId {
        let value = self.value(n);
        let port = port(value, n);
        self.graph.inputs.push(port);
        value
    }

    fn output(&mut self, value: ValueId) {
        let n = self.len(value);
        self.graph.outputs.push(port(value, n));
    }

    fn len(&self, value: ValueId) -> usize {
        self.graph.value(value).elements()
    }

    fn node(&mut self, op: Op, inputs: Vec<ValueId>, n: usize) -> ValueId {
        let output = self.value(n);
        let name = format!("n{}", self.graph.nodes.len());
        self.graph.nodes.push(Node { name, op, inputs, output });
        output
    }

    fn dense(&mut self, x: ValueId, n: usize) -> ValueId {
        let weights = Tensor::I8 { shape: vec![n, self.len(x)], data: vec![0; n * self.len(x)] };
        let weights = self.graph.add_constant("w", weights);
        self.node(Op::FullyConnected { activation: Activation::NONE }, vec![x, weights], n)
    }

    fn unary(&mut self, x: ValueId) -> ValueId {
        let n = self.len(x);
        self.node(Op::Unary(Unary::Tanh), vec![x], n)
    }

    fn add(&mut self, a: ValueId, b: ValueId) -> ValueId {
        let n = self.len(a).max(self.len(b));
        self.node(Op::Add { activation: Activation::NONE }, vec![a, b], n)
    }

    fn reshape(&mut self, x: ValueId) -> ValueId {
        let n = self.len(x);
        self.node(Op::Reshape, vec![x], n)
    }

    fn concat(&mut self, parts: Vec<ValueId>) -> ValueId {
        let n = parts.iter().map(|&p| self.len(p)).sum();
        self.node(Op::Concat { axis: 1 }, parts, n)
    }

    fn slice(&mut self, x: ValueId, start: usize, end: usize) -> ValueId {
        let op = Op::Slice { start: vec![0, start], end: vec![1, end], step: vec![1, 1] };
        self.node(op, vec![x], end - start)
    }

    fn plan(self) -> Plan {
        let one = Some(Quantization { scales: vec![1.0], zero_point: 0, axis: None });
        let quantization = vec![one; self.graph.values.len()];
        plan(QuantGraph { graph: self.graph, quantization }).unwrap()
    }
}

fn port(value: ValueId, n: usize) -> Port {
    Port { value, name: "p".into(), source_shape: vec![1, n], source_dtype: DType::F32, source_axes: vec![0, 1] }
}

/// A byte of data: the value that it was computed for, and its position there.
type Tag = (usize, usize);

/// Runs the plan on an arena of tags, as a device would, and fails as soon as a node or the caller would read anything
/// but what was meant. Returns one past the highest byte written.
fn simulate(plan: &Plan) -> Result<usize, String> {
    let graph = &plan.quant.graph;
    let mut arena: HashMap<usize, Tag> = HashMap::new();
    let mut content: HashMap<ValueId, Vec<Tag>> = HashMap::new();
    let mut high_water = 0;
    let range = |v: ValueId| {
        let start = plan.offset(v).expect("placed") as usize;
        start..start + graph.value(v).elements()
    };
    let fresh = |v: ValueId| (0..graph.value(v).elements()).map(|i| (v.0, i)).collect::<Vec<Tag>>();
    let mut store = |arena: &mut HashMap<usize, Tag>, start: usize, tags: &[Tag]| {
        for (i, &tag) in tags.iter().enumerate() {
            arena.insert(start + i, tag);
            high_water = high_water.max(start + i + 1);
        }
    };
    let expect = |arena: &HashMap<usize, Tag>, v: ValueId, tags: &[Tag], who: &str| {
        let intact = range(v).zip(tags).all(|(at, tag)| arena.get(&at) == Some(tag));
        if intact { Ok(()) } else { Err(format!("{who} reads `{}`, which was overwritten", graph.value(v).name)) }
    };

    for port in &graph.inputs {
        content.insert(port.value, fresh(port.value));
        store(&mut arena, range(port.value).start, &content[&port.value]);
    }
    for &id in &plan.order {
        let node = &graph.nodes[id.0];
        let operands: Vec<ValueId> = node.inputs.iter().copied().filter(|&v| graph.constant(v).is_none()).collect();
        for &v in &operands {
            expect(&arena, v, content.get(&v).ok_or("used before it is made")?, &node.name)?;
        }
        let to = range(node.output);
        let tags = match &node.op {
            Op::Reshape => operands.first().map_or_else(|| fresh(node.output), |x| content[x].clone()),
            Op::Slice { start, end, .. } => content[&operands[0]][start[1]..end[1]].to_vec(),
            Op::Concat { .. } => operands.iter().flat_map(|x| content[x].clone()).collect(),
            _ => fresh(node.output),
        };
        let may_overwrite = matches!(node.op, Op::Unary(_) | Op::Add { .. } | Op::Mul { .. });
        let moves = matches!(node.op, Op::Reshape | Op::Slice { .. } | Op::Concat { .. });
        for &x in operands.iter().filter(|_| !moves) {
            let x = range(x);
            let overlaps = x.start < to.end && to.start < x.end;
            if overlaps && !(may_overwrite && x == to) {
                return Err(format!("{} may not overwrite its operand", node.name));
            }
        }
        if let Op::Concat { .. } = node.op {
            // Operands are copied one after the other, except those that are in place; no copy may hit a later one.
            let mut at = to.start;
            for &x in &operands {
                expect(&arena, x, &content[&x], &node.name)?;
                if range(x).start != at {
                    let overlaps = range(x).start < at + range(x).len() && at < range(x).end;
                    if overlaps {
                        return Err(format!("{} copies an operand over itself", node.name));
                    }
                    store(&mut arena, at, &content[&x].clone());
                }
                at += range(x).len();
            }
        } else {
            store(&mut arena, to.start, &tags);
        }
        content.insert(node.output, tags);
    }
    for port in &graph.outputs {
        expect(&arena, port.value, &content[&port.value], "the caller")?;
    }
    Ok(high_water)
}

fn check(plan: &Plan) {
    assert_eq!(simulate(plan), Ok(plan.arena_bytes as usize), "{plan:?}");
    assert!(plan.arena_bytes >= plan.lower_bound_bytes);
}

/// One random step: which kind, which operands.
type Step = (u8, usize, usize, usize);

fn random_graph(inputs: &[usize], steps: &[Step], outputs: &[usize]) -> Builder {
    let mut b = Builder::default();
    let mut made: Vec<ValueId> = inputs.iter().map(|&n| b.input(n)).collect();
    for &(kind, i, j, k) in steps {
        // Prefer recent values, so that graphs are deep.
        let pick = |i: usize| made[made.len() - 1 - i % made.len().min(6)];
        let (x, y, z) = (pick(i), pick(j), pick(k));
        let n = b.len(x);
        let new = match kind % 8 {
            0 => b.dense(x, 1 + (j * 7 + k) % 40),
            1 | 2 => b.unary(x),
            3 if b.len(y) == n => b.add(x, y),
            3 => b.add(x, x),
            4 => b.reshape(x),
            5 => b.concat(vec![x, y]),
            6 => b.concat(vec![x, y, z]),
            _ => {
                let (start, end) = (j % n, j % n + 1 + k % (n - j % n));
                b.slice(x, start, end)
            }
        };
        if b.len(new) <= 400 {
            made.push(new);
        }
    }
    for &o in outputs {
        let value = made[o % made.len()];
        b.output(value);
    }
    b
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_plan_lets_a_node_read_overwritten_data(
        inputs in prop::collection::vec(1usize..40, 1..3),
        steps in prop::collection::vec((0u8..8, 0usize..100, 0usize..100, 0usize..100), 0..16),
        outputs in prop::collection::vec(0usize..100, 1..3),
    ) {
        check(&random_graph(&inputs, &steps, &outputs).plan());
    }

    #[test]
    fn plans_are_deterministic(
        steps in prop::collection::vec((0u8..8, 0usize..100, 0usize..100, 0usize..100), 0..12),
    ) {
        let first = random_graph(&[9, 17], &steps, &[3, 5]).plan();
        let second = random_graph(&[9, 17], &steps, &[3, 5]).plan();
        prop_assert_eq!(first.order, second.order);
        prop_assert_eq!(first.offsets, second.offsets);
    }
}

#[test]
fn a_chain_needs_its_largest_pair() {
    let mut b = Builder::default();
    let x = b.input(640);
    let h = b.dense(x, 128);
    let h = b.dense(h, 8);
    let h = b.dense(h, 128);
    let y = b.dense(h, 640);
    b.output(y);
    let plan = b.plan();
    check(&plan);
    assert_eq!(plan.arena_bytes, 768);
}

#[test]
fn activations_run_in_place() {
    let mut b = Builder::default();
    let x = b.input(100);
    let h = b.unary(x);
    let y = b.unary(h);
    b.output(y);
    let plan = b.plan();
    check(&plan);
    assert_eq!(plan.arena_bytes, 100);
}

#[test]
fn a_residual_sum_overwrites_the_branch_that_ends() {
    let mut b = Builder::default();
    let x = b.input(100);
    let h = b.dense(x, 100);
    let sum = b.add(h, x);
    let y = b.dense(sum, 10);
    b.output(y);
    let plan = b.plan();
    check(&plan);
    assert_eq!(plan.arena_bytes, 200);
}

#[test]
fn a_reshape_in_use_forbids_writing_over_its_source() {
    let mut b = Builder::default();
    let x = b.input(100);
    let flat = b.reshape(x);
    let h = b.unary(x);
    let y = b.add(h, flat);
    b.output(y);
    let plan = b.plan();
    check(&plan);
    assert_eq!(plan.arena_bytes, 200);
}

#[test]
fn parts_are_computed_inside_the_concatenation() {
    let mut b = Builder::default();
    let x = b.input(10);
    let parts = (0..4).map(|_| b.dense(x, 64)).collect();
    let whole = b.concat(parts);
    let y = b.dense(whole, 4);
    b.output(y);
    let plan = b.plan();
    check(&plan);
    assert_eq!(plan.arena_bytes, 256 + 10);
}

#[test]
fn branches_finish_one_after_the_other() {
    // Four wide branches that each end in one byte; the graph lists all wide nodes first.
    let mut b = Builder::default();
    let x = b.input(4);
    let wide: Vec<ValueId> = (0..4).map(|_| b.dense(x, 400)).collect();
    let ends: Vec<ValueId> = wide.iter().map(|&w| b.dense(w, 4)).collect();
    let y = b.concat(ends);
    b.output(y);
    let plan = b.plan();
    check(&plan);
    assert!(plan.arena_bytes < 2 * 400, "{}", plan.arena_bytes);
}

#[test]
fn an_output_that_is_read_on_survives() {
    let mut b = Builder::default();
    let x = b.input(50);
    let h = b.dense(x, 50);
    let y = b.unary(h);
    b.output(h);
    b.output(y);
    let plan = b.plan();
    check(&plan);
    assert_eq!(plan.arena_bytes, 102, "the second start is aligned");
}

#[test]
fn an_input_may_be_an_output() {
    let mut b = Builder::default();
    let x = b.input(50);
    let y = b.unary(x);
    b.output(x);
    b.output(y);
    check(&b.plan());
}

#[test]
fn a_constant_output_is_copied_to_the_arena() {
    let mut b = Builder::default();
    b.input(5);
    let constant = b.graph.add_constant("c", Tensor::I8 { shape: vec![1, 8], data: vec![3; 8] });
    b.output(constant);
    let plan = b.plan();
    check(&plan);
    assert_eq!(plan.quant.graph.nodes.len(), 1);
}

#[test]
fn an_operand_that_nothing_makes_is_named() {
    let mut b = Builder::default();
    let ghost = b.value(5);
    let y = b.unary(ghost);
    b.output(y);
    let quantization = vec![None; b.graph.values.len()];
    let error = plan(QuantGraph { graph: b.graph, quantization }).unwrap_err();
    assert_eq!(error.to_string(), "node `n0`: its operand `v0` is not available: the graph is not in execution order");
}

#[test]
fn source_layout_adds_transposes_at_both_ends() {
    let mut graph = Graph::default();
    let x = graph.add_value("x", vec![1, 4, 5, 3], DType::F32);
    let y = graph.add_value("y", vec![1, 4, 5, 3], DType::F32);
    graph.nodes.push(Node { name: "n".into(), op: Op::Unary(Unary::Tanh), inputs: vec![x], output: y });
    let port = |value| Port {
        value,
        name: "p".into(),
        source_shape: vec![1, 3, 4, 5],
        source_dtype: DType::F32,
        source_axes: vec![0, 2, 3, 1],
    };
    (graph.inputs, graph.outputs) = (vec![port(x)], vec![port(y)]);
    let quantization = vec![None; 2];
    let quant = with_port_layout(QuantGraph { graph, quantization }, PortLayout::Source);
    crate::ir::verify(&quant.graph).unwrap();
    assert_eq!(quant.graph.nodes.len(), 3);
    assert_eq!(quant.graph.value(quant.graph.inputs[0].value).shape, [1, 3, 4, 5]);
    assert!(quant.graph.outputs[0].is_source_order());
}
