//! Every network of the shared test material: import, passes and executor against ONNX Runtime's outputs.

mod support;

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use mote::execute::Executor;
use mote::import::onnx::{ImportError, ImportOptions, cross_check, import};
use mote::ir::{Graph, Op, Tensor};
use mote::passes;
use support::data_root;

/// Shape without the sample axis, and one array per sample.
fn samples(path: &Path, scale: f32, zero_point: f32) -> Vec<Vec<f32>> {
    let file = BufReader::new(File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())));
    let npy = npyz::NpyFile::new(file).unwrap();
    let count = npy.shape()[0] as usize;
    let values: Vec<f32> = match npy.dtype() {
        npyz::DType::Plain(t) if t.to_string().contains("i1") => {
            npy.into_vec::<i8>().unwrap().into_iter().map(|q| (f32::from(q) - zero_point) * scale).collect()
        }
        _ => npy.into_vec::<f32>().unwrap(),
    };
    values.chunks(values.len() / count).map(<[f32]>::to_vec).collect()
}

fn run(executor: &Executor, graph: &Graph, sample: &[f32]) -> Vec<f32> {
    let port = &graph.inputs[0];
    let input = Tensor::f32(port.stored_shape(), port.to_stored(sample));
    let output = executor.run(&[input]).unwrap();
    graph.outputs[0].to_source(output[0].as_f32().unwrap())
}

/// Imports `model`, runs the passes, and compares every golden sample. Returns the graph after the passes.
fn matches_goldens(model: &Path, inputs: &[Vec<f32>], goldens: &[Vec<f32>]) -> Graph {
    let bytes = std::fs::read(model).unwrap();
    let imported = import(&bytes, &ImportOptions::default()).unwrap_or_else(|e| panic!("{}: {e}", model.display()));
    let mut graph = imported.graph;
    mote::ir::verify(&graph).unwrap_or_else(|e| panic!("{}: {e}", model.display()));
    let raw = Executor::new(&graph).unwrap();
    assert_close(model, &run(&raw, &graph, &inputs[0]), &goldens[0], "before the passes");
    passes::run_default(&mut graph).unwrap();
    let executor = Executor::new(&graph).unwrap();
    assert_eq!(inputs.len(), goldens.len());
    let mut worst = 0.0f32;
    for (input, golden) in inputs.iter().zip(goldens) {
        worst = worst.max(assert_close(model, &run(&executor, &graph, input), golden, "after the passes"));
    }
    let check = cross_check(&bytes, &graph, 7).unwrap();
    eprintln!("{}: worst {worst:.2e}, tract {check:?}", model.display());
    assert!(check.agrees, "{}: {check:?}", model.display());
    graph
}

fn assert_close(model: &Path, ours: &[f32], golden: &[f32], when: &str) -> f32 {
    assert_eq!(ours.len(), golden.len(), "{}", model.display());
    let largest = golden.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    let worst = ours.iter().zip(golden).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / largest;
    assert!(worst <= 1e-4, "{} {when}: relative difference {worst}", model.display());
    worst
}

fn onnx_net(name: &str, variants: &[&str]) -> Vec<Graph> {
    let Some(data) = data_root() else { return Vec::new() };
    let dir = data.join("onnx").join(name);
    let inputs = samples(&dir.join("inputs.npy"), 1.0, 0.0);
    let goldens = samples(&dir.join("outputs.npy"), 1.0, 0.0);
    variants.iter().map(|file| matches_goldens(&dir.join(file), &inputs, &goldens)).collect()
}

fn mlperf_net(name: &str, int8: &str, variants: &[&str]) -> Vec<Graph> {
    let Some(data) = data_root() else { return Vec::new() };
    let dir = data.join("onnx_mlperf").join(name);
    let manifest: serde_json::Value = serde_json::from_reader(File::open(dir.join("manifest.json")).unwrap()).unwrap();
    let input = &manifest["inputs"][0];
    let scale = input["scale"].as_f64().unwrap() as f32;
    let zero_point = input["zero_point"].as_f64().unwrap() as f32;
    let inputs = samples(&data.join("tflite").join(int8).join("inputs.npy"), scale, zero_point);
    let goldens = samples(&dir.join("outputs.npy"), 1.0, 0.0);
    variants.iter().map(|file| matches_goldens(&dir.join(file), &inputs, &goldens)).collect()
}

