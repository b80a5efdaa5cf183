//! Constants that must be in the arena, because the caller takes them or a kernel cannot read them from flash.

use crate::ir::{Node, Op, ValueId};
use crate::quantize::QuantGraph;

/// Puts a copy node in front of every constant that is an output of the graph or the data operand of a node whose
/// instruction takes its operand from the arena only.
pub fn materialize_constants(quant: &mut QuantGraph) {
    let mut index = 0;
    while index < quant.graph.nodes.len() {
        let node = &quant.graph.nodes[index];
        let from_flash =
            matches!(node.op, Op::Add { .. } | Op::Sub { .. } | Op::Mul { .. } | Op::Concat { .. } | Op::Reshape);
        match node.inputs.first() {
            Some(&x) if !from_flash && quant.graph.constant(x).is_some() => {
                let (copy, node) = copy_of(quant, x);
                quant.graph.nodes[index].inputs[0] = copy;
                quant.graph.nodes.insert(index, node);
                index += 1;
            }
            _ => {}
        }
        index += 1;
    }
    for port in 0..quant.graph.outputs.len() {
        let value = quant.graph.outputs[port].value;
        if quant.graph.constant(value).is_some() {
            let (copy, node) = copy_of(quant, value);
            quant.graph.nodes.push(node);
            quant.graph.outputs[port].value = copy;
        }
    }
}

fn copy_of(quant: &mut QuantGraph, constant: ValueId) -> (ValueId, Node) {
    let value = quant.graph.value(constant).clone();
    let name = format!("{}.copy", value.name);
    let copy = quant.graph.add_value(name.clone(), value.shape, value.dtype);
    quant.quantization.push(quant.quantization[constant.0].clone());
    (copy, Node { name, op: Op::Reshape, inputs: vec![constant], output: copy })
}
