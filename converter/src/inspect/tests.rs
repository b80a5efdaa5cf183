use super::*;
use crate::emit::{EmitOptions, emit};
use crate::ir::{self, Activation, Graph, Node, Op, Tensor};
use crate::plan::plan;
use crate::quantize::keep_float;

fn dense() -> Vec<u8> {
    let mut graph = Graph { name: "tiny".into(), ..Graph::default() };
    let x = graph.add_value("x", vec![1, 6], DType::F32);
    let w = graph.add_constant("w", Tensor::f32([4, 6], vec![0.5; 24]));
    let y = graph.add_value("y", vec![1, 4], DType::F32);
    let op = Op::FullyConnected { activation: Activation::NONE };
    graph.nodes.push(Node { name: "dense".into(), op, inputs: vec![x, w], output: y });
    let port = |value, name: &str, n| ir::Port {
        value,
        name: name.into(),
        source_shape: vec![1, n],
        source_dtype: DType::F32,
        source_axes: vec![0, 1],
    };
    graph.inputs.push(port(x, "features", 6));
    graph.outputs.push(port(y, "scores", 4));
    emit(&plan(keep_float(&graph)).unwrap(), &EmitOptions::default()).unwrap().bytes
}

#[test]
fn everything_in_a_file_is_told() {
    let blob = dense();
    let summary = Summary::from_blob(&blob).unwrap();
    assert_eq!((summary.schema, summary.name.as_str(), summary.file_bytes), (1, "tiny", blob.len() as u32));
    assert_eq!((summary.inputs[0].name.as_str(), summary.outputs[0].name.as_str()), ("features", "scores"));
    assert_eq!(summary.inputs[0].source_shape, [1, 6]);
    assert_eq!((summary.arena_bytes, summary.macs), (40, 24));
    let [dense] = summary.instructions.as_slice() else { panic!("one instruction") };
    assert_eq!((dense.op.as_str(), dense.node.as_str()), ("fully_connected_f32", "dense"));
    assert_eq!((dense.macs, dense.weight_bytes), (24, 4 * (24 + 4)));
    assert_eq!((dense.input_shape.as_slice(), dense.output_shape.as_slice()), (&[1, 6][..], &[1, 4][..]));
    assert_eq!(dense.writes[1] - dense.writes[0], 16);
    assert_eq!(dense.scale, Some(0.0));
    let ends = summary.sections.iter().map(|s| s.offset + s.bytes).max();
    assert_eq!(ends, Some(blob.len() as u32));
    assert!(summary.sha256_ok);
}

#[test]
fn the_json_object_can_be_parsed() {
    let summary = Summary::from_blob(&dense()).unwrap();
    let json: serde_json::Value = serde_json::from_str(&serde_json::to_string(&summary).unwrap()).unwrap();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["instructions"][0]["node"], "dense");
}

#[test]
fn a_damaged_file_says_so() {
    let error = Summary::from_blob(b"hello").unwrap_err().to_string();
    assert!(error.contains("cut off") || error.contains("MOTE"), "{error}");
}

#[test]
fn occupants_fill_the_arena_and_flow_connects_every_instruction() {
    for net in ["mnist_cnn", "kws_dscnn", "mobilenetv2_like"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings").join(net);
        let source = std::fs::read(path.with_extension("onnx")).unwrap();
        let options = crate::BuildOptions { cross_check: false, ..crate::BuildOptions::default() };
        let mut noise =
            |graph: &crate::ir::Graph| Ok(crate::data::Dataset::random(&crate::data::InputSpec::of_graph(graph), 2));
        let built = crate::build(&source, &options, &mut noise, &mut |_| {}).unwrap();
        let blob = AlignedBytes::copy_of(&built.emitted.bytes);
        let model = Model::load(&blob).unwrap();
        let summary = Summary::from_blob(&blob).unwrap();
        let all = occupants(&model, &summary);
        let used = in_use(&all, summary.instructions.len());
        let fullest = used.iter().map(|u| u.0).max().unwrap();
        assert_eq!(fullest, summary.arena_bytes, "{net}: nothing is left over, and nothing lies outside");
        assert!(used.iter().all(|(end, sum)| sum <= end), "{net}");

        // While an instruction runs, what it reads belongs to somebody.
        let flow = data_flow(&model, &summary);
        for (at, instruction) in summary.instructions.iter().enumerate().filter(|(_, i)| i.op != "bands") {
            assert!(flow.iter().any(|(_, to)| *to == at), "{net}: {} reads nothing", instruction.node);
            for (from, _) in flow.iter().filter(|(_, to)| *to == at) {
                let name = match from {
                    Producer::Input(input) => &summary.inputs[*input].name,
                    Producer::Instruction(before) => &summary.instructions[*before].node,
                };
                let there = |o: &Occupant| o.name == *name && (o.instructions[0]..=o.instructions[1]).contains(&at);
                assert!(all.iter().any(there), "{net}: `{name}` is gone when instruction {at} reads it");
            }
        }
        let sums = flow.iter().filter(|(_, to)| summary.instructions[*to].op == "add").count();
        assert_eq!(sums, if net == "mobilenetv2_like" { 4 } else { 0 }, "{net}: both branches of both sums");
    }
}
