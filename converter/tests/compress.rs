//! What makes networks smaller, from recipe or command line to accuracy: pruning, training on integers, distillation.

use assert_cmd::Command;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

mod support;

use support::data_root;
use support::killed::{same_bytes, train_with_kills};

fn models(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models").join(name)
}

fn mote(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mote"));
    command.args(words).timeout(Duration::from_secs(600));
    command
}

fn json(command: &mut Command) -> Value {
    let assert = command.arg("--json").assert().success();
    serde_json::from_slice(&assert.get_output().stdout).unwrap()
}

fn error(command: &mut Command) -> String {
    let assert = command.assert().code(2);
    String::from_utf8_lossy(&assert.get_output().stderr).into_owned()
}

/// `mote train` of a recipe on the digits that ship.
fn train(recipe: &Path, out: &Path, more: &[&str]) -> Value {
    let mut command = mote(&["train", "--fresh", "--data"]);
    command.arg(models("digits-cnn")).arg("--out").arg(out).args(more).arg(recipe);
    json(&mut command)
}

fn percent(report: &Value, key: &str) -> f64 {
    report[key].as_f64().unwrap_or_else(|| panic!("no {key} in {report}"))
}

#[test]
fn training_on_integers_wins_back_what_four_bits_lose() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let report = train(&models("digits-mobile"), &run, &[]);
    let trained = percent(&report, "int8_accuracy");

    // The float network before that step, with its weights rounded to four bits once it was trained.
    let converted = |more: &[&str]| {
        let mut convert = mote(&["convert", "--samples", "256", "--normalize", "scale=0.0625", "--calibrate"]);
        convert.arg(models("digits-cnn").join("train.csv")).arg("--eval").arg(models("digits-cnn").join("test.csv"));
        convert.arg("-o").arg(folder.path().join("x.mote")).arg(run.join("step-1.safetensors")).args(more);
        let report = json(&mut convert);
        ["float", "int8"].map(|side| report["accuracy"][side].as_f64().unwrap() * 100.0)
    };
    let [float, rounded] = converted(&["--int4", "*"]);
    println!("float {float:.2} %, four bits {rounded:.2} %, trained with four bits {trained:.2} %");
    assert!(float - rounded > 1.0, "four bits hurt by {}", float - rounded);
    assert!(trained - rounded >= 0.5 * (float - rounded));
    // What training leaves is converted to the same file by hand, too.
    let mut convert = mote(&["convert", "--self-test", "0", "--strip", "-o"]);
    convert.arg(folder.path().join("y.mote")).arg(run.join("weights.safetensors"));
    let report = json(&mut convert);
    assert_eq!(report["came_quantized"], true);
    // Nobody names its layers: those that four bits make smaller are stored so.
    let inspected = json(mote(&["inspect"]).arg(folder.path().join("y.mote")));
    assert!(inspected.to_string().contains("int4"), "{inspected}");
}

#[test]
fn a_student_gains_from_its_teacher() {
    let folder = tempfile::tempdir().unwrap();
    let alone = folder.path().join("alone");
    std::fs::create_dir(&alone).unwrap();
    let recipe = std::fs::read_to_string(models("digits-distilled").join("recipe.toml")).unwrap();
    let (before, rest) = recipe.split_once("[train.teacher]").unwrap();
    let (_, after) = rest.split_once("\n\n").unwrap();
    let text = format!("{before}{after}").replace("labels_file = \"labels.txt\"\n", "");
    std::fs::write(alone.join("recipe.toml"), text).unwrap();
    let mean = |recipe: &Path| {
        let one = |seed: u32| {
            let report = train(recipe, &folder.path().join("run"), &["--seed", &seed.to_string()]);
            percent(&report, "float_accuracy")
        };
        (1..=5).map(one).sum::<f64>() / 5.0
    };
    let (taught, alone) = (mean(&models("digits-distilled")), mean(&alone));
    println!("mean of 5 seeds: alone {alone:.2} %, with the teacher {taught:.2} %");
    assert!(taught >= alone + 1.0);
}

