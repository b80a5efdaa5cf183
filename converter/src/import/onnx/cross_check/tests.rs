use prost::Message;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension::Value};

use super::*;
use crate::import::onnx::{ImportOptions, import};

fn port(name: &str, kind: DataType, sizes: &[i64]) -> pb::ValueInfoProto {
    let dim = |&n: &i64| Dimension { value: Some(Value::DimValue(n)), ..Default::default() };
    let shape = pb::TensorShapeProto { dim: sizes.iter().map(dim).collect() };
    let tensor = pb::type_proto::Tensor { elem_type: kind as i32, shape: Some(shape) };
    let of_type = pb::TypeProto { value: Some(pb::type_proto::Value::TensorType(tensor)), ..Default::default() };
    pb::ValueInfoProto { name: name.into(), r#type: Some(of_type), ..Default::default() }
}

fn node(op: &str, inputs: &[&str], output: &str) -> pb::NodeProto {
    pb::NodeProto {
        op_type: op.into(),
        name: format!("{op}_{output}"),
        input: inputs.iter().map(|s| s.to_string()).collect(),
        output: vec![output.into()],
        ..Default::default()
    }
}

fn model(kind: DataType, nodes: Vec<pb::NodeProto>, initializer: Vec<pb::TensorProto>) -> pb::ModelProto {
    let graph = pb::GraphProto {
        node: nodes,
        initializer,
        input: vec![port("x", kind, &[1, 32])],
        output: vec![port("y", kind, &[1, 32])],
        ..Default::default()
    };
    pb::ModelProto {
        ir_version: 8,
        opset_import: vec![pb::OperatorSetIdProto { domain: String::new(), version: 17 }],
        graph: Some(graph),
        ..Default::default()
    }
}

fn celu(alpha: f32) -> pb::ModelProto {
    let mut node = node("Celu", &["x"], "y");
    node.attribute = vec![pb::AttributeProto {
        name: "alpha".into(),
        r#type: AttributeType::Float as i32,
        f: alpha,
        ..Default::default()
    }];
    model(DataType::Float, vec![node], vec![])
}

fn graph_of(model: &pb::ModelProto) -> Graph {
    import(&model.encode_to_vec(), &ImportOptions::default()).unwrap().graph
}

#[test]
fn celu_is_compared_in_spite_of_the_fault_in_tract() {
    let check = cross_check(&celu(2.5).encode_to_vec(), &graph_of(&celu(2.5)), 3).unwrap();
    assert!(check.agrees, "{check:?}");
    let [note] = &check.adjusted[..] else { panic!("{check:?}") };
    assert!(note.contains("`Celu_y` (Celu)") && note.contains("known fault"), "{note}");
    assert_eq!(cross_check(&celu(1.0).encode_to_vec(), &graph_of(&celu(1.0)), 3).unwrap().adjusted.len(), 0);
}

#[test]
fn a_celu_with_another_alpha_is_still_a_difference() {
    let check = cross_check(&celu(2.5).encode_to_vec(), &graph_of(&celu(2.0)), 3).unwrap();
    assert!(!check.agrees && check.not_checked.is_none(), "{check:?}");
}

/// When this fails, tract computes Celu as ONNX says, and `for_tract` need not spell it out any more.
#[test]
fn tract_has_the_fault_that_is_worked_around() {
    let (model, graph) = (celu(2.5), graph_of(&celu(2.5)));
    let sample = vec![random_sample(&graph.inputs[0], &mut SplitMix(3))];
    let theirs = run_tract(&model, &graph, &sample).unwrap();
    let ours = execute(&graph, &sample).unwrap();
    assert!(difference("y", &ours[0], &theirs[0].1).max_rel > CrossCheck::TOLERANCE);
}

fn half_weights(name: &str) -> pb::TensorProto {
    let value = |i: usize| half::f16::from_f32((i * 37 % 101) as f32 / 50.0 - 1.0);
    pb::TensorProto {
        name: name.into(),
        dims: vec![32, 32],
        data_type: DataType::Float16 as i32,
        raw_data: (0..32 * 32).flat_map(|i| value(i).to_le_bytes()).collect(),
        ..Default::default()
    }
}

fn cast(input: &str, to: DataType, output: &str) -> pb::NodeProto {
    let to =
        pb::AttributeProto { name: "to".into(), r#type: AttributeType::Int as i32, i: to as i64, ..Default::default() };
    pb::NodeProto { attribute: vec![to], ..node("Cast", &[input], output) }
}

/// Two layers of float16 weights: in half precision the sums of 32 products are off by more than the tolerance.
fn half_layers(x: &str, y: &str) -> Vec<pb::NodeProto> {
    vec![node("MatMul", &[x, "w"], "h"), node("Tanh", &["h"], "t"), node("MatMul", &["t", "w"], y)]
}

#[test]
fn float16_files_are_compared_in_float32() {
    let all_half = model(DataType::Float16, half_layers("x", "y"), vec![half_weights("w")]);
    let mut nodes = vec![cast("x", DataType::Float16, "a")];
    nodes.extend(half_layers("a", "b"));
    nodes.push(cast("b", DataType::Float, "y"));
    let with_casts = model(DataType::Float, nodes, vec![half_weights("w")]);
    let weights_only = model(
        DataType::Float,
        vec![cast("w16", DataType::Float, "w"), node("MatMul", &["x", "w"], "y")],
        vec![half_weights("w16")],
    );
    for model in [all_half, with_casts, weights_only] {
        let mut graph = graph_of(&model);
        let check = cross_check(&model.encode_to_vec(), &graph, 3).unwrap();
        assert!(check.agrees && check.adjusted.len() == 1, "{check:?}");
        let weights = graph.values.iter_mut().find_map(|v| v.constant.as_mut()).unwrap();
        let Tensor::F32 { data, .. } = weights else { panic!("weights are float") };
        data[5] += 0.05;
        assert!(!cross_check(&model.encode_to_vec(), &graph, 3).unwrap().agrees);
    }
}
