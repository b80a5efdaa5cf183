//! The recipes that ship with everything they need reach their figures, as `mote build` tells.

use assert_cmd::Command;
use std::path::{Path, PathBuf};

fn recipe(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models").join(name)
}

fn build(recipe: &Path, output: &Path) -> assert_cmd::assert::Assert {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mote"));
    command.args(["build", "--json", "-o"]).arg(output).arg(recipe).assert()
}

#[test]
fn digits_cnn_reaches_its_figures() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("digits.mote");
    let assert = build(&recipe("digits-cnn"), &output).success();
    let report: serde_json::Value = serde_json::from_slice(&assert.get_output().stdout).unwrap();
    // Without a hash to compare with, the recipe would not prove that every machine writes the same bytes.
    assert_eq!(report["expected"]["file_sha256"].as_str().map(str::len), Some(64));
    assert_eq!((report["schema"].as_u64(), report["held"].as_bool()), (Some(1), Some(true)));
    assert_eq!(report["measured"]["file_bytes"].as_u64(), Some(std::fs::metadata(&output).unwrap().len()));
}

#[test]
fn a_missed_figure_fails_with_1_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["recipe.toml", "model.onnx", "labels.txt", "train.csv", "test.csv"] {
        std::fs::copy(recipe("digits-cnn").join(file), folder.path().join(file)).unwrap();
    }
    let expected = "float_accuracy = 98.0\nint8_accuracy = 100.0\nfile_bytes = 100000\narena_bytes = 1000\n\
                    file_sha256 = '00'\n";
    std::fs::write(folder.path().join("expected.toml"), expected).unwrap();
    let assert = build(folder.path(), &folder.path().join("x.mote")).code(1);
    let report: serde_json::Value = serde_json::from_slice(&assert.get_output().stdout).unwrap();
    let missed: Vec<_> = report["misses"].as_array().unwrap().iter().map(|m| m["figure"].as_str().unwrap()).collect();
    assert_eq!(missed, ["int8 accuracy", "arena bytes", "file SHA-256"]);
    let hash = report["misses"][2]["measured"].as_str().unwrap();
    assert_eq!((report["misses"][2]["expected"].as_str(), hash.len()), (Some("00"), 64));
}

#[test]
fn a_model_beyond_its_recipes_budget_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["recipe.toml", "model.onnx", "labels.txt", "train.csv", "test.csv"] {
        std::fs::copy(recipe("digits-cnn").join(file), folder.path().join(file)).unwrap();
    }
    let text = std::fs::read_to_string(folder.path().join("recipe.toml")).unwrap();
    let with = |budget: &str| {
        std::fs::write(folder.path().join("recipe.toml"), format!("{text}\n[budget]\n{budget}\n")).unwrap();
        build(folder.path(), &folder.path().join("x.mote"))
    };
    let assert = with("ram = '2K'\nflash = '12K'").code(1);
    let report: serde_json::Value = serde_json::from_slice(&assert.get_output().stdout).unwrap();
    let short = report["convert"]["shortfalls"].as_array().unwrap();
    assert_eq!(short.iter().map(|s| s["budget"].as_str().unwrap()).collect::<Vec<_>>(), ["ram", "flash"]);
    assert!(!folder.path().join("x.mote").exists());
    let assert = with("ram = 'some'").code(2);
    assert!(String::from_utf8_lossy(&assert.get_output().stderr).contains("or `min`"));
    with("ram = '4K'\nflash = '16K'\ntarget = 'cortex-m0plus'").code(0);
    assert!(folder.path().join("x.mote").exists());
}

#[test]
fn a_recipe_with_an_unknown_key_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let text = "name = 'x'\ncheckpoint = 'm.onnx'\nspeed = 9\ncalibrate = {path = 'a'}\nevaluate = {path = 'b'}\n";
    std::fs::write(folder.path().join("recipe.toml"), text).unwrap();
    let assert = build(folder.path(), &folder.path().join("x.mote")).code(2);
    assert!(String::from_utf8_lossy(&assert.get_output().stderr).contains("speed"));
    assert!(!folder.path().join("x.mote").exists());
}

#[test]
fn data_that_do_not_ship_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let assert = build(&recipe("mnist-cnn"), &folder.path().join("x.mote")).code(2);
    assert!(String::from_utf8_lossy(&assert.get_output().stderr).contains("train-images-idx3-ubyte"));
}
