//! Real networks through the whole flow: ONNX file to `.mote` file to outputs, on the engine that devices run.
//!
//! The material is not part of the project. It is looked for in `$MOTE_DATA`, then in `../shared/data`.

mod support;

use mote::data::{DataLayout, Dataset, InputSpec, LoadOptions, Normalization, load};
use mote::execute::Executor;
use mote::inspect::Summary;
use mote::ir::Graph;
use mote::validate::{Runner, Session, Similarity};
use mote::{BuildOptions, Built, build, stored_samples};
use std::path::{Path, PathBuf};
use support::data_root;

/// A network, its goldens, and real data to calibrate and compare with.
struct Net {
    /// Folder in the material; every `model*.onnx` in it is the same network.
    folder: &'static str,
    /// Inputs of the float goldens: a file, and how its integers are meant.
    golden_inputs: (&'static str, Option<(f32, i32)>),
    /// Real inputs.
    real: Real,
    /// Largest arena that is accepted, if known: what outputs that overlap their inputs reach.
    arena_bound: Option<u32>,
    /// Share of real inputs whose largest output is the same in float and int8; 0 for other kinds of networks.
    agreement: f64,
    /// Signal to quantization noise of all outputs on real inputs.
    sqnr_db: f64,
}

/// A file of samples: the first ones calibrate, later ones compare.
struct Real {
    file: &'static str,
    dequantize: Option<(f32, i32)>,
    normalization: &'static str,
    layout: DataLayout,
    calibrate: usize,
    compare: usize,
}

const MNIST: Real = Real {
    file: "real/mnist/train10k_images_u8.npy",
    dequantize: None,
    normalization: "unit",
    layout: DataLayout::Source,
    calibrate: 128,
    compare: 200,
};
const CIFAR: Real = Real {
    file: "real/cifar10/images_u8.npy",
    dequantize: None,
    normalization: "scale=0.00392156862745098;mean=0.5;std=0.25",
    layout: DataLayout::Nhwc,
    calibrate: 100,
    compare: 150,
};

fn pytorch(folder: &'static str, real: Real, agreement: f64, sqnr_db: f64) -> Net {
    let golden_inputs = ("inputs.npy", None);
    Net { folder, golden_inputs, real, arena_bound: None, agreement, sqnr_db }
}

#[test]
fn mnist_cnn_32_64() {
    check(&pytorch("onnx/mnist_cnn_32_64", MNIST, 0.99, 25.0));
}

#[test]
fn mnist_cnn_32_64_64() {
    check(&pytorch("onnx/mnist_cnn_32_64_64", MNIST, 0.99, 25.0));
}

#[test]
fn mlp_1000_512_256_128_10() {
    check(&pytorch("onnx/mlp_1000_512_256_128_10", MNIST, 0.99, 25.0));
}

#[test]
fn mobilenetv2_like() {
    check(&pytorch("onnx/mobilenetv2_like", CIFAR, 0.9, 15.0));
}

#[test]
fn squeezenet_like() {
    check(&pytorch("onnx/squeezenet_like", CIFAR, 0.9, 15.0));
}

#[test]
fn inception_like() {
    check(&pytorch("onnx/inception_like", CIFAR, 0.9, 15.0));
}

#[test]
fn efficientnet_lite_se() {
    check(&pytorch("onnx/efficientnet_lite_se", CIFAR, 0.9, 15.0));
}

#[test]
fn kws_dscnn() {
    let dequantize = Some((0.584_702_9, 83));
    let real = Real {
        file: "real/kws/features_int8.npy",
        dequantize,
        normalization: "none",
        layout: DataLayout::Source,
        calibrate: 200,
        compare: 300,
    };
    check(&Net {
        folder: "onnx_mlperf/kws_dscnn_fp32",
        golden_inputs: ("../../tflite/kws_dscnn_int8/inputs.npy", dequantize),
        real,
        arena_bound: Some(9_000),
        agreement: 0.95,
        sqnr_db: 15.0,
    });
}

#[test]
fn vww_96() {
    let real = Real {
        file: "real/vww/images_u8.npy",
        dequantize: None,
        normalization: "unit",
        layout: DataLayout::Nhwc,
        calibrate: 60,
        compare: 100,
    };
    check(&Net {
        folder: "onnx_mlperf/vww_96_fp32",
        golden_inputs: ("../../tflite/vww_96_int8/inputs.npy", Some((0.003_921_569, -128))),
        real,
        arena_bound: Some(38_400),
        agreement: 0.95,
        sqnr_db: 15.0,
    });
}

#[test]
fn ic_resnet8() {
    let real = Real { normalization: "none", ..CIFAR };
    check(&Net {
        folder: "onnx_mlperf/ic_resnet8_fp32",
        golden_inputs: ("../../tflite/ic_resnet8_int8/inputs.npy", Some((1.0, -128))),
        real,
        arena_bound: Some(35_000),
        agreement: 0.95,
        sqnr_db: 15.0,
    });
}

#[test]
fn ad01() {
    let dequantize = Some((0.391_015_23, 89));
    let real = Real {
        file: "tflite/ad01_int8/real_inputs_int8.npy",
        dequantize,
        normalization: "none",
        layout: DataLayout::Source,
        calibrate: 96,
        compare: 100,
    };
    check(&Net {
        folder: "onnx_mlperf/ad01_fp32",
        golden_inputs: ("../../tflite/ad01_int8/inputs.npy", dequantize),
        real,
        arena_bound: Some(768),
        agreement: 0.0,
        sqnr_db: 25.0,
    });
}

fn check(net: &Net) {
    let Some(data) = data_root() else { return };
    let folder = data.join(net.folder);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut models: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    models.retain(|path| path.extension().is_some_and(|e| e == "onnx"));
    models.sort();
    assert!(!models.is_empty(), "{}", folder.display());
    models.iter().for_each(|model| check_file(net, &data, &folder, model));
}

fn check_file(net: &Net, data: &Path, folder: &Path, model: &Path) {
    let name = format!("{}/{}", net.folder, model.file_name().unwrap_or_default().display());
    let source = std::fs::read(model).unwrap_or_else(|e| panic!("{name}: {e}"));

    float_matches_goldens(net, &name, &source, folder);

    let options = BuildOptions { cross_check: false, ..BuildOptions::default() };
    let make = || {
        let mut calibration = |graph: &Graph| Ok(real_data(data, &net.real, graph, 0, net.real.calibrate));
        build(&source, &options, &mut calibration, &mut |_| {}).unwrap_or_else(|e| panic!("{name}: {e}"))
    };
    let built = make();
    assert_eq!(built.emitted.bytes, make().emitted.bytes, "{name}: same input, same bytes");

    let session = Session::load(built.emitted.bytes.clone()).unwrap_or_else(|e| panic!("{name}: {e}"));
    let mut runner = session.runner().unwrap();
    assert_eq!(runner.self_test(), Ok(1), "{name}");
    let compared = real_data(data, &net.real, &built.graph, net.real.calibrate, net.real.compare);
    arena_is_the_high_water_mark(&name, &built, &mut runner, &compared);
    if let Some(bound) = net.arena_bound {
        assert!(built.plan.arena_bytes <= bound, "{name}: {} bytes of arena, known {bound}", built.plan.arena_bytes);
    }

    let (similarity, agreement) = int8_against_float(&built.graph, &mut runner, &compared);
    println!(
        "{name}: arena {} (at least {}, at most {}), {}, SQNR {:.1} dB, agreement {agreement:.3}",
        built.plan.arena_bytes,
        built.plan.lower_bound_bytes,
        net.arena_bound.map_or("-".into(), |b| b.to_string()),
        sizes(&built),
        similarity.sqnr_db,
    );
    assert!(similarity.sqnr_db >= net.sqnr_db, "{name}: {similarity:?}");
    assert!(agreement >= net.agreement, "{name}: int8 and float agree on {agreement} of the inputs");
}

fn float_matches_goldens(net: &Net, name: &str, source: &[u8], folder: &Path) {
    let options = BuildOptions { cross_check: false, keep_float: true, ..BuildOptions::default() };
    let mut none = |_: &Graph| Ok(Dataset::default());
    let built = build(source, &options, &mut none, &mut |_| {}).unwrap_or_else(|e| panic!("{name}: {e}"));
    let session = Session::load(built.emitted.bytes.clone()).unwrap_or_else(|e| panic!("{name}: {e}"));
    let mut runner = session.runner().unwrap();
    let (file, dequantize) = net.golden_inputs;
    let inputs = Dataset { samples: samples(&folder.join(file), dequantize), ..Dataset::default() };
    let goldens = samples(&folder.join("outputs.npy"), None);
    assert_eq!(inputs.len(), goldens.len(), "{name}");
    let mut worst = 0.0f32;
    for (input, golden) in inputs.samples.iter().zip(&goldens).take(8) {
        let got = runner.run(input).unwrap_or_else(|e| panic!("{name}: {e}"));
        let largest = golden[0].iter().fold(0.0f32, |m, v| m.max(v.abs()));
        let difference = got[0].iter().zip(&golden[0]).fold(0.0f32, |m, (a, b)| m.max((a - b).abs()));
        worst = worst.max(difference / largest);
    }
    println!("{name}: float32 file within {worst:.1e} of the goldens");
    assert!(worst <= 1e-4, "{name}: relative difference {worst}");
    arena_is_the_high_water_mark(name, &built, &mut runner, &inputs);
}

fn arena_is_the_high_water_mark(name: &str, built: &Built, runner: &mut Runner, data: &Dataset) {
    let mark = runner.high_water_mark(&data.samples[0]).unwrap();
    assert_eq!(mark, built.plan.arena_bytes as usize, "{name}: planned and measured bytes of arena");
    assert!(built.plan.arena_bytes >= built.plan.lower_bound_bytes, "{name}");
}

fn int8_against_float(graph: &Graph, runner: &mut Runner, data: &Dataset) -> (Similarity, f64) {
    let executor = Executor::new(graph).unwrap();
    let (mut float, mut stored, mut agree) = (Vec::new(), Vec::new(), 0);
    for (sample, inputs) in stored_samples(graph, data).unwrap().iter().zip(&data.samples) {
        let reference = executor.run(sample).unwrap();
        let reference = graph.outputs[0].to_source(reference[0].as_f32().unwrap());
        let got = runner.run(inputs).unwrap().remove(0);
        agree += usize::from(largest(&reference) == largest(&got));
        float.extend(reference);
        stored.extend(got);
    }
    (Similarity::of(&float, &stored), agree as f64 / data.len() as f64)
}

/// Bytes of the file and of its sections.
fn sizes(built: &Built) -> String {
    let summary = Summary::from_blob(&built.emitted.bytes).unwrap();
    let sections: Vec<String> = summary.sections.iter().map(|s| format!("{} {}", s.name, s.bytes)).collect();
    format!("file {} ({})", summary.file_bytes, sections.join(", "))
}

fn largest(values: &[f32]) -> Option<usize> {
    (0..values.len()).max_by(|&a, &b| values[a].total_cmp(&values[b]))
}

fn real_data(data: &Path, real: &Real, graph: &Graph, skip: usize, limit: usize) -> Dataset {
    let inputs = InputSpec::of_graph(graph);
    let path = data.join(real.file);
    if inputs[0].shape == [1, 1000] {
        return zero_padded(&path, 1000, skip, limit);
    }
    let options = LoadOptions {
        normalization: real.normalization.parse::<Normalization>().unwrap(),
        dequantize: real.dequantize,
        layout: real.layout,
        skip,
        limit: Some(limit),
        ..LoadOptions::default()
    };
    load(&path, &inputs, &options).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Pictures as one row of pixels from 0 to 1 with zeros behind.
fn zero_padded(path: &Path, n: usize, skip: usize, limit: usize) -> Dataset {
    let mut all = samples(path, None);
    let padded = all.drain(..).skip(skip).take(limit).map(|mut sample| {
        sample[0].iter_mut().for_each(|v| *v /= 255.0);
        sample[0].resize(n, 0.0);
        sample
    });
    Dataset { samples: padded.collect(), ..Dataset::default() }
}

/// Every sample of an array file, one input each.
fn samples(path: &Path, dequantize: Option<(f32, i32)>) -> Vec<Vec<Vec<f32>>> {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let npy = npyz::NpyFile::new(bytes.as_slice()).unwrap();
    let count = npy.shape()[0] as usize;
    let (scale, zero_point) = dequantize.unwrap_or((1.0, 0));
    let values: Vec<f32> = match npy.dtype() {
        npyz::DType::Plain(t) if t.to_string().contains("i1") => {
            npy.into_vec::<i8>().unwrap().iter().map(|&q| (f32::from(q) - zero_point as f32) * scale).collect()
        }
        npyz::DType::Plain(t) if t.to_string().contains("u1") => {
            npy.into_vec::<u8>().unwrap().iter().map(|&q| f32::from(q)).collect()
        }
        _ => npy.into_vec::<f32>().unwrap(),
    };
    values.chunks(values.len() / count).map(|sample| vec![sample.to_vec()]).collect()
}
