//! The file as tract gets it: where tract is known to compute something else than ONNX says, or in another precision
//! than this converter, the same function is spelled so that both mean the same. Everything else stays as it is, so that
//! any other difference still shows.

use tract_onnx::pb;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::type_proto::Value as Type;

use crate::import::onnx::ImportError;
use crate::import::onnx::array::{Array, Data};
use crate::import::onnx::node::Node;

/// Float types that are only storage here: this converter computes them in float32.
const STORAGE: [DataType; 2] = [DataType::Float16, DataType::Bfloat16];

/// The model that tract gets, and what was spelled differently, for the user.
pub(super) fn for_tract(model: &pb::ModelProto) -> Result<(pb::ModelProto, Vec<String>), ImportError> {
    let mut model = model.clone();
    let mut adjusted = Vec::new();
    if let Some(graph) = &mut model.graph {
        if widen_half_floats(graph)? {
            adjusted.push("float16 is computed in float32 by both".to_owned());
        }
        spell_out_celu(graph, &mut adjusted)?;
    }
    Ok((model, adjusted))
}

/// Makes every half-precision type of the graph float32; the values stay. True if there was one.
///
/// In half precision tract would round after every operator, which this converter does not.
fn widen_half_floats(graph: &mut pb::GraphProto) -> Result<bool, ImportError> {
    let is_storage = |number: i64| STORAGE.iter().any(|&t| t as i64 == number);
    let mut found = false;
    let ports = graph.input.iter_mut().chain(&mut graph.output).chain(&mut graph.value_info);
    for info in ports {
        if let Some(Type::TensorType(tensor)) = info.r#type.as_mut().and_then(|t| t.value.as_mut())
            && is_storage(tensor.elem_type.into())
        {
            tensor.elem_type = DataType::Float as i32;
            found = true;
        }
    }
    let attributes = graph.node.iter_mut().filter(|n| n.op_type != "Cast").flat_map(|n| &mut n.attribute);
    let tensors = graph.initializer.iter_mut().chain(attributes.filter_map(|a| a.t.as_mut()));
    for tensor in tensors.filter(|t| is_storage(t.data_type.into())) {
        *tensor = float_tensor(&tensor.name, &Array::from_proto(tensor, &tensor.name)?);
        found = true;
    }
    // A cast to float16 is an identity for the importer as well.
    for cast in graph.node.iter_mut().filter(|n| n.op_type == "Cast") {
        for to in cast.attribute.iter_mut().filter(|a| a.name == "to" && is_storage(a.i)) {
            to.i = DataType::Float as i64;
            found = true;
        }
    }
    Ok(found)
}

/// tract 0.23 computes `Celu` as `max(x, 0) + min(0, exp(x / alpha) - 1)`, without the factor `alpha` of the second term.
/// It gets `alpha * Elu(x / alpha)`, which is what ONNX says.
fn spell_out_celu(graph: &mut pb::GraphProto, adjusted: &mut Vec<String>) -> Result<(), ImportError> {
    let mut nodes = Vec::with_capacity(graph.node.len());
    for proto in std::mem::take(&mut graph.node) {
        let node = Node { proto: &proto, opset: 0 };
        let alpha = if proto.op_type == "Celu" { node.float_or("alpha", 1.0)? } else { 1.0 };
        let (Some(x), [y], true) = (node.input(0), proto.output.as_slice(), alpha != 1.0) else {
            nodes.push(proto);
            continue;
        };
        let part = |suffix: &str| format!("{y}/for_tract/{suffix}");
        let mut constant = |suffix: &str, value: f32| {
            let name = part(suffix);
            graph.initializer.push(float_tensor(&name, &Array { shape: Vec::new(), data: Data::Float(vec![value]) }));
            name
        };
        let (inverse, factor) = (constant("inverse", 1.0 / alpha), constant("alpha", alpha));
        nodes.push(plain("Mul", &[x, &inverse], &part("inner")));
        nodes.push(elu(&part("inner"), &part("elu")));
        nodes.push(plain("Mul", &[&part("elu"), &factor], y));
        adjusted.push(format!(
            "node `{}` (Celu): tract leaves out its factor alpha, a known fault; it was given the same function in parts",
            node.label()
        ));
    }
    graph.node = nodes;
    Ok(())
}

fn plain(op: &str, inputs: &[&str], output: &str) -> pb::NodeProto {
    pb::NodeProto {
        op_type: op.into(),
        name: output.into(),
        input: inputs.iter().map(|&s| s.into()).collect(),
        output: vec![output.into()],
        ..pb::NodeProto::default()
    }
}

fn elu(x: &str, y: &str) -> pb::NodeProto {
    let alpha =
        pb::AttributeProto { name: "alpha".into(), r#type: AttributeType::Float as i32, f: 1.0, ..Default::default() };
    pb::NodeProto { attribute: vec![alpha], ..plain("Elu", &[x], y) }
}

fn float_tensor(name: &str, array: &Array) -> pb::TensorProto {
    pb::TensorProto {
        name: name.into(),
        dims: array.shape.iter().map(|&d| d as i64).collect(),
        data_type: DataType::Float as i32,
        raw_data: array.to_floats().iter().flat_map(|v| v.to_le_bytes()).collect(),
        ..pb::TensorProto::default()
    }
}
