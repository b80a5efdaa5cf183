//! TensorFlow Lite files through the whole flow, against what TensorFlow Lite's reference kernels gave: int8 networks byte
//! for byte, float ones within rounding.
//!
//! The material is not part of the project. It is looked for in `$MOTE_DATA`, then in `../shared/data`.

mod support;

use mote::data::Dataset;
use mote::emit::emit;
use mote::import::ImportOptions;
use mote::import::{Format, tflite};
use mote::validate::{Outcome, Session, compare_golden};
use mote::{BuildOptions, Built, build};
use std::path::{Path, PathBuf};
use support::{data_root, npy};

fn convert(folder: &Path, keep_float: bool) -> Built {
    let path = folder.join("model.tflite");
    let source = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let options = BuildOptions { keep_float, ..BuildOptions::default() };
    let built = build(&source, &options, &mut |_| Ok(Dataset::default()), &mut |_| {});
    let built = built.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert_eq!(built.source.format, Format::Tflite);
    assert_eq!(built.came_quantized, !keep_float);
    built
}

fn folder(name: &str) -> Option<PathBuf> {
    Some(data_root()?.join("tflite").join(name))
}

/// Runs every sample of `inputs` and compares with `outputs`; every byte must be the same.
fn identical(session: &Session, inputs: &[PathBuf], outputs: &Path, stored: Stored) {
    let inputs: Vec<npy::Array> = inputs.iter().map(|p| npy::read(p)).collect();
    let expected = npy::read(outputs);
    let mut runner = session.runner().unwrap();
    let samples = expected.samples();
    assert!(samples > 0 && inputs.iter().all(|i| i.samples() >= samples), "{}", outputs.display());
    let mut different = Vec::new();
    for i in 0..samples {
        let change = |b: &u8| if matches!(stored, Stored::Pixels) { b ^ 0x80 } else { *b };
        let given: Vec<Vec<u8>> = inputs.iter().map(|a| a.sample(i).iter().map(change).collect()).collect();
        let given: Vec<&[u8]> = given.iter().map(Vec::as_slice).collect();
        let got = runner.run_raw(&given).unwrap();
        if got[0] != expected.sample(i) {
            different.push(i);
        }
    }
    let all = format!("{} of {samples} samples differ: {different:?}", different.len());
    assert!(different.is_empty(), "{}: {all}", outputs.display());
    eprintln!("{}: {samples} samples identical", outputs.display());
}

/// Every tensor of the layer dump that the model file has.
fn layers(folder: &Path, session: &Session) {
    let source = std::fs::read(folder.join("model.tflite")).unwrap();
    let source = tflite::import(&source, &ImportOptions::default()).unwrap();
    let inputs = npy::read(&folder.join("inputs.npy"));
    let inputs: Vec<_> = (0..inputs.samples()).map(|i| vec![inputs.sample(i).to_vec()]).collect();
    let dump = std::fs::read(folder.join("layers.safetensors")).unwrap();
    let tensors = compare_golden(&source, session, &dump, &inputs).unwrap();
    let different: Vec<_> = tensors.iter().filter(|t| t.outcome != Outcome::Identical).collect();
    assert!(!tensors.is_empty() && different.is_empty(), "{}: {different:#?}", folder.display());
    eprintln!("{}: {} tensors identical", folder.display(), tensors.len());
}

/// How stored inputs follow from real ones.
#[derive(Clone, Copy)]
enum Stored {
    AsTheyAre,
    /// Pixels of 0 to 255, of which 128 is taken.
    Pixels,
}

fn int8(name: &str, real: Option<(&str, Stored)>) {
    let Some(folder) = folder(name) else { return };
    let session = Session::load(convert(&folder, false).emitted.bytes).unwrap();
    identical(&session, &[folder.join("inputs.npy")], &folder.join("outputs.npy"), Stored::AsTheyAre);
    layers(&folder, &session);
    if let Some((real, stored)) = real {
        identical(&session, &[folder.join(real)], &folder.join("real_outputs.npy"), stored);
    }
}

#[test]
fn ad01_int8() {
    int8("ad01_int8", Some(("real_inputs_int8.npy", Stored::AsTheyAre)));
}

#[test]
fn hello_world_int8() {
    int8("hello_world_int8", None);
}

#[test]
fn ic_resnet8_int8() {
    int8("ic_resnet8_int8", Some(("../../real/cifar10/images_u8.npy", Stored::Pixels)));
}

