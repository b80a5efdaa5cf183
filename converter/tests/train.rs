//! `mote train` from recipe to model file, through interruptions and errors.

mod support;

use assert_cmd::Command;
use std::path::{Path, PathBuf};
use std::time::Duration;
use support::killed::{same_bytes, train_with_kills};

fn models(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models").join(name)
}

fn mote(words: &[&str], recipe: &Path, out: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mote"));
    command.args(["train", "--out"]).arg(out).args(words).arg(recipe).timeout(Duration::from_secs(300));
    command
}

/// A recipe on data that ship, small enough for a test: a dense network, or what `layers` says.
fn write_recipe(folder: &Path, more: &str) -> PathBuf {
    for file in ["train.csv", "test.csv"] {
        std::fs::copy(models("digits-cnn").join(file), folder.join(file)).unwrap();
    }
    let text = format!(
        "name = 'small'
normalize = 'scale=0.0625'
input = [64]
layers = [{{ op = 'dense', name = 'a', units = 32, activation = 'relu' }}, {{ op = 'dense', name = 'b', units = 10 }}]
[evaluate]
path = 'test.csv'
[train]
data = {{ path = 'train.csv' }}
split = {{ validation = 0.1 }}
seed = 5
{more}
"
    );
    let path = folder.join("recipe.toml");
    std::fs::write(&path, text).unwrap();
    path
}

fn json(command: &mut Command, code: i32) -> serde_json::Value {
    let assert = command.assert().code(code);
    serde_json::from_slice(&assert.get_output().stdout).unwrap()
}

fn error(command: &mut Command, code: i32) -> String {
    let assert = command.assert().code(code);
    String::from_utf8_lossy(&assert.get_output().stderr).into_owned()
}

#[test]
fn a_recipe_becomes_a_model_file_that_other_verbs_take() {
    let folder = tempfile::tempdir().unwrap();
    let recipe =
        write_recipe(folder.path(), "epochs = 8\noptimizer = { kind = 'adam', rate = 0.005 }\nmin_accuracy = 90.0");
    let out = folder.path().join("run");
    let report = json(&mut mote(&["--json"], &recipe, &out), 0);
    let (float, int8) = (report["float_accuracy"].as_f64().unwrap(), report["int8_accuracy"].as_f64().unwrap());
    assert!(float >= 90.0 && int8 > float - 2.0, "{float} {int8}");
    assert_eq!(report["history"].as_array().unwrap().len(), 8);
    let metrics = std::fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> = metrics.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.len(), 8);
    // Single precision is printed shorter in a line than in the report.
    let loss = |value: &serde_json::Value| value["train_loss"].as_f64().unwrap() as f32;
    assert_eq!(loss(&lines[7]), loss(&report["history"][7]));
    assert!(std::fs::read_to_string(out.join("curves.svg")).unwrap().contains("<polyline "));

    // The float checkpoint is a network like any other: beside its own model file it computes the same.
    let mut eval = Command::new(env!("CARGO_BIN_EXE_mote"));
    eval.arg("eval").arg(out.join("small.mote")).arg("--data").arg(folder.path().join("test.csv"));
    let report = json(eval.arg("--float").arg(out.join("weights.safetensors")).arg("--json"), 0);
    assert!((report["float"]["top1"].as_f64().unwrap() * 100.0 - float).abs() < 1e-9);
    let metrics = &report["int8"];
    assert_eq!(metrics["classes"].as_array().unwrap().len(), 10);
    assert!(metrics["macro"]["f1"].as_f64().unwrap() > 0.85 && metrics["macro_roc_auc"].as_f64().unwrap() > 0.95);

    // It is also where another training starts.
    let fine = std::fs::read_to_string(&recipe).unwrap();
    let from = format!("name = 'small'\ncheckpoint = '{}'", out.join("weights.safetensors").display());
    let fine = fine.replace("name = 'small'", &from).replace("epochs = 8", "epochs = 1");
    let without_layers: String = fine
        .lines()
        .filter(|l| !l.starts_with("layers") && !l.starts_with("input"))
        .map(|l| format!("{l}\n"))
        .collect();
    for text in [fine, without_layers] {
        std::fs::write(&recipe, text).unwrap();
        let report = json(&mut mote(&["--json", "--fresh"], &recipe, &folder.path().join("fine")), 0);
        assert!(report["history"][0]["train_accuracy"].as_f64().unwrap() > 0.85, "{report}");
    }
}

