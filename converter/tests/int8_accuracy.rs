//! Trained networks on real data: top-1 accuracy of the int8 file, run by the device's engine, against the float graph.
//!
//! Calibration never sees the samples that are evaluated. Where there is one small set of data, it is divided into
//! folds: each is evaluated by a file that was calibrated on samples of the others, so that every sample counts once.

mod support;

use mote::data::Dataset;
use mote::execute::Executor;
use mote::validate::Session;
use mote::{BuildOptions, Built, build, stored_samples};
use rayon::prelude::*;
use std::path::Path;
use support::data_root;

/// Points between the accuracies of int8 and float, either way.
const ALLOWED_DIFFERENCE: f64 = 0.5;

/// A network, its data, and which samples serve for what.
struct Case {
    model: &'static str,
    folds: Vec<Fold>,
    /// How stored bytes become the network's inputs.
    preprocess: fn(&[u8]) -> Vec<f32>,
}

/// What one file is calibrated on, and what it is evaluated on.
struct Fold {
    calibrate: Part,
    evaluate: Part,
}

/// Samples of a stored array, and their labels.
struct Part {
    inputs: &'static str,
    labels: &'static str,
    samples: Vec<usize>,
}

fn part(inputs: &'static str, labels: &'static str, samples: impl Iterator<Item = usize>) -> Part {
    Part { inputs, labels, samples: samples.collect() }
}

fn mnist(model: &'static str, preprocess: fn(&[u8]) -> Vec<f32>) -> Case {
    let calibrate = part("mnist/train10k_images_u8.npy", "mnist/train10k_labels_u8.npy", 0..200);
    let evaluate = part("mnist/test2k_images_u8.npy", "mnist/test2k_labels_u8.npy", 0..2000);
    Case { model, folds: vec![Fold { calibrate, evaluate }], preprocess }
}

/// Each of [`FOLDS`] parts is evaluated after calibration on `calibration` samples spread over the other parts.
fn folded(
    model: &'static str,
    [inputs, labels]: [&'static str; 2],
    (samples, calibration): (usize, usize),
    preprocess: fn(&[u8]) -> Vec<f32>,
) -> Case {
    let fold = |index: usize| {
        // Neighbouring samples belong together in some sets, so every part takes some of everywhere.
        let (mine, others): (Vec<usize>, Vec<usize>) = (0..samples).partition(|sample| sample % FOLDS == index);
        let spread = (0..calibration).map(|i| others[i * others.len() / calibration]);
        Fold { calibrate: part(inputs, labels, spread), evaluate: part(inputs, labels, mine.into_iter()) }
    };
    Case { model, folds: (0..FOLDS).map(fold).collect(), preprocess }
}

const FOLDS: usize = 5;

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
        folded("onnx_mlperf/kws_dscnn_fp32", ["kws/features_int8.npy", "kws/labels_u8.npy"], (600, 100), |stored| {
            stored.iter().map(|&q| (f32::from(q as i8) - 83.0) * 0.584_702_9).collect()
        }),
        folded("onnx_mlperf/vww_96_fp32", ["vww/images_u8.npy", "vww/labels_u8.npy"], (200, 100), unit),
        folded(
            "onnx_mlperf/ic_resnet8_fp32",
            ["cifar10/images_u8.npy", "cifar10/labels_u8.npy"],
            (250, 100),
            |pixels| pixels.iter().map(|&p| f32::from(p)).collect(),
        ),
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
    let samples = part.samples.iter().map(|&i| vec![preprocess(&data[i * size..(i + 1) * size])]).collect();
    let labels = part.samples.iter().map(|&i| usize::from(labels[i])).collect();
    Dataset { samples, labels: Some(labels), origin: part.inputs.into(), ..Dataset::default() }
}

fn best(y: &[f32]) -> usize {
    (0..y.len()).rev().max_by(|&a, &b| y[a].total_cmp(&y[b])).unwrap_or(0)
}

/// How many samples float and int8 classify right, and how many alike.
#[derive(Default)]
struct Count {
    samples: usize,
    float: usize,
    int8: usize,
    alike: usize,
}

impl Count {
    fn percent(&self, n: usize) -> f64 {
        100.0 * n as f64 / self.samples as f64
    }

    fn add(&mut self, built: &Built, evaluate: &Dataset) {
        let labels = evaluate.labels.as_deref().unwrap();
        let float = Executor::new(&built.graph).unwrap();
        let float = float.run_batch(&stored_samples(&built.graph, evaluate).unwrap()).unwrap();
        let float: Vec<usize> = float.iter().map(|y| best(y[0].as_f32().unwrap())).collect();

        let session = Session::load(built.emitted.bytes.clone()).unwrap();
        let run_all = |samples: &[Vec<Vec<f32>>]| -> Vec<usize> {
            let mut runner = session.runner().unwrap();
            samples.iter().map(|x| best(&runner.run(x).unwrap()[0])).collect()
        };
        let int8: Vec<usize> = evaluate.samples.par_chunks(50).flat_map(run_all).collect();
        assert_eq!((float.len(), int8.len()), (labels.len(), labels.len()));
        let same = |a: &[usize], b: &[usize]| a.iter().zip(b).filter(|(a, b)| a == b).count();
        self.samples += labels.len();
        self.float += same(&float, labels);
        self.int8 += same(&int8, labels);
        self.alike += same(&float, &int8);
    }
}

#[test]
fn int8_is_as_accurate_as_float() {
    let Some(root) = data_root() else { return };
    let mut failures = Vec::new();
    for case in cases() {
        let source = std::fs::read(root.join(case.model).join("model.onnx")).unwrap();
        let options = BuildOptions { cross_check: false, ..BuildOptions::default() };
        let mut count = Count::default();
        for fold in &case.folds {
            let calibrate = &mut |_: &_| Ok(load(&root, &fold.calibrate, case.preprocess));
            let built = build(&source, &options, calibrate, &mut |_| {}).unwrap();
            count.add(&built, &load(&root, &fold.evaluate, case.preprocess));
        }
        let [float, int8, alike] = [count.float, count.int8, count.alike].map(|n| count.percent(n));
        let line = format!(
            "{:36} float {float:6.2} %  int8 {int8:6.2} %  alike {alike:6.2} %  ({} samples)",
            case.model, count.samples
        );
        println!("{line}");
        if (float - int8).abs() > ALLOWED_DIFFERENCE {
            failures.push(line);
        }
    }
    assert!(failures.is_empty(), "float and int8 differ by more than {ALLOWED_DIFFERENCE} points: {failures:#?}");
}
