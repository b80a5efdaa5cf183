//! TensorFlow Lite networks with int16 activations and int8 weights through the whole flow: every byte that its reference
//! kernels gave. `tflite_int16/make.py` makes the networks and the outputs.

mod support;

use mote::data::Dataset;
use mote::validate::Session;
use mote::{BuildOptions, Built, build};
use mote_runtime::format::DType;
use std::path::{Path, PathBuf};
use support::npy;

/// All of them; `make.py` prints which operators each holds.
const NETWORKS: [&str; 9] =
    ["arithmetic", "bias32", "conv", "float_ports", "functions", "mixed", "movement", "steep", "wide"];

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tflite_int16").join(name)
}

fn convert(name: &str) -> Built {
    let source = std::fs::read(file(&format!("{name}.tflite"))).unwrap();
    build(&source, &BuildOptions::default(), &mut |_| Ok(Dataset::default()), &mut |_| {})
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn networks_give_the_bytes_of_the_reference_kernels() {
    for name in NETWORKS {
        let built = convert(name);
        assert!(built.came_quantized, "{name}");
        let session = Session::load(built.emitted.bytes).unwrap();
        let mut runner = session.runner().unwrap();
        let inputs: Vec<npy::Array> =
            (0..runner.inputs().len()).map(|i| npy::read(&file(&format!("{name}.in{i}.npy")))).collect();
        let expected = npy::read(&file(&format!("{name}.out.npy")));
        assert!(expected.samples() >= 6, "{name}");
        for sample in 0..expected.samples() {
            let given: Vec<&[u8]> = inputs.iter().map(|array| array.sample(sample)).collect();
            let got = runner.run_raw(&given).unwrap();
            assert_eq!(got[0], expected.sample(sample), "{name}, sample {sample}");
        }
    }
}

#[test]
fn ports_keep_their_type() {
    let session = Session::load(convert("mixed").emitted.bytes).unwrap();
    let runner = session.runner().unwrap();
    assert_eq!(runner.inputs()[0].dtype, DType::I16);
    assert_eq!(runner.outputs()[0].dtype, DType::I8);
}