#[test]
fn kws_dscnn_int8() {
    int8("kws_dscnn_int8", Some(("../../real/kws/features_int8.npy", Stored::AsTheyAre)));
}

#[test]
fn micro_speech_int8() {
    int8("micro_speech_int8", Some(("real_inputs_int8.npy", Stored::AsTheyAre)));
}

#[test]
fn mnist_lstm_int8() {
    int8("mnist_lstm_int8", Some(("../../real/mnist/test2k_images_u8.npy", Stored::Pixels)));
}

/// The samples one after the other, without a reset between them.
#[test]
fn mnist_lstm_int8_as_a_sequence() {
    let Some(folder) = folder("mnist_lstm_int8") else { return };
    let blob = mote_runtime::AlignedBytes::copy_of(&convert(&folder, false).emitted.bytes);
    let model = mote_runtime::Model::load(&blob).unwrap();
    let mut arena = mote_runtime::AlignedBytes::zeroed(model.arena_bytes() as usize);
    let mut engine = mote_runtime::Engine::new(model, &mut arena).unwrap();
    let inputs = npy::read(&folder.join("inputs.npy"));
    let (sequence, single) = (npy::read(&folder.join("outputs_sequence.npy")), npy::read(&folder.join("outputs.npy")));
    for (expected, reset) in [(&sequence, false), (&single, true)] {
        engine.reset();
        for i in 0..inputs.samples() {
            if reset {
                engine.reset();
            }
            engine.input_bytes_mut(0).copy_from_slice(inputs.sample(i));
            engine.run();
            assert_eq!(engine.output_bytes(0), expected.sample(i), "sample {i}, reset {reset}");
        }
    }
}

#[test]
fn person_detect_int8() {
    int8("person_detect_int8", Some(("../../real/person_detect/images_u8.npy", Stored::AsTheyAre)));
}

#[test]
fn sine_int8() {
    int8("sine_int8", None);
}

#[test]
fn sww_int8() {
    int8("sww_int8", Some(("real_inputs_int8.npy", Stored::AsTheyAre)));
}

#[test]
fn vww_96_int8() {
    int8("vww_96_int8", Some(("../../real/vww/images_u8.npy", Stored::Pixels)));
}

#[test]
fn simple_add_model() {
    let Some(folder) = folder("simple_add_model") else { return };
    let session = Session::load(convert(&folder, false).emitted.bytes).unwrap();
    let inputs = [folder.join("inputs_0.npy"), folder.join("inputs_1.npy")];
    identical(&session, &inputs, &folder.join("outputs.npy"), Stored::AsTheyAre);
}

/// How a float network's inputs follow from stored bytes.
#[derive(Clone, Copy)]
enum Real {
    /// int8 with this scale and zero point.
    Dequantized(f32, i32),
    /// uint8, divided by this.
    Pixels(f32),
    /// float32.
    AsTheyAre,
}

impl Real {
    fn values(self, stored: &[u8]) -> Vec<f32> {
        match self {
            Self::Dequantized(scale, zero_point) => {
                stored.iter().map(|&b| (i32::from(b as i8) - zero_point) as f32 * scale).collect()
            }
            Self::Pixels(by) => stored.iter().map(|&b| f32::from(b) / by).collect(),
            Self::AsTheyAre => stored.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        }
    }
}

/// How far a float network is from stored outputs.
struct Distance {
    samples: usize,
    worst: f32,
    /// Largest magnitude of the stored outputs.
    largest: f32,
    /// Samples whose largest output is the same one.
    same_top: usize,
}

fn distance(session: &Session, inputs: &Path, real: Real, outputs: &Path) -> Distance {
    let (inputs, expected) = (npy::read(inputs), npy::read(outputs));
    let samples = expected.samples();
    assert!(samples > 0 && inputs.samples() >= samples, "{}", outputs.display());
    let mut runner = session.runner().unwrap();
    let mut distance = Distance { samples, worst: 0.0, largest: 0.0, same_top: 0 };
    let top = |of: &[f32]| (0..of.len()).max_by(|&a, &b| of[a].total_cmp(&of[b]));
    for i in 0..samples {
        let got = runner.run(&[real.values(inputs.sample(i))]).unwrap().remove(0);
        let want = Real::AsTheyAre.values(expected.sample(i));
        assert_eq!(got.len(), want.len());
        for (got, want) in got.iter().zip(&want) {
            distance.largest = distance.largest.max(want.abs());
            // Never less than what is no number.
            distance.worst = if (got - want).abs() <= distance.worst { distance.worst } else { (got - want).abs() };
        }
        distance.same_top += usize::from(top(&got) == top(&want));
    }
    distance
}

