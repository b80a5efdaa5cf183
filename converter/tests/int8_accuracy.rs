//! Trained networks on real data: top-1 accuracy of the int8 file, run by the device's engine, against the float graph.
//!
//! Calibration never sees the samples that are evaluated.

mod support;

use mote::data::Dataset;
use mote::execute::Executor;
use mote::validate::Session;
use mote::{BuildOptions, Built, build, stored_samples};
use rayon::prelude::*;
use std::ops::Range;
use std::path::Path;
use support::data_root;

/// Points that int8 may lose.
const ALLOWED_LOSS: f64 = 0.5;

/// A network, its data, and which samples serve for what.
struct Case {
    model: &'static str,
    calibrate: Part,
    evaluate: Part,
    /// How stored bytes become the network's inputs.
    preprocess: fn(&[u8]) -> Vec<f32>,
}

struct Part {
    inputs: &'static str,
    labels: &'static str,
    samples: Range<usize>,
}

const fn part(inputs: &'static str, labels: &'static str, samples: Range<usize>) -> Part {
    Part { inputs, labels, samples }
}

fn mnist(model: &'static str, preprocess: fn(&[u8]) -> Vec<f32>) -> Case {
    Case {
        model,
        calibrate: part("mnist/train10k_images_u8.npy", "mnist/train10k_labels_u8.npy", 0..200),
        evaluate: part("mnist/test2k_images_u8.npy", "mnist/test2k_labels_u8.npy", 0..2000),
        preprocess,
    }
}

fn cifar(model: &'static str, preprocess: fn(&[u8]) -> Vec<f32>) -> Case {
    Case {
        model,
        calibrate: part("cifar10/images_u8.npy", "cifar10/labels_u8.npy", 0..50),
        evaluate: part("cifar10/images_u8.npy", "cifar10/labels_u8.npy", 50..250),
        preprocess,
    }
}

fn unit(pixels: &[u8]) -> Vec<f32> {
    pixels.iter().map(|&p| f32::from(p) / 255.0).collect()
}

fn cases() -> Vec<Case> {
    vec![
        mnist("onnx/mnist_cnn_32_64", unit),
        mnist("onnx/mnist_cnn_32_64_64", unit),
        mnist("onnx/mlp_1000_512_256_128_10", |pixels| {
            let mut x = unit(pixels);
            x.resize(1000, 0.0);
            x
        }),
        Case {
            model: "onnx_mlperf/kws_dscnn_fp32",
            calibrate: part("kws/features_int8.npy", "kws/labels_u8.npy", 0..100),
            evaluate: part("kws/features_int8.npy", "kws/labels_u8.npy", 100..600),
            preprocess: |stored| stored.iter().map(|&q| (f32::from(q as i8) - 83.0) * 0.584_702_9).collect(),
        },
        Case {
            model: "onnx_mlperf/vww_96_fp32",
            calibrate: part("vww/images_u8.npy", "vww/labels_u8.npy", 0..100),
            evaluate: part("vww/images_u8.npy", "vww/labels_u8.npy", 100..200),
            preprocess: unit,
        },
        cifar("onnx_mlperf/ic_resnet8_fp32", |pixels| pixels.iter().map(|&p| f32::from(p)).collect()),
    ]
}

fn bytes(path: &Path) -> (Vec<u64>, Vec<u8>) {
    let file = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let npy = npyz::NpyFile::new(&file[..]).unwrap();
    let shape = npy.shape().to_vec();
    let elements = shape.iter().product::<u64>() as usize;
    (shape, file[file.len() - elements..].to_vec())
}

fn load(root: &Path, part: &Part, preprocess: fn(&[u8]) -> Vec<f32>) -> Dataset {
    let (shape, data) = bytes(&root.join("real").join(part.inputs));
    let (_, labels) = bytes(&root.join("real").join(part.labels));
    let size = shape[1..].iter().product::<u64>() as usize;
    let samples = part.samples.clone().map(|i| vec![preprocess(&data[i * size..(i + 1) * size])]).collect();
    let labels = part.samples.clone().map(|i| usize::from(labels[i])).collect();
    Dataset { samples, labels: Some(labels), origin: part.inputs.into(), ..Dataset::default() }
}

fn top1(outputs: impl Iterator<Item = Vec<f32>>, labels: &[usize]) -> f64 {
    let best = |y: &[f32]| (0..y.len()).rev().max_by(|&a, &b| y[a].total_cmp(&y[b]));
    let right = outputs.zip(labels).filter(|(y, label)| best(y) == Some(**label)).count();
    100.0 * right as f64 / labels.len() as f64
}

/// Float and int8 accuracy in percent.
fn accuracies(built: &Built, evaluate: &Dataset) -> (f64, f64) {
    let labels = evaluate.labels.as_deref().unwrap();
    let float = Executor::new(&built.graph).unwrap();
    let outputs = float.run_batch(&stored_samples(&built.graph, evaluate).unwrap()).unwrap();
    let float = top1(outputs.into_iter().map(|y| y[0].as_f32().unwrap().to_vec()), labels);

    let session = Session::load(built.emitted.bytes.clone()).unwrap();
    let run_all = |samples: &[Vec<Vec<f32>>]| -> Vec<Vec<f32>> {
        let mut runner = session.runner().unwrap();
        samples.iter().map(|x| runner.run(x).unwrap().swap_remove(0)).collect()
    };
    let outputs: Vec<Vec<f32>> = evaluate.samples.par_chunks(50).flat_map(run_all).collect();
    (float, top1(outputs.into_iter(), labels))
}

#[test]
fn int8_loses_at_most_half_a_point() {
    let Some(root) = data_root() else { return };
    let mut failures = Vec::new();
    for case in cases() {
        let source = std::fs::read(root.join(case.model).join("model.onnx")).unwrap();
        let options = BuildOptions { cross_check: false, ..BuildOptions::default() };
        let calibrate = &mut |_: &_| Ok(load(&root, &case.calibrate, case.preprocess));
        let built = build(&source, &options, calibrate, &mut |_| {}).unwrap();
        let evaluate = load(&root, &case.evaluate, case.preprocess);
        let (float, int8) = accuracies(&built, &evaluate);
        println!("{:32} float {float:6.2} %  int8 {int8:6.2} %  ({} samples)", case.model, evaluate.len());
        if float - int8 > ALLOWED_LOSS {
            failures.push(format!("{}: float {float:.2} %, int8 {int8:.2} %", case.model));
        }
    }
    assert!(failures.is_empty(), "int8 loses more than {ALLOWED_LOSS} points: {failures:#?}");
}
