//! QLinear operators of ONNX and ONNX Runtime, rewritten as what they mean: DequantizeLinear, the operator on real
//! numbers, QuantizeLinear. Everything after this reads only those two.

use tract_onnx::pb;
use tract_onnx::pb::attribute_proto::AttributeType;

use super::decode::is_default_domain;

/// Where the operands of an operator are: numbers of inputs, each followed by its scale and zero point.
struct Form {
    /// The operator on real numbers.
    op: &'static str,
    /// First inputs of triples (values, scale, zero point).
    operands: &'static [usize],
    /// First of the pair (scale, zero point) of the result.
    result: usize,
    /// An int32 bias, whose scale is the product of those of the two operands.
    bias: Option<usize>,
    /// The axis along which the second operand may have several scales.
    axis: i64,
}

const CONV: Form = Form { op: "Conv", operands: &[0, 3], result: 6, bias: Some(8), axis: 0 };
const MATMUL: Form = Form { op: "MatMul", operands: &[0, 3], result: 6, bias: None, axis: -1 };

fn binary(op: &'static str) -> Form {
    Form { op, operands: &[0, 3], result: 6, bias: None, axis: 0 }
}

fn unary(op: &'static str) -> Form {
    Form { op, operands: &[0], result: 3, bias: None, axis: 0 }
}

/// What `node` is on real numbers, if it is a QLinear operator with a fixed number of operands.
fn form(node: &pb::NodeProto) -> Option<Form> {
    let runtime = node.domain == "com.microsoft";
    match node.op_type.as_str() {
        "QLinearConv" if is_default_domain(&node.domain) || runtime => Some(CONV),
        "QLinearMatMul" if is_default_domain(&node.domain) || runtime => Some(MATMUL),
        "QGemm" if runtime => {
            let transposed = node.attribute.iter().any(|a| a.name == "transB" && a.i != 0);
            let axis = if transposed { 0 } else { 1 };
            Some(Form { op: "Gemm", operands: &[0, 3], result: 7, bias: Some(6), axis })
        }
        "QLinearAdd" if runtime => Some(binary("Add")),
        "QLinearMul" if runtime => Some(binary("Mul")),
        "QLinearSigmoid" if runtime => Some(unary("Sigmoid")),
        "QLinearLeakyRelu" if runtime => Some(unary("LeakyRelu")),
        "QLinearSoftmax" if runtime => Some(unary("Softmax")),
        "QLinearGlobalAveragePool" | "QLinearAveragePool" if runtime && !channels_last(node) => {
            Some(unary(if node.op_type == "QLinearAveragePool" { "AveragePool" } else { "GlobalAveragePool" }))
        }
        _ => None,
    }
}

/// ONNX Runtime's optimizer turns some pools to channels last; they stay, and are refused by name.
fn channels_last(node: &pb::NodeProto) -> bool {
    node.attribute.iter().any(|a| a.name == "channels_last" && a.i != 0)
}

/// Rewrites every QLinear operator of the file.
pub(super) fn expand(model: &mut pb::ModelProto) {
    let Some(graph) = &mut model.graph else { return };
    let mut nodes = Vec::with_capacity(graph.node.len());
    for mut node in std::mem::take(&mut graph.node) {
        // ONNX Runtime's own spelling of the two, from before ONNX had 16-bit types.
        if node.domain == "com.microsoft" && matches!(node.op_type.as_str(), "QuantizeLinear" | "DequantizeLinear") {
            node.domain.clear();
        }
        if node.op_type == "QLinearConcat" && node.domain == "com.microsoft" {
            concat(node, &mut nodes);
            continue;
        }
        match form(&node) {
            Some(form) => fixed(node, &form, &mut nodes),
            None => nodes.push(node),
        }
    }
    graph.node = nodes;
}

