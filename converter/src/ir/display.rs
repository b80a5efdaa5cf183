//! The readable dump of a graph: ports, then one line a node.

use std::fmt::{Display, Formatter, Result};

use super::{Activation, Graph, Node, Op, Pads, Port, Unary, Value, ValueId};

impl Display for Graph {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(f, "graph {}", self.name)?;
        for port in &self.inputs {
            writeln!(f, "  input  {}", port_line(self, port))?;
        }
        for node in &self.nodes {
            writeln!(f, "  {}", node_line(self, node))?;
        }
        for port in &self.outputs {
            writeln!(f, "  output {}", port_line(self, port))?;
        }
        Ok(())
    }
}

/// `%3 name f32[1, 8, 8, 4]`, or a placeholder for an id that names nothing.
fn value_text(graph: &Graph, id: ValueId) -> String {
    match graph.values.get(id.0) {
        Some(Value { shape, dtype, constant, .. }) => {
            let kind = if constant.is_some() { "const " } else { "" };
            format!("%{} {kind}{}{shape:?}", id.0, format!("{dtype:?}").to_lowercase())
        }
        None => format!("%{} (no such value)", id.0),
    }
}

fn port_line(graph: &Graph, port: &Port) -> String {
    format!(
        "{} = {} (source {:?}{:?}, axes {:?})",
        port.name,
        value_text(graph, port.value),
        port.source_dtype,
        port.source_shape,
        port.source_axes
    )
}

fn node_line(graph: &Graph, node: &Node) -> String {
    let inputs: Vec<String> = node.inputs.iter().map(|&i| value_text(graph, i)).collect();
    let attributes = attributes(&node.op);
    let (open, close) = if attributes.is_empty() { ("", "") } else { (" {", "}") };
    format!(
        "{} = {}({}){open}{attributes}{close} \"{}\"",
        value_text(graph, node.output),
        node.op.name(),
        inputs.join(", "),
        node.name
    )
}

fn activation_text(activation: &Activation) -> Option<String> {
    (*activation != Activation::NONE).then(|| format!("clamp {}..{}", activation.min, activation.max))
}

fn pads_text(pads: &Pads) -> Option<String> {
    let Pads { top, left, bottom, right } = pads;
    (*pads != Pads::default()).then(|| format!("pads [{top}, {left}, {bottom}, {right}]"))
}

fn attributes(op: &Op) -> String {
    let window = |kernel: Option<&[usize; 2]>, stride: &[usize; 2], dilation: &[usize; 2], pads: &Pads| {
        vec![
            kernel.map(|k| format!("kernel {k:?}")),
            (*stride != [1, 1]).then(|| format!("stride {stride:?}")),
            (*dilation != [1, 1]).then(|| format!("dilation {dilation:?}")),
            pads_text(pads),
        ]
    };
    let parts: Vec<Option<String>> = match op {
        Op::Conv2d { stride, dilation, pads, groups, activation } => {
            let mut parts = window(None, stride, dilation, pads);
            parts.push((*groups != 1).then(|| format!("groups {groups}")));
            parts.push(activation_text(activation));
            parts
        }
        Op::FullyConnected { activation }
        | Op::Add { activation }
        | Op::Sub { activation }
        | Op::Mul { activation } => {
            vec![activation_text(activation)]
        }
        Op::AveragePool2d { kernel, stride, dilation, pads, count_include_pad } => {
            let mut parts = window(Some(kernel), stride, dilation, pads);
            parts.push(count_include_pad.then(|| "count_include_pad".to_owned()));
            parts
        }
        Op::MaxPool2d { kernel, stride, dilation, pads } => window(Some(kernel), stride, dilation, pads),
        Op::Mean { axes, keep_dims } => {
            vec![Some(format!("axes {axes:?}")), keep_dims.then(|| "keep_dims".to_owned())]
        }
        Op::Pad { before, after, value } => {
            vec![Some(format!("before {before:?}, after {after:?}, value {value}"))]
        }
        Op::Softmax { axis } | Op::Concat { axis } => vec![Some(format!("axis {axis}"))],
        Op::Unary(Unary::Clamp { min, max }) => vec![Some(format!("clamp {min}..{max}"))],
        Op::Unary(function) | Op::Table { function, .. } => vec![Some(format!("{function:?}").to_lowercase())],
        Op::Lstm { cell_clip } => vec![(*cell_clip > 0.0).then(|| format!("cell clip {cell_clip}"))],
        Op::FakeQuantize { scale, zero_point, dtype } => {
            vec![Some(format!("{dtype:?}, scale {scale}, zero point {zero_point}"))]
        }
        Op::Slice { start, end, step } => vec![Some(format!("start {start:?}, end {end:?}, step {step:?}"))],
        Op::Transpose { perm } => vec![Some(format!("perm {perm:?}"))],
        Op::BatchNorm { epsilon, momentum } => vec![Some(format!("epsilon {epsilon}, momentum {momentum}"))],
        Op::Dropout { rate } => vec![Some(format!("rate {rate}"))],
        Op::ScaleShift | Op::Reshape | Op::Quantize | Op::Dequantize | Op::Requantize => Vec::new(),
    };
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{DType, Tensor};

    #[test]
    fn one_line_a_node_with_shapes_and_attributes() {
        let mut graph = Graph { name: "net".into(), ..Graph::default() };
        let x = graph.add_value("x", vec![1, 4, 4, 1], DType::F32);
        let w = graph.add_constant("w", Tensor::f32([2, 1, 1, 1], vec![1.0, 2.0]));
        let y = graph.add_value("y", vec![1, 2, 2, 2], DType::F32);
        let op = Op::Conv2d {
            stride: [2, 2],
            dilation: [1, 1],
            pads: Pads::default(),
            groups: 1,
            activation: Activation { min: 0.0, max: 6.0 },
        };
        graph.nodes.push(Node { name: "conv".into(), op, inputs: vec![x, w], output: y });
        let text = graph.to_string();
        let line = r#"  %2 f32[1, 2, 2, 2] = conv2d(%0 f32[1, 4, 4, 1], %1 const f32[2, 1, 1, 1]) {stride [2, 2], clamp 0..6} "conv""#;
        assert!(text.lines().any(|l| l == line), "{text}");
    }

    #[test]
    fn dangling_ids_print() {
        let mut graph = Graph::default();
        let node = Node { name: "n".into(), op: Op::Reshape, inputs: vec![ValueId(3)], output: ValueId(4) };
        graph.nodes.push(node);
        assert!(graph.to_string().contains("%3 (no such value)"));
    }
}