#[test]
fn a_killed_run_goes_on_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = write_recipe(folder.path(), "epochs = 12\nbatch = 4\naugment = { noise = 0.05 }");
    let (whole, killed) = (folder.path().join("whole"), folder.path().join("killed"));
    mote(&[], &recipe, &whole).assert().success();
    // Killed after an epoch or more, inside of one, until it ends by itself.
    let kills = train_with_kills(&recipe, &killed, &[], 3, |kills| kills + 1);
    assert!(kills > 0, "the run was over before it could be killed");
    let files = ["weights.safetensors", "checkpoint.safetensors", "metrics.jsonl", "curves.svg", "small.mote"];
    same_bytes(&whole, &killed, &files);
    // Without being told what to do with it, an earlier run is left alone.
    let text = error(&mut mote(&[], &recipe, &whole), 2);
    assert!(text.contains("--resume") && text.contains("--fresh"), "{text}");
    // Another recipe is another run.
    let text = error(&mut mote(&["--resume", "--seed", "6"], &recipe, &whole), 2);
    assert!(text.contains("the checkpoint is of another recipe"), "{text}");
}

#[test]
fn a_network_beyond_its_budget_is_trained_but_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = write_recipe(folder.path(), "epochs = 1\n[budget]\nflash = '1K'");
    let out = folder.path().join("run");
    let report = json(&mut mote(&["--json"], &recipe, &out), 1);
    let failed = report["failed"].as_str().unwrap();
    assert!(report["held"] == false && failed.contains("--flash gives 1,024"), "{failed}");
    assert!(out.join("weights.safetensors").exists() && !out.join("small.mote").exists());
}

#[test]
fn mistakes_are_exit_code_2_and_divergence_is_1() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let refused = |more: &str, change: &dyn Fn(String) -> String| {
        let recipe = write_recipe(folder.path(), more);
        let text = change(std::fs::read_to_string(&recipe).unwrap());
        std::fs::write(&recipe, text).unwrap();
        error(&mut mote(&["--fresh"], &recipe, &out), 2)
    };
    let text = refused("epoch = 3", &|t| t);
    assert!(text.contains("`epoch`") && text.contains("did you mean `epochs`?"), "{text}");
    let text = refused("epochs = 1", &|t| t.replace("train.csv", "none.csv"));
    assert!(text.contains("none.csv` are not there"), "{text}");
    let text = refused("epochs = 1", &|t| t.replace("units = 10", "units = 9"));
    assert!(text.contains("9") && text.contains("labels count from 0"), "{text}");
    let text = refused("epochs = 0", &|t| t);
    assert!(text.contains("`epochs` is 0"), "{text}");
    let text = refused("epochs = 1\naugment = { shift = 1 }", &|t| t);
    assert!(text.contains("`augment.shift` needs pictures"), "{text}");
    assert!(!out.join("checkpoint.safetensors").exists());

    let recipe = write_recipe(folder.path(), "epochs = 1");
    let csv = folder.path().join("train.csv");
    let rows = std::fs::read_to_string(&csv).unwrap();
    std::fs::write(&csv, rows.replacen("0,", "nan,", 1)).unwrap();
    let text = error(&mut mote(&[], &recipe, &out), 2);
    assert!(text.contains("sample 0") && text.contains("NaN"), "{text}");

    // The rate grows until the loss does too: the checkpoint before that is kept.
    let diverging = "epochs = 40\nloss = 'mse'\noptimizer = { kind = 'sgd', rate = 1e4 }\nschedule = { warm_up = 40 }\nconvert = false";
    let recipe = write_recipe(folder.path(), diverging);
    let text = error(&mut mote(&["--fresh"], &recipe, &out), 1);
    assert!(text.contains("the loss became") && text.contains("hint"), "{text}");
    let recipe = write_recipe(folder.path(), "epochs = 1\nmin_accuracy = 99.9");
    let report = json(&mut mote(&["--fresh", "--json"], &recipe, &out), 1);
    assert_eq!(report["held"], serde_json::json!(false));
}

#[test]
fn the_recipe_that_ships_with_its_data_learns_from_its_first_epochs() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_mote"));
    command.args(["train", "--json", "--epochs", "4", "--out"]).arg(folder.path().join("run"));
    // The data lie with the checkpoint that another program trained.
    command.arg("--data").arg(models("digits-cnn")).arg(models("digits-scratch"));
    // All of its epochs reach the accuracy that it requires; four are what a test has time for.
    let report = json(&mut command, 1);
    assert!(report["failed"].as_str().unwrap().contains("the recipe requires 97.5 %"));
    assert!(report["float_accuracy"].as_f64().unwrap() > 80.0, "{report}");
    assert!(report["int8_accuracy"].as_f64().unwrap() > 78.0, "{report}");
}
