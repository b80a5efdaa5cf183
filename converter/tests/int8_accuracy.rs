//! Trained networks on real data: top-1 accuracy of the int8 file, run by the device's engine, against the float graph.
//!
//! Calibration never sees the samples that are evaluated.

mod support;

use mote::data::Dataset;
use mote::execute::Executor;
use mote::validate::Session;
use mote::{BuildOptions, Built, build, stored_samples};
use rayon::prelude::*;
use std::path::Path;
use support::data_root;

/// Points that int8 may be away from float, upwards too: more right answers than float gives are noise as well.
const ALLOWED_POINTS: f64 = 0.5;

/// A network and its data.
struct Case {
    model: &'static str,
    data: Data,
    /// How stored bytes become the network's inputs.
    preprocess: fn(&[u8]) -> Vec<f32>,
}

enum Data {
    /// Calibrated on the first samples of one set, evaluated on all of another.
    Apart { calibrate: Set, calibration_samples: usize, evaluate: Set },
    /// One small set, cut into that many parts: each is evaluated by a model that is calibrated on the others, so that
    /// every sample counts.
    Folds { set: Set, folds: usize },
}

struct Set {
    inputs: &'static str,
    labels: &'static str,
}

const fn set(inputs: &'static str, labels: &'static str) -> Set {
    Set { inputs, labels }
}

fn mnist(model: &'static str, preprocess: fn(&[u8]) -> Vec<f32>) -> Case {
    let data = Data::Apart {
        calibrate: set("mnist/train10k_images_u8.npy", "mnist/train10k_labels_u8.npy"),
        calibration_samples: 200,
        evaluate: set("mnist/test2k_images_u8.npy", "mnist/test2k_labels_u8.npy"),
    };
    Case { model, data, preprocess }
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
            data: Data::Folds { set: set("kws/features_int8.npy", "kws/labels_u8.npy"), folds: 5 },
            preprocess: |stored| stored.iter().map(|&q| (f32::from(q as i8) - 83.0) * 0.584_702_9).collect(),
        },
        Case {
            model: "onnx_mlperf/vww_96_fp32",
            data: Data::Folds { set: set("vww/images_u8.npy", "vww/labels_u8.npy"), folds: 2 },
            preprocess: unit,
        },
        Case {
            model: "onnx_mlperf/ic_resnet8_fp32",
            data: Data::Folds { set: set("cifar10/images_u8.npy", "cifar10/labels_u8.npy"), folds: 5 },
            preprocess: |pixels| pixels.iter().map(|&p| f32::from(p)).collect(),
        },
    ]
}

fn bytes(path: &Path) -> (Vec<u64>, Vec<u8>) {
    let file = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let npy = npyz::NpyFile::new(&file[..]).unwrap();
    let shape = npy.shape().to_vec();
    let elements = shape.iter().product::<u64>() as usize;
    (shape, file[file.len() - elements..].to_vec())
}

fn load(root: &Path, set: &Set, preprocess: fn(&[u8]) -> Vec<f32>) -> Dataset {
    let (shape, data) = bytes(&root.join("real").join(set.inputs));
    let (_, labels) = bytes(&root.join("real").join(set.labels));
    let size = shape[1..].iter().product::<u64>() as usize;
    let samples = data.chunks_exact(size).map(|sample| vec![preprocess(sample)]).collect();
    let labels = labels.iter().map(|&label| usize::from(label)).collect();
    Dataset { samples, labels: Some(labels), origin: set.inputs.into(), ..Dataset::default() }
}

/// The samples that `wanted` picks by their number.
fn part(all: &Dataset, wanted: impl Fn(usize) -> bool) -> Dataset {
    let picked = || (0..all.samples.len()).filter(|&i| wanted(i));
    let labels = all.labels.as_ref().unwrap();
    Dataset {
        samples: picked().map(|i| all.samples[i].clone()).collect(),
        labels: Some(picked().map(|i| labels[i]).collect()),
        origin: all.origin.clone(),
        ..Dataset::default()
    }
}

