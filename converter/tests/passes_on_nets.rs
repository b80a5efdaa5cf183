//! The default passes on real networks: nothing is left that the device should not have to do, and every output stays.

mod support;

use std::path::{Path, PathBuf};

use mote::execute::Executor;
use mote::import::onnx::{ImportOptions, import};
use mote::ir::{Graph, Op, Port, Tensor, Unary};
use mote::passes::run_default;
use support::data_root;

/// Networks that must come out without a transpose.
const NETS: &[&str] = &[
    "onnx/mnist_cnn_32_64",
    "onnx/mnist_cnn_32_64_64",
    "onnx/mlp_1000_512_256_128_10",
    "onnx/mobilenetv2_like",
    "onnx/squeezenet_like",
    "onnx/inception_like",
    "onnx/efficientnet_lite_se",
    "onnx_mlperf/kws_dscnn_fp32",
    "onnx_mlperf/vww_96_fp32",
    "onnx_mlperf/ic_resnet8_fp32",
    "onnx_mlperf/ad01_fp32",
    "onnx_mlperf/sww_fp32",
];

/// The ONNX files of a folder: `model.onnx` and its variants.
fn models(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path());
    let mut models: Vec<PathBuf> = entries.filter(|p| p.extension().is_some_and(|e| e == "onnx")).collect();
    models.sort();
    models
}

fn source_input(port: &Port, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..port.source_shape.iter().product::<usize>()).map(|_| next()).collect()
}

fn outputs(graph: &Graph) -> Vec<Vec<f32>> {
    let input =
        |(port, seed): (&Port, u32)| Tensor::f32(port.stored_shape(), port.to_stored(&source_input(port, seed)));
    let inputs: Vec<Tensor> = graph.inputs.iter().zip(1..).map(input).collect();
    let results = Executor::new(graph).unwrap().run(&inputs).unwrap();
    results.iter().zip(&graph.outputs).map(|(t, port)| port.to_source(t.as_f32().unwrap())).collect()
}

/// Largest difference of any output, relative to the largest element of that output.
fn difference(before: &Graph, after: &Graph) -> f32 {
    let relative = |(a, b): (Vec<f32>, Vec<f32>)| {
        assert_eq!(a.len(), b.len());
        let largest = a.iter().fold(1e-6f32, |m, v| m.max(v.abs()));
        a.iter().zip(&b).fold(0.0f32, |m, (x, y)| m.max((x - y).abs())) / largest
    };
    outputs(before).into_iter().zip(outputs(after)).map(relative).fold(0.0, f32::max)
}

fn count(graph: &Graph, wanted: impl Fn(&Op) -> bool) -> usize {
    graph.nodes.iter().filter(|n| wanted(&n.op)).count()
}

#[test]
fn real_networks_lose_every_transpose_and_keep_their_outputs() {
    let Some(data) = data_root() else { return };
    for net in NETS {
        let models = models(&data.join(net));
        assert!(!models.is_empty(), "{net} has no model");
        for path in models {
            let imported = import(&std::fs::read(&path).unwrap(), &ImportOptions::default());
            let before = imported.unwrap_or_else(|e| panic!("{}: {e}", path.display())).graph;
            let mut after = before.clone();
            run_default(&mut after).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let name = path.display();
            assert_eq!(count(&after, |op| matches!(op, Op::Transpose { .. })), 0, "{name}\n{after}");
            assert_eq!(count(&after, |op| matches!(op, Op::ScaleShift | Op::Pad { .. })), 0, "{name}\n{after}");
            assert_eq!(count(&after, |op| matches!(op, Op::Unary(Unary::Clamp { .. }))), 0, "{name}\n{after}");
            let difference = difference(&before, &after);
            assert!(difference < 1e-4, "{name}: outputs differ by {difference}\n{after}");
            let (nodes, left) = (before.nodes.len(), after.nodes.len());
            eprintln!("{name}: {nodes} nodes became {left}, outputs within {difference:.1e}");
            let again = run_default(&mut after).unwrap();
            assert!(again.iter().all(|r| r.rewrites == 0), "{name}: a second run still rewrites: {again:?}");
        }
    }
}

#[test]
fn whatever_else_imports_passes_too() {
    let Some(data) = data_root() else { return };
    let folders = std::fs::read_dir(data.join("onnx")).into_iter().flatten().flatten().map(|e| e.path());
    for path in folders.flat_map(|f| models(&f)) {
        let Ok(imported) = import(&std::fs::read(&path).unwrap(), &ImportOptions::default()) else { continue };
        let (before, mut after) = (imported.graph.clone(), imported.graph);
        run_default(&mut after).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let difference = difference(&before, &after);
        assert!(difference < 1e-4, "{}: outputs differ by {difference}\n{after}", path.display());
    }
}
