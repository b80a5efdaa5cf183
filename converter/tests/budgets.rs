//! `mote convert --ram`, `--flash` and `--target`, on the network that ships with the project.

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use serde_json::Value;
use std::path::{Path, PathBuf};

fn digits(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/digits-cnn").join(file)
}

fn convert(output: &Path, options: &[&str]) -> Assert {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mote"));
    command.arg("convert").arg(digits("model.onnx")).arg("--calibrate").arg(digits("train.csv"));
    command.args(["--scale", "1/16", "--json", "-o"]).arg(output).args(options).assert()
}

fn inspect(file: &Path, options: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mote"));
    object(&command.args(["inspect", "--json"]).arg(file).args(options).assert().success())
}

fn object(assert: &Assert) -> Value {
    serde_json::from_slice(&assert.get_output().stdout).expect("one JSON object")
}

fn arena(report: &Value) -> u64 {
    report["arena_bytes"].as_u64().unwrap()
}

#[test]
fn the_smallest_arena_is_a_budget_that_can_be_met() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.mote");
    let fastest = arena(&object(&convert(&file, &[]).success()));
    let smallest = arena(&object(&convert(&file, &["--ram", "min"]).success()));
    assert!(smallest <= fastest);
    let within = arena(&object(&convert(&file, &["--ram", &smallest.to_string()]).success()));
    assert!(within <= smallest);
    assert_eq!(arena(&object(&convert(&file, &["--ram", "1M"]).success())), fastest);
}

#[test]
fn a_budget_that_cannot_be_met_fails_with_1_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.mote");
    let report = object(&convert(&file, &["--ram", "1K", "--flash", "2000"]).code(1));
    assert!(!file.exists(), "nothing is written");
    assert_eq!(report["written"], false);
    let [ram, flash] = report["shortfalls"].as_array().unwrap().as_slice() else { panic!("{report:#}") };
    assert_eq!((&ram["budget"], &ram["budget_bytes"]), (&"ram".into(), &1024.into()));
    assert_eq!(ram["needed_bytes"].as_u64(), Some(arena(&report)));
    assert!(ram["because"].as_str().unwrap().contains("fullest step is at node"), "{ram}");
    assert_eq!((&flash["budget"], &flash["needed_bytes"]), (&"flash".into(), &report["file_bytes"]));
    let advice = flash["advice"].as_array().unwrap();
    assert!(advice.iter().any(|a| a.as_str().unwrap().starts_with("--self-test 0: ")), "{advice:?}");

    let mut command = Command::new(env!("CARGO_BIN_EXE_mote"));
    command.arg("convert").arg(digits("model.onnx")).arg("--calibrate").arg(digits("train.csv"));
    let text = command.args(["--scale", "1/16", "--ram", "1000", "-o"]).arg(&file).assert().code(1);
    let text = String::from_utf8_lossy(&text.get_output().stdout).into_owned();
    assert!(text.contains("does not fit: ") && text.contains("--ram gives 1,000") && text.contains("try: "), "{text}");
}

/// Kernels of its convolutions, each with what it tells of the choice.
fn convolutions(file: &Path) -> Vec<(String, String)> {
    let instructions = inspect(file, &[])["instructions"].as_array().unwrap().clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let all = instructions.iter().map(|i| (text(&i["op"]), text(&i["kernel"])));
    all.filter(|(op, _)| op.starts_with("conv2d")).collect()
}

#[test]
fn flash_that_is_left_makes_layers_faster() {
    let folder = tempfile::tempdir().unwrap();
    let [small, fast, some] = ["small.mote", "fast.mote", "some.mote"].map(|name| folder.path().join(name));
    let winograds = |file: &Path| convolutions(file).iter().filter(|(op, _)| op == "conv2d_winograd").count();
    let bytes = |report: &Value| report["file_bytes"].as_u64().unwrap();

    let smallest = bytes(&object(&convert(&small, &[]).success()));
    assert_eq!(winograds(&small), 0, "the default is the smallest file");
    let missed = convolutions(&small).into_iter().any(|(_, kernel)| kernel.contains("winograd would save"));
    assert!(missed, "{:?}", convolutions(&small));

    let largest = bytes(&object(&convert(&fast, &["--flash", "max"]).success()));
    assert!(largest > smallest && winograds(&fast) > 0);
    let told = convolutions(&fast).into_iter().find(|(op, _)| op == "conv2d_winograd").unwrap().1;
    assert!(told.starts_with("winograd 2x2 (saves about ") && told.contains(" B of flash"), "{told}");
    let converter = inspect(&fast, &[])["provenance"]["converter"].as_str().unwrap().to_owned();
    assert!(converter.ends_with("(--flash max)"), "{converter}");

    // Every budget is kept, and the last one is enough.
    for budget in [smallest + 100, (smallest + largest) / 2, largest - 1, largest + 200] {
        let report = object(&convert(&some, &["--flash", &budget.to_string()]).success());
        assert!(bytes(&report) <= budget);
        assert_eq!(winograds(&some) > 0, budget == largest + 200, "{budget}");
    }

    // The same outputs.
    let scores = |file: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mote"));
        let assert = command
            .arg("eval")
            .arg(file)
            .arg("--data")
            .arg(digits("test.csv"))
            .args(["--scale", "1/16", "--json"])
            .assert();
        object(&assert.success())
    };
    let [before, after] = [scores(&small), scores(&fast)];
    assert!(before["int8"]["confusion"].is_array());
    assert_eq!(before["int8"], after["int8"]);
}

#[test]
fn the_file_tells_how_it_was_planned() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.mote");
    convert(&file, &["--ram", "min", "--target", "cortex-m0plus"]).success();
    let summary = inspect(&file, &["--target", "cortex-m0plus"]);
    let converter = summary["provenance"]["converter"].as_str().unwrap();
    assert!(converter.ends_with("(--ram min --target cortex-m0plus)"), "{converter}");
    let instructions = summary["instructions"].as_array().unwrap();
    let of = |op: &str| instructions.iter().find(|i| i["op"] == op).unwrap();
    assert_eq!(of("conv2d")["kernel"], "im2col x4");
    assert!(of("conv2d")["scratch_bytes"].as_u64().unwrap() > 0);
    let depthwise = of("depthwise_conv2d")["kernel"].as_str().unwrap();
    assert!(depthwise.contains("strips") || depthwise.starts_with("direct ("), "{depthwise}");
    assert!(instructions.iter().any(|i| i["memory"] != ""), "something lies over something");
}

#[test]
fn wrong_budgets_are_usage_errors() {
    let file = Path::new("never.mote");
    for (option, value, expected) in [
        ("--ram", "small", "`min`"),
        ("--flash", "min", "number of bytes"),
        ("--target", "z80", "known are cortex-m0plus"),
    ] {
        let assert = convert(file, &[option, value]).code(2);
        let text = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
        assert!(text.contains(expected), "{option} {value}: {text}");
    }
}
