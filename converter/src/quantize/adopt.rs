//! `Graph` with fake quantization -> `QuantGraph`: the scales of a network that came quantized, taken over.
//!
//! A node whose operands and result are all quantized alike computes in int8 or int16. Any other is a float island: its operands are
//! dequantized, it computes on real numbers, and the next rounding quantizes its result, exactly as the file says.
//! Operators that only move or select elements pass quantization on in both directions, because rounding commutes with
//! them. Where a kernel cannot write the parameters that the file asks for (softmax, average pooling), a requantization
//! stands behind it, which may differ from a single rounding by one step.

use super::groups::{data_operands, moves};
use super::lower::Lower;
use super::width::PerWidth;
use super::{QuantGraph, Quantization, QuantizeError, Ranges, Width, params, verify};
use crate::ir::{Graph, Node, Op, ValueId};

/// How a value is stored, as far as the file says.
type Known = Option<(Width, Quantization)>;

/// Takes over the quantization of a graph after the passes. Also returns the names of the nodes that compute in float.
pub fn adopt(graph: &Graph) -> Result<(QuantGraph, Vec<String>), QuantizeError> {
    adopt_with(graph, &[])
}

/// The same; weights whose scales are still to be chosen have four bits in nodes that `int4_weights` names.
pub(super) fn adopt_with(graph: &Graph, int4_weights: &[String]) -> Result<(QuantGraph, Vec<String>), QuantizeError> {
    let mut graph = graph.clone();
    let mut known = vec![None; graph.values.len()];
    split_fixed(&mut graph, &mut known);
    merge_roundings(&mut graph, &mut known);
    while spread(&graph, &mut known) {
        merge_roundings(&mut graph, &mut known);
    }

    let unknown = Ranges::unknown(graph.values.len());
    let of_width = |width| {
        let mut stored = Vec::with_capacity(known.len());
        stored.extend(
            known.iter().map(|known| known.as_ref().filter(|known| known.0 == width).map(|known| known.1.clone())),
        );
        stored
    };
    let parameters = PerWidth([of_width(Width::I8), of_width(Width::I16)]);
    let mut lower = Lower::new(&graph, &unknown, parameters, false);
    lower.int4_weights = int4_weights;
    let mut islands = Vec::new();
    for port in &graph.inputs {
        match known[port.value.0] {
            Some((width, _)) => lower.declare_integer(port.value, width, &port.name, "input")?,
            None => lower.declare_float(port.value),
        }
    }
    for node in &graph.nodes {
        if matches!(node.op, Op::FakeQuantize { .. }) {
            lower.rounding(node, &known)?;
        } else if let Some(width) = computes_in(&graph, &known, node) {
            lower.integer_node(node, width)?;
        } else {
            lower.float_node(node)?;
            islands.push(node.name.clone());
        }
    }
    for (i, port) in graph.outputs.iter().enumerate() {
        lower.out.outputs[i].value = match known[port.value.0] {
            Some((width, _)) => lower.as_integer(port.value, width, &port.name, "output")?,
            None => lower.as_float(port.value),
        };
    }
    let quant = QuantGraph { graph: lower.out, quantization: lower.quantization };
    verify(&quant)?;
    Ok((quant, islands))
}

/// Quantization that a rounding asks for.
fn asked(op: &Op) -> Known {
    match op {
        Op::FakeQuantize { scale, zero_point, dtype } => {
            Some((Width::of(*dtype)?, Quantization::per_tensor(*scale, *zero_point)))
        }
        _ => None,
    }
}

/// What a softmax writes cannot be chosen, nor what int16 kernels of some functions write: if it is rounded at all, the
/// kernel's own parameters come first.
fn split_fixed(graph: &mut Graph, known: &mut [Known]) {
    for rounding in &graph.nodes {
        let Some((width, _)) = asked(&rounding.op) else { continue };
        let x = rounding.inputs[0];
        if let Some((_, made)) = graph.producing_node(x)
            && let Some(fixed) = params::fixed(&made.op, width)
        {
            known[x.0] = Some((width, fixed));
        }
    }
}

/// Removes roundings whose operand can have their quantization itself.
fn merge_roundings(graph: &mut Graph, known: &mut [Known]) {
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
fn may_have(graph: &Graph, known: &[Known], x: ValueId, q: &(Width, Quantization)) -> bool {
    match &known[x.0] {
        Some(has) => has == q,
        None => {
            let agrees = |at: &crate::ir::NodeId| asked(&graph.nodes[at.0].op).as_ref() == Some(q);
            graph.constant(x).is_none() && !graph.is_output(x) && graph.consumers(x).iter().all(agrees)
        }
    }
}

/// Passes quantization on through ops that move elements, forwards and backwards. True if a value got one.
fn spread(graph: &Graph, known: &mut [Known]) -> bool {
    let mut changed = false;
    for node in graph.nodes.iter().filter(|n| moves(&n.op)) {
        let mut operands = node.inputs.iter().filter(|x| graph.constant(**x).is_none());
        let first = operands.next().and_then(|x| known[x.0].clone());
        let alike = first.is_some() && operands.all(|x| known[x.0] == first);
        let exact = match (&node.op, &first) {
            // The fill value must be representable, as zero always is.
            (Op::Pad { value, .. }, Some((width, q))) => representable(*value, *width, q),
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
    let fixed = |x: &ValueId, width: Width| {
        graph.producing_node(*x).is_some_and(|(_, made)| params::fixed(&made.op, width).is_some())
    };
    for node in graph.nodes.iter().rev().filter(|n| moves(&n.op)) {
        let Some(q) = known[node.output.0].clone() else { continue };
        for x in &node.inputs {
            let free = known[x.0].is_none() && !fixed(x, q.0) && graph.constant(*x).is_none();
            if free && graph.has_one_use(*x) {
                known[x.0] = Some(q.clone());
                changed = true;
            }
        }
    }
    changed
}

fn representable(value: f32, width: Width, q: &Quantization) -> bool {
    let stored = match width {
        Width::I8 => i32::from(params::quantize(value, q)),
        Width::I16 => i32::from(params::quantize16(value, q)),
    };
    q.scale() * (stored - q.zero_point) as f32 == value
}

/// The width in which `node` computes: that of its result, if all operands have it too.
fn computes_in(graph: &Graph, known: &[Known], node: &Node) -> Option<Width> {
    let width = known[node.output.0].as_ref()?.0;
    let alike = |x: &ValueId| graph.constant(*x).is_some() || known[x.0].as_ref().is_some_and(|known| known.0 == width);
    data_operands(node).iter().all(alike).then_some(width)
}

impl Lower<'_> {
    /// A rounding that could not be merged: quantizes a float value, or gives an integer other parameters or another width.
    fn rounding(&mut self, node: &Node, known: &[Known]) -> Result<(), QuantizeError> {
        let (Some(&x), Some((width, _))) = (node.inputs.first(), &known[node.output.0]) else { return Ok(()) };
        self.declare_integer(node.output, *width, &node.name, node.op.name())?;
        let (op, from) = match known[x.0] {
            Some((stored, _)) => (Op::Requantize, self.as_integer(x, stored, &node.name, node.op.name())?),
            None => (Op::Quantize, self.as_float(x)),
        };
        self.out.nodes.push(Node { name: node.name.clone(), op, inputs: vec![from], output: node.output });
        Ok(())
    }
}
