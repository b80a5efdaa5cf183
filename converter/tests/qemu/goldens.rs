//! int8 networks of TensorFlow Lite on the emulated boards: the bytes of its reference kernels, for every stored sample.

use super::support::{data_root, npy};
use super::{boards, in_parallel};
use mote::bench::{self, Board};
use mote::data::Dataset;
use mote::plan::Flash;
use mote::{BuildOptions, build};
use mote_runtime::{AlignedBytes, Kernel, Model};
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

/// All of `tflite/` in the test data that are int8, but the one of custom operators, and their stored inputs.
const NETWORKS: [(&str, &[&str]); 11] = [
    ("ad01_int8", &["inputs.npy"]),
    ("hello_world_int8", &["inputs.npy"]),
    ("ic_resnet8_int8", &["inputs.npy"]),
    ("kws_dscnn_int8", &["inputs.npy"]),
    ("micro_speech_int8", &["inputs.npy"]),
    ("mnist_lstm_int8", &["inputs.npy"]),
    ("person_detect_int8", &["inputs.npy"]),
    ("simple_add_model", &["inputs_0.npy", "inputs_1.npy"]),
    ("sine_int8", &["inputs.npy"]),
    ("sww_int8", &["inputs.npy"]),
    ("vww_96_int8", &["inputs.npy"]),
];

const CORTEX_M4: &str = "qemu-mps2-an386";
const CORTEX_M0PLUS: &str = "qemu-mps2-an385-m0plus";
const CORTEX_M3: &str = "qemu-mps2-an385";
const ON_M0PLUS: [&str; 2] = ["kws_dscnn_int8", "ad01_int8"];
/// Of 3x3 convolutions: also as Winograd's.
const WINOGRAD: (&str, &[&str]) = ("ic_resnet8_int8", &["inputs.npy"]);
/// Keeps state from run to run.
const RECURRENT: &str = "mnist_lstm_int8";

struct Golden {
    name: &'static str,
    blob: Vec<u8>,
    samples: Vec<Vec<u8>>,
    expected: bench::Outputs,
    /// Outputs where no reset is between samples.
    sequence: Option<bench::Outputs>,
}

fn outputs(path: &Path) -> bench::Outputs {
    let array = npy::read(path);
    (0..array.samples()).map(|i| vec![array.sample(i).to_vec()]).collect()
}

fn golden(data: &Path, name: &'static str, inputs: &[&str], flash: Flash) -> Golden {
    let folder = data.join("tflite").join(name);
    let model = folder.join("model.tflite");
    let source = std::fs::read(&model).unwrap_or_else(|e| panic!("{}: {e}", model.display()));
    let options = BuildOptions { flash, ..BuildOptions::default() };
    let built = build(&source, &options, &mut |_| Ok(Dataset::default()), &mut |_| {});
    let blob = built.unwrap_or_else(|e| panic!("{name}: {e}")).emitted.bytes;
    let expected = outputs(&folder.join("outputs.npy"));
    let inputs: Vec<npy::Array> = inputs.iter().map(|file| npy::read(&folder.join(file))).collect();
    assert!(!expected.is_empty() && inputs.iter().all(|array| array.samples() == expected.len()), "{name}");
    let sample = |i: usize| inputs.iter().flat_map(|array| array.sample(i)).copied().collect();
    let samples = (0..expected.len()).map(sample).collect();
    let sequence = (name == RECURRENT).then(|| outputs(&folder.join("outputs_sequence.npy")));
    Golden { name, blob, samples, expected, sequence }
}

/// Runs `samples` in one start of the machine.
fn run(board: &Board, golden: &Golden, samples: &[Vec<u8>]) -> Result<bench::Outputs, String> {
    bench::run_inputs(board, &golden.blob, samples).map(|report| report.outputs).map_err(|error| error.to_string())
}

fn verdict(board: &Board, golden: &Golden) -> Result<(), String> {
    let same = |got: &bench::Outputs, expected: &bench::Outputs| match bench::first_difference(got, expected) {
        Some((sample, _)) => Err(format!("sample {sample}: other bytes than TensorFlow Lite's")),
        None => Ok(()),
    };
    let at_once = run(board, golden, &golden.samples)?;
    let Some(sequence) = &golden.sequence else { return same(&at_once, &golden.expected) };
    same(&at_once, sequence)?;
    // The machine resets the state when it starts.
    let mut each = Vec::with_capacity(golden.samples.len());
    for sample in &golden.samples {
        each.extend(run(board, golden, std::slice::from_ref(sample))?);
    }
    same(&each, &golden.expected)
}

