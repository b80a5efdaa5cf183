//! What packed weights cost on real data: accuracy, by the device's engine, and what they save.

use serde_json::Value;
use std::path::Path;
use std::process::Command;

mod support;

use support::data_root;

/// Top-1 accuracy in percent of the stored file, and its bytes.
fn converted(data: &Path, more: &[&str]) -> (f64, f64) {
    let folder = tempfile::tempdir().unwrap();
    let mnist = data.join("real/mnist");
    let mut command = Command::new(env!("CARGO_BIN_EXE_mote"));
    command.args(["convert", "--json", "--normalize", "unit", "--data-layout", "nhwc", "--no-cross-check"]);
    command.arg("--calibrate").arg(mnist.join("train10k_images_u8.npy"));
    command.arg("--eval").arg(mnist.join("test2k_images_u8.npy"));
    command.arg("--labels").arg(mnist.join("test2k_labels_u8.npy"));
    command.arg("-o").arg(folder.path().join("x.mote")).args(more);
    let output = command.arg(data.join("onnx/mnist_cnn_32_64/model.onnx")).output().unwrap();
    assert!(output.status.success(), "{more:?}: {}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let bytes = folder.path().join("x.mote").metadata().unwrap().len();
    (report["accuracy"]["int8"].as_f64().unwrap() * 100.0, bytes as f64)
}

#[test]
fn mnist_keeps_its_accuracy_in_half_of_the_bytes() {
    let Some(data) = data_root() else { return };
    let (accuracy, bytes) = converted(&data, &[]);
    println!("int8: {accuracy:.2} %, {bytes} bytes");
    assert!(accuracy >= 98.5);
    for (more, most_bytes, most_points) in [(&["--int4", "*"], 0.52, 1.0), (&["--palette", "12"], 0.5, 0.1)] {
        let (packed, packed_bytes) = converted(&data, more);
        println!("{more:?}: {packed:.2} %, {packed_bytes} bytes");
        assert!(packed >= accuracy - most_points, "{more:?}: {packed} % instead of {accuracy} %");
        assert!(packed_bytes <= bytes * most_bytes, "{more:?}: {packed_bytes} bytes of {bytes}");
    }
}