/// Two steps after training, interrupted anywhere.
#[test]
fn steps_go_on_after_a_kill_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = folder.path().join("recipe.toml");
    std::fs::write(
        &recipe,
        "name = 'steps'
normalize = 'scale=0.0625'
input = [8, 8, 1]
layers = [{ op = 'conv2d', name = 'conv', filters = 8, kernel = 3, activation = 'relu' }, { op = 'flatten' },
  { op = 'dense', name = 'hidden', units = 16, activation = 'relu' }, { op = 'dense', name = 'out', units = 10 }]
[train]
data = { path = 'train.csv' }
epochs = 2
batch = 8
[[compress]]
channels = { macs = 0.6 }
epochs = 2
[[compress]]
weights = { sparsity = 0.5, pattern = '1x4' }
epochs = 2
[[compress]]
quantize = {}
epochs = 2
[evaluate]
path = 'test.csv'
",
    )
    .unwrap();
    let (whole, killed) = (folder.path().join("whole"), folder.path().join("killed"));
    let report = train(&recipe, &whole, &[]);
    let steps = report["steps"].as_array().unwrap();
    let names: Vec<&str> = steps.iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["train", "channels", "weights", "quantize"]);
    let macs = |at: usize| steps[at]["macs"].as_f64().unwrap();
    assert!(macs(1) <= 0.6 * macs(0) && macs(3) == macs(1));
    let zeros = |at: usize| steps[at]["zeros"].as_f64().unwrap() / steps[at]["parameters"].as_f64().unwrap();
    assert!(zeros(2) > 0.45 && zeros(3) >= zeros(2), "{steps:?}");
    assert!(percent(&report, "int8_accuracy") > 80.0);

    let data = models("digits-cnn");
    let kills = train_with_kills(&recipe, &killed, &["--data".as_ref(), data.as_ref()], 5, |_| 1);
    assert!(kills > 1, "the run was over before it could be killed");
    let files = ["weights.safetensors", "metrics.jsonl", "curves.svg", "steps.mote", "step-3.safetensors"];
    same_bytes(&whole, &killed, &files);
}

#[test]
fn steps_that_make_no_sense_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |steps: &str| {
        let text = std::fs::read_to_string(models("digits-distilled").join("recipe.toml")).unwrap();
        let (head, _) = text.split_once("[train.teacher]").unwrap();
        let head = head.replace("epochs = 100", "epochs = 1").replace("labels_file = \"labels.txt\"\n", "");
        std::fs::write(folder.path().join("recipe.toml"), format!("{head}\n{steps}\n")).unwrap();
        let mut command = mote(&["train", "--fresh", "--data"]);
        command.arg(models("digits-cnn")).arg("--out").arg(folder.path().join("run")).arg(folder.path());
        error(&mut command)
    };
    let text = refused("[[compress]]\nweights = { sparsity = 1.5 }\nepochs = 1");
    assert!(text.contains("`sparsity` is 1.5; it is above 0 and below 1"), "{text}");
    let text = refused("[[compress]]\nweights = { sparsity = 0.5, pattern = '4x1' }\nepochs = 1");
    assert!(text.contains("`4x1` is no pattern"), "{text}");
    let text = refused("[[compress]]\nchannels = { macs = 0.5, skip = ['nobody'] }\nepochs = 1");
    assert!(text.contains("`nobody` in `skip` fits no layer; there are conv, dense"), "{text}");
    let text = refused("[[compress]]\nchannels = { macs = 0.01 }\nepochs = 1");
    assert!(text.contains("removing channels can bring the network to"), "{text}");
    let text = refused("[[compress]]\nquantize = {}\nepochs = 1\n[[compress]]\nepochs = 1");
    assert!(text.contains("only the last step can train with integers"), "{text}");
    let text = refused("[[compress]]\nquantise = {}\nepochs = 1");
    assert!(text.contains("did you mean `quantize`?"), "{text}");
    let text = refused("[train.teacher]\ntemperature = 2.0");
    assert!(text.contains("give either its `checkpoint` or its `logits`"), "{text}");
    let text = refused("[train.teacher]\nlogits = 'none.npy'");
    assert!(text.contains("none.npy` are not there"), "{text}");
}