fn assert_no_transposes(graphs: &[Graph]) {
    for graph in graphs {
        let left = graph.nodes.iter().filter(|n| matches!(n.op, Op::Transpose { .. })).count();
        assert_eq!(left, 0, "{graph}");
    }
}

#[test]
fn mnist_cnn_32_64_matches() {
    assert_no_transposes(&onnx_net("mnist_cnn_32_64", &["model.onnx"]));
}

#[test]
fn mnist_cnn_32_64_64_matches() {
    assert_no_transposes(&onnx_net("mnist_cnn_32_64_64", &["model.onnx", "model_dynbatch.onnx"]));
}

#[test]
fn mlp_matches() {
    assert_no_transposes(&onnx_net("mlp_1000_512_256_128_10", &["model.onnx"]));
}

#[test]
fn mobilenetv2_like_matches() {
    assert_no_transposes(&onnx_net(
        "mobilenetv2_like",
        &["model.onnx", "model_unfused_bn.onnx", "model_dynbatch.onnx"],
    ));
}

#[test]
fn squeezenet_like_matches() {
    assert_no_transposes(&onnx_net("squeezenet_like", &["model.onnx"]));
}

#[test]
fn inception_like_matches() {
    assert_no_transposes(&onnx_net("inception_like", &["model.onnx"]));
}

#[test]
fn efficientnet_lite_se_matches() {
    assert_no_transposes(&onnx_net("efficientnet_lite_se", &["model.onnx", "model_unfused_bn.onnx"]));
}

#[test]
fn wavenet_matches() {
    let Some(data) = data_root() else { return };
    let dir = data.join("onnx/wavenet_k2_d16");
    let inputs = samples(&dir.join("inputs.npy"), 1.0, 0.0);
    let goldens = samples(&dir.join("outputs.npy"), 1.0, 0.0);
    matches_goldens(&dir.join("model.onnx"), &inputs, &goldens);
}

#[test]
fn kws_dscnn_matches() {
    assert_no_transposes(&mlperf_net("kws_dscnn_fp32", "kws_dscnn_int8", &["model.onnx", "model_opset13.onnx"]));
}

#[test]
fn vww_96_matches() {
    assert_no_transposes(&mlperf_net("vww_96_fp32", "vww_96_int8", &["model.onnx"]));
}

#[test]
fn ic_resnet8_matches() {
    assert_no_transposes(&mlperf_net("ic_resnet8_fp32", "ic_resnet8_int8", &["model.onnx"]));
}

#[test]
fn ad01_matches() {
    assert_no_transposes(&mlperf_net("ad01_fp32", "ad01_int8", &["model.onnx"]));
}

#[test]
fn sww_matches() {
    assert_no_transposes(&mlperf_net("sww_fp32", "sww_int8", &["model.onnx"]));
}

/// What the importer says about a network that it cannot take.
fn refusal(name: &str) -> Option<Vec<mote::import::onnx::UnsupportedNode>> {
    let bytes = std::fs::read(data_root()?.join("onnx").join(name).join("model.onnx")).unwrap();
    match import(&bytes, &ImportOptions::default()) {
        Err(ImportError::Unsupported(nodes)) => Some(nodes),
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn unet_names_every_transposed_convolution() {
    let Some(nodes) = refusal("unet_64") else { return };
    assert_eq!(nodes.len(), 2, "{nodes:?}");
    assert!(nodes.iter().all(|n| n.op == "ConvTranspose" && n.name.contains("ConvTranspose")));
    assert!(nodes.iter().all(|n| n.hint.contains("DepthToSpace")));
}

#[test]
fn recurrent_and_attention_networks_are_refused_by_name() {
    for (name, op) in [
        ("lstm_mnist_rows", "LSTM"),
        ("gru_mnist_rows", "GRU"),
        ("gpt_tiny_2l_d64", "LayerNormalization"),
        ("bert_tiny_2l_h64", "LayerNormalization"),
        ("text_embmean", "Gather"),
    ] {
        let Some(nodes) = refusal(name) else { return };
        eprintln!("{name}: {}", ImportError::Unsupported(nodes.clone()));
        assert!(nodes.iter().any(|n| n.op == op), "{name}: {nodes:?}");
    }
}