#[test]
fn int8_networks_give_the_bytes_of_tensorflow_lite() {
    let Some(data) = data_root() else { return };
    let boards = boards(Some(&[CORTEX_M4, CORTEX_M0PLUS]));
    let goldens: Vec<Golden> = match boards.is_empty() {
        true => return,
        false => NETWORKS.iter().map(|(name, inputs)| golden(&data, name, inputs, Flash::Smallest)).collect(),
    };
    let runs_on = |board: &Board, name: &str| board.name == CORTEX_M4 || ON_M0PLUS.contains(&name);
    let pairs: Vec<_> =
        boards.iter().flat_map(|b| goldens.iter().filter(|g| runs_on(b, g.name)).map(move |g| (b, g))).collect();
    assert_eq!(pairs.len(), NETWORKS.len() + ON_M0PLUS.len());
    expect_equal(&pairs);
}

#[test]
fn winograd_convolutions_give_the_bytes_of_tensorflow_lite() {
    let Some(data) = data_root() else { return };
    let boards = boards(Some(&[CORTEX_M4, CORTEX_M3]));
    let golden = golden(&data, WINOGRAD.0, WINOGRAD.1, Flash::Max);
    let blob = AlignedBytes::copy_of(&golden.blob);
    assert!(Model::load(&blob).unwrap().kernels().contains(Kernel::Conv2dWinograd));
    let on_host = bench::host_outputs(&golden.blob, &golden.samples).unwrap();
    assert_eq!(bench::first_difference(&on_host, &golden.expected), None, "on the host");
    expect_equal(&boards.iter().map(|board| (board, &golden)).collect::<Vec<_>>());
}

fn expect_equal(pairs: &[(&Board, &Golden)]) {
    let failures = Mutex::new(Vec::new());
    in_parallel(pairs, |(board, golden)| {
        let started = Instant::now();
        let result = verdict(board, golden);
        let word = if result.is_ok() { "equal" } else { "FAILED" };
        let (name, samples, seconds) = (golden.name, golden.samples.len(), started.elapsed().as_secs_f32());
        eprintln!("{name} on {}: {samples} samples {word}, {seconds:.1} s", board.name);
        if let Err(error) = result {
            failures.lock().unwrap().push(format!("{name} on {}: {error}", board.name));
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

/// Networks with int16 activations, from `tests/tflite_int16`, and how many inputs each has.
const INT16: [(&str, usize); 9] = [
    ("arithmetic", 2),
    ("bias32", 1),
    ("conv", 1),
    ("float_ports", 1),
    ("functions", 1),
    ("mixed", 1),
    ("movement", 1),
    ("steep", 1),
    ("wide", 1),
];

#[test]
fn int16_networks_give_the_bytes_of_tensorflow_lite() {
    let boards = boards(Some(&[CORTEX_M4, CORTEX_M0PLUS]));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tflite_int16");
    let golden = |&(name, inputs): &(&'static str, usize)| {
        let source = std::fs::read(folder.join(format!("{name}.tflite"))).unwrap();
        let built = build(&source, &BuildOptions::default(), &mut |_| Ok(Dataset::default()), &mut |_| {});
        let blob = built.unwrap_or_else(|e| panic!("{name}: {e}")).emitted.bytes;
        let expected = outputs(&folder.join(format!("{name}.out.npy")));
        let inputs: Vec<npy::Array> =
            (0..inputs).map(|i| npy::read(&folder.join(format!("{name}.in{i}.npy")))).collect();
        let sample = |i: usize| inputs.iter().flat_map(|array| array.sample(i)).copied().collect();
        let samples = (0..expected.len()).map(sample).collect();
        Golden { name, blob, samples, expected, sequence: None }
    };
    for board in &boards {
        for golden in INT16.iter().map(golden) {
            verdict(board, &golden).unwrap_or_else(|error| panic!("{} on {}: {error}", golden.name, board.name));
            eprintln!("{} on {}: {} samples equal", golden.name, board.name, golden.samples.len());
        }
    }
}