fn fixed(node: pb::NodeProto, form: &Form, nodes: &mut Vec<pb::NodeProto>) {
    let mut builder = Builder { node: &node, nodes };
    let mut inputs: Vec<String> = Vec::new();
    for (at, &first) in form.operands.iter().enumerate() {
        let axis = if at == 1 { form.axis } else { 0 };
        inputs.push(builder.dequantize(&format!("operand{at}"), first, axis));
    }
    if let Some(bias) = form.bias.filter(|&bias| builder.given(bias)) {
        let scale = builder.part("bias_scale");
        let scales = [builder.input(1), builder.input(4)];
        builder.plain("Mul", "bias_scale", &scales, &scale);
        let real = builder.part("bias");
        let inputs_of_bias = [builder.input(bias), scale];
        builder.along("DequantizeLinear", "bias", &inputs_of_bias, &real, 0);
        inputs.push(real);
    }
    let attributes = node.attribute.iter().filter(|a| !matches!(a.name.as_str(), "channels_last" | "opset")).cloned();
    builder.finish(form.op, &inputs, form.result, attributes.collect());
}

/// `QLinearConcat`: scale and zero point of the result come first, then a triple for each operand.
fn concat(node: pb::NodeProto, nodes: &mut Vec<pb::NodeProto>) {
    let mut builder = Builder { node: &node, nodes };
    let firsts = (2..node.input.len()).step_by(3);
    let inputs: Vec<String> =
        firsts.enumerate().map(|(at, first)| builder.dequantize(&format!("operand{at}"), first, 0)).collect();
    builder.finish("Concat", &inputs, 0, node.attribute.clone());
}

struct Builder<'a> {
    node: &'a pb::NodeProto,
    nodes: &'a mut Vec<pb::NodeProto>,
}

impl Builder<'_> {
    /// Missing operands have empty names, which reading the node reports.
    fn input(&self, index: usize) -> String {
        self.node.input.get(index).cloned().unwrap_or_default()
    }

    fn given(&self, index: usize) -> bool {
        !self.input(index).is_empty()
    }

    fn part(&self, suffix: &str) -> String {
        format!("{}/{suffix}", self.node.output.first().map_or("", String::as_str))
    }

    fn name(&self) -> String {
        if self.node.name.is_empty() { self.part("node") } else { self.node.name.clone() }
    }

    fn plain(&mut self, op: &str, suffix: &str, inputs: &[String], output: &str) {
        let name = format!("{}/{suffix}", self.name());
        self.nodes.push(pb::NodeProto {
            op_type: op.into(),
            name,
            input: inputs.to_vec(),
            output: vec![output.into()],
            ..pb::NodeProto::default()
        });
    }

    fn along(&mut self, op: &str, suffix: &str, inputs: &[String], output: &str, axis: i64) {
        self.plain(op, suffix, inputs, output);
        if let Some(node) = self.nodes.last_mut() {
            node.attribute.push(pb::AttributeProto {
                name: "axis".into(),
                r#type: AttributeType::Int as i32,
                i: axis,
                ..pb::AttributeProto::default()
            });
        }
    }

    /// The real numbers of input `first`, whose scale and zero point follow it.
    fn dequantize(&mut self, suffix: &str, first: usize, axis: i64) -> String {
        let real = self.part(suffix);
        let inputs = [self.input(first), self.input(first + 1), self.input(first + 2)];
        self.along("DequantizeLinear", suffix, &inputs, &real, axis);
        real
    }

    /// The operator itself, and the quantization of its result; without a scale the result stays real.
    fn finish(&mut self, op: &str, inputs: &[String], scale: usize, attributes: Vec<pb::AttributeProto>) {
        let output = self.node.output.first().cloned().unwrap_or_default();
        let quantized = self.given(scale);
        let real = if quantized { self.part("real") } else { output.clone() };
        self.nodes.push(pb::NodeProto {
            op_type: op.into(),
            name: self.name(),
            input: inputs.to_vec(),
            output: vec![real.clone()],
            attribute: attributes,
            ..pb::NodeProto::default()
        });
        if quantized {
            let inputs = [real, self.input(scale), self.input(scale + 1)];
            self.plain("QuantizeLinear", "quantized", &inputs, &output);
        }
    }
}
