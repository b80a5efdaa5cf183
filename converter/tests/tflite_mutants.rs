//! Damaged TensorFlow Lite files: an error or a model, never a panic, never a hang. `MOTE_MUTANTS=10000` tries more.

mod support;

use support::mutate::{self, count, survive};

fn check(name: &str, original: &[u8], n: usize) {
    let (converted, faults) = survive(name, original, n, 0x5eed, &mutate::mutant);
    eprintln!("{name}: {converted} of {n} mutants still convert");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(n < 100 || (converted > 0 && converted < n), "{converted} of {n} mutants convert: they test nothing");
}

#[test]
fn damaged_files_give_errors() {
    check("zoo", &support::tflite::zoo(), count(400));
}

#[test]
fn damaged_real_networks_give_errors() {
    let Some(root) = support::data_root() else { return };
    let names = ["hello_world_int8", "mnist_lstm_int8", "mnist_lstm_fp32", "kws_dscnn_int8", "kws_dscnn_dynrange"];
    for name in names {
        let path = root.join("tflite").join(name).join("model.tflite");
        check(name, &std::fs::read(&path).unwrap(), count(200).div_ceil(names.len()));
    }
}
