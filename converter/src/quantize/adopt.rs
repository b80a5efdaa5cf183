//! `Graph` with fake quantization -> `QuantGraph`: the scales of a network that came quantized, taken over.
//!
//! A node whose operands and result are all quantized computes in int8. Any other is a float island: its operands are
//! dequantized, it computes on real numbers, and the next rounding quantizes its result, exactly as the file says.
//! Operators that only move or select elements pass quantization on in both directions, because rounding commutes with
//! them. Where a kernel cannot write the parameters that the file asks for (softmax, average pooling), a requantization
//! stands behind it, which may differ from a single rounding by one step.

use super::groups::{data_operands, shares};
use super::lower::Lower;
use super::{QuantGraph, Quantization, QuantizeError, Ranges, params, verify};
use crate::ir::{DType, Graph, Node, Op, ValueId};

/// Takes over the quantization of a graph after the passes. Also returns the names of the nodes that compute in float.
pub fn adopt(graph: &Graph) -> Result<(QuantGraph, Vec<String>), QuantizeError> {
    let mut graph = graph.clone();
    let mut known = vec![None; graph.values.len()];
    split_fixed(&mut graph, &mut known);
    merge_roundings(&mut graph, &mut known);
    while spread(&graph, &mut known) {
        merge_roundings(&mut graph, &mut known);
    }

    let unknown = Ranges { ranges: vec![None; graph.values.len()], means: vec![None; graph.values.len()] };
    let mut lower = Lower::new(&graph, &unknown, known.clone(), false);
    let mut islands = Vec::new();
    for port in &graph.inputs {
        match known[port.value.0] {
            Some(_) => lower.declare_int8(port.value, &port.name, "input")?,
            None => lower.declare_float(port.value),
        }
    }
    for node in &graph.nodes {
        if matches!(node.op, Op::FakeQuantize { .. }) {
            lower.rounding(node)?;
        } else if computes_in_int8(&graph, &known, node) {
            lower.int8_node(node)?;
        } else {
            lower.float_node(node)?;
            islands.push(node.name.clone());
        }
    }
    for (i, port) in graph.outputs.iter().enumerate() {
        lower.out.outputs[i].value = match known[port.value.0] {
            Some(_) => lower.as_int8(port.value, &port.name, "output")?,
            None => lower.as_float(port.value),
        };
    }
    let quant = QuantGraph { graph: lower.out, quantization: lower.quantization };
    verify(&quant)?;
    Ok((quant, islands))
}

/// Quantization that a rounding asks for.
fn asked(op: &Op) -> Option<Quantization> {
    match op {
        Op::FakeQuantize { scale, zero_point } => Some(Quantization::per_tensor(*scale, *zero_point)),
        _ => None,
    }
}

/// What a softmax writes cannot be chosen: if it is rounded at all, its own parameters come first.
fn split_fixed(graph: &mut Graph, known: &mut [Option<Quantization>]) {
    let rounded: Vec<ValueId> = graph.nodes.iter().filter(|n| asked(&n.op).is_some()).map(|n| n.inputs[0]).collect();
    for node in graph.nodes.iter().filter(|n| matches!(n.op, Op::Softmax { .. })) {
        if rounded.contains(&node.output) {
            known[node.output.0] = Some(params::softmax());
        }
    }
}

/// Removes roundings whose operand can have their quantization itself.
fn merge_roundings(graph: &mut Graph, known: &mut [Option<Quantization>]) {
    let mut at = 0;
    while at < graph.nodes.len() {
        let Node { op, inputs, output, .. } = graph.nodes[at].clone();
        match (asked(&op), inputs.first()) {
            (Some(q), Some(&x)) if may_have(graph, known, x, &q) && !(graph.is_output(output) && graph.is_input(x)) => {
                known[x.0] = Some(q);
                graph.nodes.remove(at);
                graph.replace_uses(output, x);
            }
            (Some(q), _) => {
                known[output.0] = Some(q);
                at += 1;
            }
            (None, _) => at += 1,
        }
    }
}

/// True if `x` has quantization `q` already, or may get it because nothing reads it otherwise.
fn may_have(graph: &Graph, known: &[Option<Quantization>], x: ValueId, q: &Quantization) -> bool {
    match &known[x.0] {
        Some(has) => has == q,
        None => {
            let agrees = |at: &crate::ir::NodeId| asked(&graph.nodes[at.0].op).as_ref() == Some(q);
            graph.constant(x).is_none() && !graph.is_output(x) && graph.consumers(x).iter().all(agrees)
        }
    }
}

/// Ops with which rounding commutes: they move or select elements.
fn moves(op: &Op) -> bool {
    shares(op) && !matches!(op, Op::AveragePool2d { .. })
}

/// Passes quantization on through ops that move elements, forwards and backwards. True if a value got one.
fn spread(graph: &Graph, known: &mut [Option<Quantization>]) -> bool {
    let mut changed = false;
    for node in graph.nodes.iter().filter(|n| moves(&n.op)) {
        let mut operands = node.inputs.iter().filter(|x| graph.constant(**x).is_none());
        let first = operands.next().and_then(|x| known[x.0].clone());
        let alike = first.is_some() && operands.all(|x| known[x.0] == first);
        let exact = match (&node.op, &first) {
            // The fill value must be representable, as zero always is.
            (Op::Pad { value, .. }, Some(q)) => real(params::quantize(*value, q), q) == *value,
            // Constant parts may not be.
            (Op::Concat { .. }, _) => node.inputs.iter().all(|x| graph.constant(*x).is_none()),
            _ => true,
        };
        if known[node.output.0].is_none() && alike && exact {
            known[node.output.0] = first;
            changed = true;
        }
    }
    // What a softmax writes cannot be chosen.
    let fixed: Vec<ValueId> =
        graph.nodes.iter().filter(|n| matches!(n.op, Op::Softmax { .. })).map(|n| n.output).collect();
    for node in graph.nodes.iter().rev().filter(|n| moves(&n.op)) {
        let Some(q) = known[node.output.0].clone() else { continue };
        for x in &node.inputs {
            let free = known[x.0].is_none() && !fixed.contains(x) && graph.constant(*x).is_none();
            if free && graph.has_one_use(*x) {
                known[x.0] = Some(q.clone());
                changed = true;
            }
        }
    }
    changed
}

fn real(stored: i8, q: &Quantization) -> f32 {
    q.scale() * (i32::from(stored) - q.zero_point) as f32
}

fn computes_in_int8(graph: &Graph, known: &[Option<Quantization>], node: &Node) -> bool {
    let quantized = |x: &ValueId| graph.constant(*x).is_some() || known[x.0].is_some();
    known[node.output.0].is_some() && data_operands(node).iter().all(quantized)
}

impl Lower<'_> {
    /// A rounding that could not be merged: quantizes a float value, or gives an int8 one other parameters.
    fn rounding(&mut self, node: &Node) -> Result<(), QuantizeError> {
        let Some(&x) = node.inputs.first() else { return Ok(()) };
        let op = node.op.name();
        self.declare_int8(node.output, &node.name, op)?;
        let (op, from) = match self.int8[x.0] {
            Some(x) => (Op::Requantize, x),
            None => (Op::Quantize, self.as_float(x)),
        };
        debug_assert_eq!(self.out.value(node.output).dtype, DType::I8);
        self.out.nodes.push(Node { name: node.name.clone(), op, inputs: vec![from], output: node.output });
        Ok(())
    }
}
