//! The whole way: two models of the field, signed, sent, run, rolled back, and everything that must be refused in between.

use crate::emulator::Emulator;
use crate::support::{data_root, npy};
use std::path::{Path, PathBuf};

/// Runs the first golden inputs on the device; its outputs must be those of the reference interpreter.
fn gives_golden_bytes(device: &Emulator, file: &str, goldens: &Path, samples: usize) {
    let (inputs, limit) = (goldens.join("inputs.npy"), samples.to_string());
    let inputs = inputs.to_str().unwrap();
    device
        .mote(&["device", "run", file, "--raw", "--input", inputs, "--limit", &limit, "--output", "out.npy"])
        .success();
    assert_eq!(npy::read(&device.at("out.npy")).samples(), samples);
    let bytes = |path: PathBuf| {
        let array = npy::read(&path);
        (0..array.samples().min(samples)).map(|sample| array.sample(sample).to_vec()).collect::<Vec<_>>()
    };
    assert!(
        bytes(device.at("out.npy")) == bytes(goldens.join("outputs.npy")),
        "{file}: other bytes than the golden ones"
    );
}

#[test]
fn keyword_spotting_is_flashed_updated_and_rolled_back_and_only_good_files_get_in() {
    let Some(data) = data_root() else { return };
    let Some(device) = Emulator::start() else { return };
    let [first, second] = ["kws_dscnn_int8", "micro_speech_int8"].map(|name| data.join("tflite").join(name));
    for (goldens, name, version) in [(&first, "first.mote", 5), (&second, "second.mote", 6)] {
        device.convert(&goldens.join("model.tflite"), "plain.mote", version);
        device.sign("plain.mote", "release", version, name);
    }
    let flashed = device.held(&["flash", "first.mote"]);
    assert_eq!((&flashed["active"], &flashed["was_there"]), (&true.into(), &false.into()));
    gives_golden_bytes(&device, "first.mote", &first, 32);
    assert_eq!(device.held(&["flash", "first.mote"])["was_there"], true);

    device.convert(&first.join("model.tflite"), "unsigned.mote", 7);
    device.sign("unsigned.mote", "other", 7, "stranger.mote");
    device.sign("unsigned.mote", "release", 4, "older.mote");
    device.sign("unsigned.mote", "release", 7, "good.mote");
    let good = std::fs::read(device.at("good.mote")).unwrap();
    let mut corrupted = good.clone();
    corrupted[good.len() / 2] ^= 1;
    std::fs::write(device.at("corrupted.mote"), corrupted).unwrap();
    std::fs::write(device.at("truncated.mote"), &good[..good.len() - 100]).unwrap();
    std::fs::write(device.at("large.mote"), vec![0x5a; (1 << 20) + 1]).unwrap();
    let cases = [
        ("unsigned.mote", "the file is not signed"),
        ("stranger.mote", "not signed with a key that the device trusts"),
        ("corrupted.mote", "checksum"),
        ("truncated.mote", "bytes"),
        ("large.mote", "the file has 1048577 bytes; there is room for 1048576"),
        ("older.mote", "the model has version 4; the device takes 5 and newer"),
    ];
    let mut messages = Vec::new();
    for (file, expected) in cases {
        let message = device.refused(&["flash", file, "--no-check"]);
        assert!(message.contains(expected), "{file}: {message}");
        messages.push(message);
        gives_golden_bytes(&device, "first.mote", &first, 2);
    }
    messages.sort();
    messages.dedup();
    assert_eq!(messages.len(), cases.len(), "each has a message of its own: {messages:?}");

    assert_eq!(device.held(&["flash", "second.mote"])["model_version"], 6);
    gives_golden_bytes(&device, "second.mote", &second, 8);
    assert_eq!(device.held(&["device", "info"])["least_version"], 6);
    device.mote(&["device", "rollback"]).success();
    gives_golden_bytes(&device, "first.mote", &first, 2);
    device.mote(&["device", "rollback"]).success();
    gives_golden_bytes(&device, "second.mote", &second, 8);
}
