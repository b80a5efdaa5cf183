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

/// Float siblings were run on the dequantized inputs of the int8 networks.
fn float(name: &str, int8: &str, (scale, zero_point): (f32, i32)) {
    let Some(folder) = folder(name) else { return };
    let session = Session::load(convert(&folder, true).emitted.bytes).unwrap();
    let inputs = npy::read(&folder.join("..").join(int8).join("inputs.npy"));
    let expected = npy::read(&folder.join("outputs.npy"));
    let mut runner = session.runner().unwrap();
    let (mut largest, mut worst) = (0f32, 0f32);
    for i in 0..expected.samples() {
        let real = inputs.sample(i).iter().map(|&b| (i32::from(b as i8) - zero_point) as f32 * scale).collect();
        let got = runner.run(&[real]).unwrap();
        let want: Vec<f32> = expected.sample(i).as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        assert_eq!(got[0].len(), want.len());
        for (got, want) in got[0].iter().zip(&want) {
            largest = largest.max(want.abs());
            worst = worst.max((got - want).abs());
        }
    }
    eprintln!("{name}: at most {worst:.2e} apart, outputs reach {largest}");
    assert!(worst <= 1e-5 * largest.max(1.0), "{name}: {worst} apart, outputs reach {largest}");
}

#[test]
fn float_networks() {
    float("ad01_fp32", "ad01_int8", (0.391_015_2, 89));
    float("hello_world_fp32", "hello_world_int8", (0.024_480_12, -128));
    float("ic_resnet8_fp32", "ic_resnet8_int8", (1.0, -128));
    float("kws_dscnn_fp32", "kws_dscnn_int8", (0.584_702_9, 83));
    float("sww_fp32", "sww_int8", (0.003_701_043, -128));
    float("vww_96_fp32", "vww_96_int8", (0.003_921_569, -128));
}

/// int8 weights beside float activations. The reference quantizes activations on the way, so that only its real meaning
/// can be compared: the classes agree where the margin is clear.
#[test]
fn dynamic_range_weights_become_float() {
    let Some(folder) = folder("kws_dscnn_dynrange") else { return };
    let built = convert(&folder, true);
    assert!(built.graph.values.iter().filter_map(|v| v.constant.as_ref()).all(|c| c.as_f32().is_some()));
    Session::load(built.emitted.bytes).unwrap();
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