/// Float siblings were run on the dequantized inputs of the int8 networks; `real` are stored inputs of `real_outputs.npy`.
fn float(name: &str, int8: &str, (scale, zero_point): (f32, i32), real: Option<(&str, Real)>) {
    let Some(folder) = folder(name) else { return };
    let session = Session::load(convert(&folder, true).emitted.bytes).unwrap();
    let stored = Real::Dequantized(scale, zero_point);
    let noise =
        distance(&session, &folder.join("..").join(int8).join("inputs.npy"), stored, &folder.join("outputs.npy"));
    let real = real.map(|(inputs, real)| {
        distance(&session, &folder.join("../../real").join(inputs), real, &folder.join("real_outputs.npy"))
    });
    for Distance { samples, worst, largest, .. } in [noise].into_iter().chain(real) {
        eprintln!("{name}: {samples} samples at most {worst:.2e} apart, outputs reach {largest}");
        assert!(worst <= 1e-5 * largest.max(1.0), "{name}: {worst} apart, outputs reach {largest}");
    }
}

#[test]
fn float_networks() {
    let kws = (0.584_702_9, 83);
    let features = Real::Dequantized(kws.0, kws.1);
    float("ad01_fp32", "ad01_int8", (0.391_015_2, 89), None);
    float("hello_world_fp32", "hello_world_int8", (0.024_480_12, -128), None);
    float("ic_resnet8_fp32", "ic_resnet8_int8", (1.0, -128), Some(("cifar10/images_u8.npy", Real::Pixels(1.0))));
    float("kws_dscnn_fp32", "kws_dscnn_int8", kws, Some(("kws/features_int8.npy", features)));
    float("sww_fp32", "sww_int8", (0.003_701_043, -128), Some(("sww/specs_f32.npy", Real::AsTheyAre)));
    float("vww_96_fp32", "vww_96_int8", (0.003_921_569, -128), Some(("vww/images_u8.npy", Real::Pixels(255.0))));
    let digits = Some(("mnist/test2k_images_u8.npy", Real::Pixels(255.0)));
    float("mnist_lstm_fp32", "mnist_lstm_int8", (0.003_921_569, -128), digits);
}

/// int8 weights beside float activations become float weights. The reference quantizes activations on the way, so that it is
/// further from the network's real meaning than rounding, but chooses the same classes.
#[test]
fn dynamic_range_weights_become_float() {
    let Some(folder) = folder("kws_dscnn_dynrange") else { return };
    let built = convert(&folder, true);
    assert!(built.graph.values.iter().filter_map(|v| v.constant.as_ref()).all(|c| c.as_f32().is_some()));
    let session = Session::load(built.emitted.bytes).unwrap();
    let inputs = folder.join("../kws_dscnn_int8/inputs.npy");
    let found = distance(&session, &inputs, Real::Dequantized(0.584_702_9, 83), &folder.join("outputs.npy"));
    let Distance { samples, worst, same_top, .. } = found;
    eprintln!("kws_dscnn_dynrange: {same_top} of {samples} samples have the same class, at most {worst:.3} apart");
    assert!(same_top == samples && worst <= 0.21, "{same_top} of {samples} samples agree, {worst} apart");
}

#[test]
fn custom_operators_are_all_named_at_once() {
    let Some(folder) = folder("audio_preprocessor_int8") else { return };
    let source = std::fs::read(folder.join("model.tflite")).unwrap();
    let error = tflite::import(&source, &Default::default()).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, tflite::ImportError::Unsupported(_)), "{text}");
}

/// File bytes without names and test vectors, over the bytes of the weights and int32 biases in the source file.
#[test]
fn files_are_little_larger_than_their_weights() {
    let networks =
        [("kws_dscnn_int8", 24_376), ("vww_96_int8", 219_072), ("ic_resnet8_int8", 78_752), ("ad01_int8", 270_880)];
    for (name, weights) in networks {
        let Some(folder) = folder(name) else { return };
        let mut built = convert(&folder, false);
        built.emit.meta = None;
        built.emit.self_test.clear();
        let bytes = emit(&built.plan, &built.emit).unwrap().bytes.len();
        let ratio = bytes as f64 / f64::from(weights);
        eprintln!("{name}: {bytes} bytes, {ratio:.3} times its weights");
        assert!(ratio <= 1.075, "{name}: {bytes} bytes, {ratio:.3} times its weights");
    }
}
