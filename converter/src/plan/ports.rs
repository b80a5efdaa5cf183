//! The order in which the caller finds the elements of inputs and outputs.

use crate::ir::{Node, Op, Port, ValueId, inverse};
use crate::quantize::QuantGraph;

/// Order of the elements of inputs and outputs in the arena. Tools and `Engine::write_f32` accept arrays in source
/// order in any case; this matters to callers that fill `Engine::input_mut` themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PortLayout {
    /// As the kernels want it (channels last): no work at run time.
    #[default]
    Stored,
    /// As in the source network: a transpose on the device where the two differ.
    Source,
}

/// Adds the transposes that `layout` asks for.
pub fn with_port_layout(mut quant: QuantGraph, layout: PortLayout) -> QuantGraph {
    if layout == PortLayout::Stored {
        return quant;
    }
    for index in 0..quant.graph.inputs.len() {
        let port = quant.graph.inputs[index].clone();
        if !port.is_source_order() {
            let outer = source_order_twin(&mut quant, &port);
            let perm = port.source_axes.clone();
            let node = Node { name: name(&port), op: Op::Transpose { perm }, inputs: vec![outer], output: port.value };
            quant.graph.nodes.insert(0, node);
            quant.graph.inputs[index] = in_source_order(port, outer);
        }
    }
    for index in 0..quant.graph.outputs.len() {
        let port = quant.graph.outputs[index].clone();
        if !port.is_source_order() {
            let outer = source_order_twin(&mut quant, &port);
            let perm = inverse(&port.source_axes);
            let node = Node { name: name(&port), op: Op::Transpose { perm }, inputs: vec![port.value], output: outer };
            quant.graph.nodes.push(node);
            quant.graph.outputs[index] = in_source_order(port, outer);
        }
    }
    quant
}

fn name(port: &Port) -> String {
    format!("{}.source_layout", port.name)
}

fn source_order_twin(quant: &mut QuantGraph, port: &Port) -> ValueId {
    let value = quant.graph.value(port.value).clone();
    let shape = inverse(&port.source_axes).iter().map(|&axis| value.shape[axis]).collect();
    let twin = quant.graph.add_value(name(port), shape, value.dtype);
    quant.quantization.push(quant.quantization[port.value.0].clone());
    twin
}

fn in_source_order(port: Port, value: ValueId) -> Port {
    let source_axes = (0..port.source_axes.len()).collect();
    Port { value, source_axes, ..port }
}
