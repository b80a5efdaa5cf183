//! What an ONNX file can do wrong, each with the error that says so.

use mote::import::onnx::{ImportOptions, import};
use prost::Message;
use tract_onnx::pb;

const FLOAT: i32 = 1;

fn sizes(sizes: &[i64]) -> pb::TypeProto {
    use pb::tensor_shape_proto::{Dimension, dimension::Value};
    let dim = |&n: &i64| Dimension {
        value: Some(if n < 0 { Value::DimParam(format!("axis{}", -n)) } else { Value::DimValue(n) }),
        ..Dimension::default()
    };
    let shape = pb::TensorShapeProto { dim: sizes.iter().map(dim).collect() };
    let tensor = pb::type_proto::Tensor { elem_type: FLOAT, shape: Some(shape) };
    pb::TypeProto { value: Some(pb::type_proto::Value::TensorType(tensor)), ..pb::TypeProto::default() }
}

fn node(op: &str, name: &str, inputs: &[&str], output: &str) -> pb::NodeProto {
    pb::NodeProto {
        op_type: op.into(),
        name: name.into(),
        input: inputs.iter().map(|s| s.to_string()).collect(),
        output: vec![output.into()],
        ..pb::NodeProto::default()
    }
}

/// The error of a file with input `x`, these nodes, constants and opset, and output `y`.
fn error(opset: i64, input: &[i64], nodes: Vec<pb::NodeProto>, constants: Vec<pb::TensorProto>) -> String {
    let port = |name: &str, r#type| pb::ValueInfoProto { name: name.into(), r#type, ..pb::ValueInfoProto::default() };
    let graph = pb::GraphProto {
        node: nodes,
        initializer: constants,
        input: vec![port("x", Some(sizes(input)))],
        output: vec![port("y", None)],
        ..pb::GraphProto::default()
    };
    let model = pb::ModelProto {
        ir_version: 8,
        opset_import: vec![pb::OperatorSetIdProto { domain: String::new(), version: opset }],
        graph: Some(graph),
        ..pb::ModelProto::default()
    };
    import(&model.encode_to_vec(), &ImportOptions::default()).expect_err("the file is wrong").to_string()
}

fn relu() -> Vec<pb::NodeProto> {
    vec![node("Relu", "r", &["x"], "y")]
}

#[track_caller]
fn says(error: &str, words: &[&str]) {
    for word in words {
        assert!(error.contains(word), "`{word}` is missing in: {error}");
    }
}

#[test]
fn other_files_and_truncated_ones_are_no_onnx() {
    for bytes in [&b"hello, I am text"[..], &[0x3a, 0xff, 0x01, 0x00]] {
        says(&import(bytes, &ImportOptions::default()).unwrap_err().to_string(), &["not an ONNX file"]);
    }
}

#[test]
fn opsets_out_of_range_are_named() {
    says(&error(6, &[1, 3], relu(), vec![]), &["opset 6", "7 to 22"]);
    says(&error(23, &[1, 3], relu(), vec![]), &["opset 23", "7 to 22"]);
}

#[test]
fn a_fixed_batch_and_an_open_size_name_input_and_way_out() {
    says(&error(17, &[4, 3], relu(), vec![]), &["`x`", "batch of 4", "symbolic batch"]);
    says(&error(17, &[-9, 3, -1, 8], relu(), vec![]), &["`x`", "`axis1`", "axis 2", "--input-shape"]);
}

#[test]
fn every_unsupported_node_is_listed_with_operator_and_hint() {
    let nodes = vec![node("NonMaxSuppression", "nms1", &["x", "x"], "a"), node("LSTM", "l1", &["a", "a", "a"], "y")];
    says(&error(17, &[1, 3], nodes, vec![]), &["2 nodes", "`nms1` (NonMaxSuppression)", "`l1` (LSTM)", "convolutions"]);
}

#[test]
fn a_value_that_nothing_makes_is_named_with_its_reader() {
    says(&error(17, &[1, 3], vec![node("Relu", "r", &["z"], "y")], vec![]), &["`r`", "`z`"]);
}

#[test]
fn constants_of_wrong_or_absurd_length_are_named() {
    let weights = |dims: Vec<i64>, raw_data| pb::TensorProto {
        name: "w".into(),
        dims,
        data_type: FLOAT,
        raw_data,
        ..pb::TensorProto::default()
    };
    let conv = || vec![node("Conv", "c", &["x", "w"], "y")];
    says(&error(17, &[1, 3, 8, 8], conv(), vec![weights(vec![4, 3, 3, 3], vec![0; 100])]), &["`w`", "432", "100"]);
    says(&error(17, &[1, 3, 8, 8], conv(), vec![weights(vec![1 << 40, 1 << 20], vec![0; 8])]), &["`w`", "more than"]);
    says(&error(17, &[1, 3, 8, 8], conv(), vec![weights(vec![-4, 3, 3, 3], vec![0; 8])]), &["`w`", "-4"]);
}

#[test]
fn weights_that_are_computed_are_refused_by_name() {
    let nodes = vec![node("Relu", "r", &["x"], "a"), node("Conv", "c", &["x", "a"], "y")];
    says(&error(17, &[1, 3, 8, 8], nodes, vec![]), &["`c`", "Conv", "constant"]);
}
