//! `mote bench` as a user sees it.

mod support;

use assert_cmd::Command;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn mote() -> Command {
    Command::cargo_bin("mote").unwrap()
}

/// The shipped digits network, converted.
fn digits(folder: &Path) -> PathBuf {
    let source = root().join("models/digits-cnn");
    let file = folder.join("digits.mote");
    mote()
        .arg("convert")
        .arg(source.join("model.onnx"))
        .arg("--calibrate")
        .arg(source.join("train.csv"))
        .args(["--limit", "64", "-o"])
        .arg(&file)
        .assert()
        .success();
    file
}

fn has_qemu() -> bool {
    let found = std::process::Command::new("qemu-system-arm").arg("--version").output().is_ok();
    if !found {
        let required = std::env::var_os("MOTE_REQUIRE_QEMU").is_some_and(|value| value == "1");
        assert!(!required, "MOTE_REQUIRE_QEMU=1, but there is no qemu-system-arm");
        eprintln!("SKIPPED: there is no qemu-system-arm");
    }
    found
}

#[test]
fn json_has_the_total_and_the_same_total_every_time() {
    if !has_qemu() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = digits(folder.path());
    let run = || -> serde_json::Value {
        let output = mote().arg("bench").arg(&file).args(["--json", "--repeat", "3"]).assert().success();
        serde_json::from_slice(&output.get_output().stdout).unwrap()
    };
    let report = run();
    assert_eq!(report["schema"], 1);
    let instructions = report["instructions"].as_u64().unwrap();
    assert!(instructions > report["macs"].as_u64().unwrap());
    assert_eq!(report["runs"].as_array().unwrap().len(), 3);
    assert_eq!(report["planned_arena_bytes"], report["arena_high_water_bytes"]);
    assert!(report["stack"]["run_bytes"].as_u64().unwrap() > 0);
    assert!(report["code_bytes"].as_u64().unwrap() > 10_000);
    let parts: u64 =
        report["per_instruction"].as_array().unwrap().iter().map(|i| i["instructions"].as_u64().unwrap()).sum();
    // Between instructions lies the decoding of the program, which costs the same however fast the kernels are.
    let decoded = report["per_instruction"].as_array().unwrap().len() as u64;
    assert!(parts.abs_diff(instructions) < 2_500 * decoded, "{parts} of {instructions}, {decoded} decoded");
    assert_eq!(run(), report);
}

/// The image holds the kernels of the model only, and loading costs little. Networks of the shared data.
#[test]
fn code_and_loading_stay_small() {
    if !has_qemu() {
        return;
    }
    let Some(data) = support::data_root() else { return };
    let folder = tempfile::tempdir().unwrap();
    for (name, code_bytes, load_instructions) in [("kws_dscnn_int8", 28_000, 40_000), ("ad01_int8", 14_000, 145_000)] {
        let file = folder.path().join(name);
        let source = data.join("tflite").join(name).join("model.tflite");
        mote().arg("convert").arg(source).arg("-o").arg(&file).assert().success();
        let output = mote().arg("bench").arg(&file).arg("--json").assert().success();
        let report: serde_json::Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
        let number = |key: &str| report[key].as_u64().unwrap();
        let load = number("load_instructions") + number("new_instructions");
        eprintln!("{name}: {} bytes of code, {load} instructions to load", number("code_bytes"));
        assert!(number("code_bytes") <= code_bytes, "{name}: {} bytes of code", number("code_bytes"));
        assert!(load <= load_instructions, "{name}: {load} instructions to load");
    }
}

#[test]
fn table_names_nodes_and_compares_given_inputs_with_the_host() {
    if !has_qemu() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let data = root().join("models/digits-cnn/test.csv");
    let assert = mote()
        .arg("bench")
        .arg(digits(folder.path()))
        .args(["--target", "m0plus", "--limit", "4", "--inputs"])
        .arg(data)
        .assert()
        .success();
    let text = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    for expected in ["conv2d", "fully_connected", "qemu-mps2-an385-m0plus", "4 samples gave the host's bytes"] {
        assert!(text.contains(expected), "no `{expected}` in\n{text}");
    }
}

#[test]
fn a_machine_without_qemu_is_told_how_to_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = digits(folder.path());
    // A PATH with cargo and nothing else.
    let cargo = std::process::Command::new("sh").args(["-c", "command -v cargo"]).output().unwrap();
    let cargo = PathBuf::from(String::from_utf8(cargo.stdout).unwrap().trim());
    let bin = folder.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    for tool in ["cargo", "rustc"] {
        std::os::unix::fs::symlink(cargo.with_file_name(tool), bin.join(tool)).unwrap();
    }
    let assert = mote().arg("bench").arg(file).env("PATH", &bin).assert().code(2);
    let text = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert!(text.contains("qemu-system-arm") && text.contains("hint: ") && text.contains("apt install"), "{text}");
}

#[test]
fn an_unknown_board_lists_the_known_ones() {
    let folder = tempfile::tempdir().unwrap();
    let assert = mote().arg("bench").arg(digits(folder.path())).args(["--target", "esp99"]).assert().code(2);
    let text = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert!(text.contains("esp99") && text.contains("qemu-cortex-m4"), "{text}");
}

#[test]
fn firmware_sources_that_are_not_there_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let assert = mote().arg("bench").arg(digits(folder.path())).env("MOTE_FIRMWARE", folder.path()).assert().code(2);
    let text = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert!(text.contains("MOTE_FIRMWARE") && text.contains("hint: "), "{text}");
}