/// A network of another program, from an ONNX file.
#[test]
fn an_imported_network_is_pruned_and_trained_on() {
    let Some(data) = data_root() else { return };
    let (net, mnist) = (data.join("onnx/mnist_cnn_32_64"), data.join("real/mnist"));
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "name = 'small'
checkpoint = '{}'
normalize = 'unit'
[train]
data = {{ path = 'train10k_images_u8.npy', labels = 'train10k_labels_u8.npy', samples = 3000 }}
epochs = 0
batch = 50
optimizer = {{ kind = 'adamw', rate = 0.001 }}
schedule = {{ kind = 'cosine' }}
[[compress]]
channels = {{ macs = 0.5 }}
epochs = 2
[evaluate]
path = 'test2k_images_u8.npy'
labels = 'test2k_labels_u8.npy'
",
        net.join("model.onnx").display()
    );
    std::fs::write(folder.path().join("recipe.toml"), text).unwrap();
    let mut command = mote(&["train", "--fresh", "--data"]);
    command.arg(&mnist).arg("--out").arg(folder.path().join("run")).arg(folder.path());
    let report = json(&mut command);
    let (float, int8) = (percent(&report, "float_accuracy"), percent(&report, "int8_accuracy"));
    println!("mnist_cnn_32_64 with half of its multiplications: float {float:.2} %, int8 {int8:.2} %");
    // 98.90 % with all of them.
    assert!(float >= 98.4 && int8 >= 98.4, "{float} {int8}");
}

#[test]
fn a_scan_tells_what_layers_mind_and_pruning_writes_a_network() {
    let folder = tempfile::tempdir().unwrap();
    let prune = || {
        let mut command = mote(&["prune", "--normalize", "scale=0.0625", "--data"]);
        command.arg(models("digits-cnn").join("test.csv")).arg(models("digits-cnn").join("model.onnx"));
        command
    };
    let report = json(prune().args(["--scan", "--pattern", "1x4", "--shares", "0.25,0.9"]));
    let whole = report["accuracy"].as_f64().unwrap();
    let trials = report["trials"].as_array().unwrap();
    let accuracy = |share: f64| {
        let of = trials.iter().filter(|t| t["share"] == share).map(|t| t["accuracy"].as_f64().unwrap());
        of.fold(1.0, f64::min)
    };
    assert!(whole > 0.98 && accuracy(0.25) > 0.9 && accuracy(0.9) < accuracy(0.25), "{report}");
    let report = json(prune().args(["--scan", "--pattern", "channels", "--shares", "0.5"]));
    assert!(report["trials"].as_array().unwrap().len() > 1, "{report}");

    let small = folder.path().join("small.safetensors");
    let report = json(prune().args(["--macs", "0.8", "-o"]).arg(&small));
    assert!(report["macs"].as_f64().unwrap() <= 0.8 * report["macs_before"].as_f64().unwrap(), "{report}");
    assert!(report["accuracy"].as_f64().unwrap() > 0.9, "{report}");
    let report = json(prune().args(["--sparsity", "0.5", "-o"]).arg(&small));
    let zeros = report["zeros"].as_f64().unwrap() / report["parameters"].as_f64().unwrap();
    assert!((0.45..0.55).contains(&zeros), "{report}");
    mote(&["check"]).arg(&small).assert().success();

    assert!(error(&mut prune()).contains("nothing to do"));
    let text = error(prune().args(["--macs", "2", "-o"]).arg(&small));
    assert!(text.contains("`macs` is 2; it is above 0 and below 1"), "{text}");
}
