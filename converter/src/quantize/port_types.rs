//! Inputs and outputs of another type than the network has inside.

use super::{PortType, QuantGraph, Quantization, Width};
use crate::ir::{DType, Node, Op, ValueId};

/// Adds the conversions that make int8 and int16 inputs and outputs float32 for the caller, where so asked.
pub fn with_port_types(mut quant: QuantGraph, inputs: PortType, outputs: PortType) -> QuantGraph {
    if inputs == PortType::F32 {
        for index in 0..quant.graph.inputs.len() {
            let inner = quant.graph.inputs[index].value;
            if Width::of(quant.graph.value(inner).dtype).is_some() {
                let outer = twin(&mut quant, inner, None);
                let node = Node { name: name(&quant, outer), op: Op::Quantize, inputs: vec![outer], output: inner };
                quant.graph.nodes.insert(0, node);
                quant.graph.inputs[index].value = outer;
            }
        }
    }
    if outputs == PortType::F32 {
        for index in 0..quant.graph.outputs.len() {
            let inner = quant.graph.outputs[index].value;
            if Width::of(quant.graph.value(inner).dtype).is_some() {
                let outer = twin(&mut quant, inner, None);
                let node = Node { name: name(&quant, outer), op: Op::Dequantize, inputs: vec![inner], output: outer };
                quant.graph.nodes.push(node);
                quant.graph.outputs[index].value = outer;
            }
        }
    }
    quant
}

fn twin(quant: &mut QuantGraph, of: ValueId, quantization: Option<Quantization>) -> ValueId {
    let (name, shape) = (quant.graph.value(of).name.clone(), quant.graph.value(of).shape.clone());
    quant.quantization.push(quantization);
    quant.graph.add_value(format!("{name}/float"), shape, DType::F32)
}

fn name(quant: &QuantGraph, value: ValueId) -> String {
    format!("{}/conversion", quant.graph.value(value).name)
}