/// Pairs of calibration and evaluation data.
fn splits(root: &Path, case: &Case) -> Vec<(Dataset, Dataset)> {
    match &case.data {
        Data::Apart { calibrate, calibration_samples, evaluate } => {
            let calibrate = load(root, calibrate, case.preprocess);
            vec![(part(&calibrate, |i| i < *calibration_samples), load(root, evaluate, case.preprocess))]
        }
        Data::Folds { set, folds } => {
            let all = load(root, set, case.preprocess);
            let fold = |k: usize| (part(&all, |i| i % folds != k), part(&all, |i| i % folds == k));
            (0..*folds).map(fold).collect()
        }
    }
}

/// The first of the largest.
fn best(y: &[f32]) -> usize {
    (0..y.len()).rev().max_by(|&a, &b| y[a].total_cmp(&y[b])).unwrap()
}

/// 1 if `label` scores highest; its share if several do. int8 scores tie where float tells classes apart by less than a
/// step: what the order of the classes makes of that is luck, and would be counted as accuracy.
fn credit(y: &[f32], label: usize) -> f64 {
    let largest = y[best(y)];
    let tied = y.iter().filter(|&&v| v == largest).count();
    if y[label] == largest { 1.0 / tied as f64 } else { 0.0 }
}

/// Sums over samples.
#[derive(Default)]
struct Counts {
    samples: usize,
    float: f64,
    int8: f64,
    /// As a device counts that takes the first of equal scores.
    int8_first: usize,
    /// The first of the largest is the same.
    alike: usize,
}

impl Counts {
    fn percent(&self, count: f64) -> f64 {
        100.0 * count / self.samples as f64
    }

    fn add(&mut self, built: &Built, evaluate: &Dataset) {
        let float = Executor::new(&built.graph).unwrap();
        let float = float.run_batch(&stored_samples(&built.graph, evaluate).unwrap()).unwrap();
        let session = Session::load(built.emitted.bytes.clone()).unwrap();
        let run_all = |samples: &[Vec<Vec<f32>>]| -> Vec<Vec<f32>> {
            let mut runner = session.runner().unwrap();
            samples.iter().map(|x| runner.run(x).unwrap().swap_remove(0)).collect()
        };
        let int8: Vec<Vec<f32>> = evaluate.samples.par_chunks(50).flat_map(run_all).collect();
        assert_eq!((float.len(), int8.len()), (evaluate.len(), evaluate.len()));
        for ((float, int8), &label) in float.iter().zip(&int8).zip(evaluate.labels.as_ref().unwrap()) {
            let float = float[0].as_f32().unwrap();
            self.samples += 1;
            self.float += credit(float, label);
            self.int8 += credit(int8, label);
            self.int8_first += usize::from(best(int8) == label);
            self.alike += usize::from(best(float) == best(int8));
        }
    }
}

#[test]
fn int8_is_at_most_half_a_point_from_float() {
    let Some(root) = data_root() else { return };
    let mut failures = Vec::new();
    for case in cases() {
        let source = std::fs::read(root.join(case.model).join("model.onnx")).unwrap();
        let options = BuildOptions { cross_check: false, ..BuildOptions::default() };
        let mut counts = Counts::default();
        for (calibrate, evaluate) in splits(&root, &case) {
            let built = build(&source, &options, &mut |_: &_| Ok(calibrate.clone()), &mut |_| {}).unwrap();
            counts.add(&built, &evaluate);
        }
        let (float, int8) = (counts.percent(counts.float), counts.percent(counts.int8));
        let (first, alike) = (counts.percent(counts.int8_first as f64), counts.percent(counts.alike as f64));
        let (model, samples) = (case.model, counts.samples);
        println!(
            "{model:32} float {float:6.2} %  int8 {int8:6.2} % (first of ties {first:6.2} %)  alike {alike:6.2} %  \
             ({samples} samples)"
        );
        if (float - int8).abs() > ALLOWED_POINTS || float - first > ALLOWED_POINTS {
            failures
                .push(format!("{model}: float {float:.2} %, int8 {int8:.2} %, {first:.2} % with the first of ties"));
        }
    }
    assert!(failures.is_empty(), "int8 is more than {ALLOWED_POINTS} points from float: {failures:#?}");
}
