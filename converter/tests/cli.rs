//! The command as a user meets it: every verb on the small network that ships with the project.

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tempfile::TempDir;

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/digits-cnn")
}

fn model() -> String {
    models().join("model.onnx").display().to_string()
}

fn data(name: &str) -> String {
    models().join(name).display().to_string()
}

fn mote<S: AsRef<str>>(args: &[S]) -> Assert {
    Command::new(env!("CARGO_BIN_EXE_mote")).args(args.iter().map(AsRef::as_ref)).assert()
}

fn stdout(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

fn stderr(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

fn json(assert: &Assert) -> Value {
    let value: Value = serde_json::from_str(&stdout(assert)).expect("one JSON object");
    assert_eq!(value["schema"], 1);
    value
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn at(dir: &TempDir, name: &str) -> String {
    dir.path().join(name).display().to_string()
}

fn convert_args(out: &str) -> Vec<String> {
    let args = ["convert", &model(), "--calibrate", &data("train.csv"), "--scale", "1/16", "-o", out];
    args.map(String::from).to_vec()
}

/// The network converted once for all tests.
fn converted() -> &'static str {
    static FILE: OnceLock<(TempDir, String)> = OnceLock::new();
    let make = || {
        let dir = folder();
        let file = at(&dir, "digits.mote");
        mote(&convert_args(&file)).success();
        (dir, file)
    };
    &FILE.get_or_init(make).1
}

/// The network with one operator that nobody knows: the operator of the same length is renamed in the file.
fn unsupported_model(dir: &TempDir) -> String {
    let mut bytes = std::fs::read(model()).unwrap();
    // Field 4 of NodeProto, seven bytes long.
    let (old, new) = (b"\x22\x07MaxPool", b"\x22\x07NaxPool");
    let position = bytes.windows(old.len()).position(|w| w == old).expect("the network pools");
    bytes[position..position + new.len()].copy_from_slice(new);
    let path = dir.path().join("strange.onnx");
    std::fs::write(&path, bytes).unwrap();
    path.display().to_string()
}

fn save(dir: &TempDir, name: &str, shape: &[usize], rows: &[Vec<f32>]) -> String {
    let path = dir.path().join(name);
    mote::data::write_npy(&path, shape, rows).unwrap();
    path.display().to_string()
}

/// The pictures of a CSV file, as the network takes them.
fn pictures(n: usize) -> Vec<Vec<f32>> {
    let text = std::fs::read_to_string(data("test.csv")).unwrap();
    let row = |line: &str| line.split(',').take(64).map(|v| v.parse::<f32>().unwrap() / 16.0).collect();
    text.lines().take(n).map(row).collect()
}

#[test]
fn convert_prints_what_it_made_and_no_progress() {
    let dir = folder();
    let out = at(&dir, "digits.mote");
    let run = mote(&convert_args(&out)).success();
    let text = stdout(&run);
    for word in ["digits.mote", "parameters", "MACs", "flash", "arena", "tract", "method mse", "conv2d", "scale=0.0625"]
    {
        assert!(text.contains(word), "{word}:\n{text}");
    }
    assert!(!text.contains("calibrating"), "{text}");
    assert!(!stderr(&run).contains("calibrating"), "bars belong on terminals only");
    assert!(std::fs::read(&out).unwrap().starts_with(b"MOTE"));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary files stay");
}

#[test]
fn same_input_gives_the_same_bytes() {
    let dir = folder();
    let out = at(&dir, "again.mote");
    mote(&[convert_args(&out), vec!["--name".into(), "model".into()]].concat()).success();
    let first = std::fs::read(&out).unwrap();
    mote(&[convert_args(&out), vec!["--name".into(), "model".into()]].concat()).success();
    assert_eq!(first, std::fs::read(&out).unwrap());
}

#[test]
fn convert_measures_accuracy_and_stores_it() {
    let dir = folder();
    let out = at(&dir, "digits.mote");
    let args = [convert_args(&out), ["--eval", &data("test.csv"), "--json"].map(String::from).to_vec()].concat();
    let report = json(&mote(&args).success());
    assert!(report["accuracy"]["float"].as_f64().unwrap() > 0.98, "{report}");
    assert!(report["accuracy"]["drop_points"].as_f64().unwrap() < 0.5, "{report}");
    assert_eq!(report["cross_check"]["agrees"], true, "{report}");
    assert_eq!(report["file_bytes"], std::fs::metadata(&out).unwrap().len());
    assert_eq!(report["calibration"]["samples"], 256);
    let inspected = json(&mote(&["inspect", &out, "--json"]).success());
    assert_eq!(inspected["arena_bytes"], report["arena_bytes"]);
    assert!(inspected["provenance"]["accuracy"][1].as_f64().unwrap() > 0.97, "{inspected}");
    assert_eq!(inspected["provenance"]["normalization"], "scale=0.0625;mean=0;std=1");
}

#[test]
fn every_method_and_precision_converts() {
    let dir = folder();
    for option in [
        &["--method", "minmax"][..],
        &["--method", "percentile:99.9"],
        &["--method", "entropy"],
        &["--io-dtype", "f32"],
        &["--io-dtype", "source", "--io-layout", "source"],
        &["--keep-float", "*classifier*"],
        &["--precision", "f32"],
        &["--precision", "f16"],
        &["--strip", "--self-test", "0", "--model-version", "3"],
    ] {
        let out = at(&dir, "x.mote");
        let mut args = convert_args(&out);
        args.extend(["--samples", "32"].iter().chain(option).map(|s| s.to_string()));
        mote(&args).success();
        let eval =
            ["eval", &out, "--data", &data("test.csv"), "--scale", "1/16", "--min-accuracy", "97", "--limit", "200"];
        let run = mote(&eval);
        assert_eq!(run.get_output().status.code(), Some(0), "{option:?}\n{}{}", stdout(&run), stderr(&run));
    }
}

#[test]
fn int8_without_data_is_a_usage_error_and_noise_is_only_used_with_a_warning() {
    let dir = folder();
    let out = at(&dir, "x.mote");
    let run = mote(&["convert", &model(), "-o", &out]).code(2);
    assert!(stderr(&run).contains("--calibrate DATA"), "{}", stderr(&run));
    let run = mote(&["convert", &model(), "--calibrate", "random", "-o", &out]).success();
    assert!(stderr(&run).contains("warning: calibrated on noise"), "{}", stderr(&run));
}

#[test]
fn unsupported_operator_is_named_with_its_node_and_leaves_no_file() {
    let dir = folder();
    let (network, out) = (unsupported_model(&dir), at(&dir, "x.mote"));
    let run = mote(&["convert", &network, "--calibrate", &data("train.csv"), "-o", &out]).code(2);
    let text = stderr(&run);
    assert!(text.starts_with("error: "), "{text}");
    assert!(text.contains("NaxPool") && text.contains("node `"), "{text}");
    assert!(text.contains("hint: "), "{text}");
    assert!(!Path::new(&out).exists());
    assert_eq!(stdout(&run), "");

    let run = mote(&["check", &network]).code(1);
    assert!(stdout(&run).contains("NaxPool"), "{}", stdout(&run));
    let report = json(&mote(&["check", &network, "--json"]).code(1));
    assert_eq!(report["supported"], false);
    assert_eq!(report["unsupported"][0]["op"], "NaxPool");
    assert!(!report["unsupported"][0]["hint"].as_str().unwrap().is_empty());
}

#[test]
fn mis_shaped_data_name_the_expected_shape() {
    let dir = folder();
    let wrong = save(&dir, "x.npy", &[9, 9], &[vec![0.0; 81]]);
    let out = at(&dir, "x.mote");
    for args in [
        vec!["convert", &model(), "--calibrate", &wrong, "-o", &out],
        vec!["run", converted(), "--input", &wrong],
        vec!["eval", converted(), "--data", &wrong],
        vec!["compare", &model(), converted(), "--data", &wrong],
    ] {
        let run = mote(&args).code(2);
        let text = stderr(&run);
        assert!(text.contains("expects shape [1, 1, 8, 8]") && text.contains("[9, 9]"), "{args:?}: {text}");
        assert!(text.contains("hint: "), "{text}");
        assert!(!Path::new(&out).exists());
    }
}

#[test]
fn unreadable_files_are_errors_with_a_hint() {
    let dir = folder();
    let none = at(&dir, "none");
    let garbage = at(&dir, "garbage.mote");
    std::fs::write(&garbage, b"MOTE and then nothing that makes sense").unwrap();
    let out = at(&dir, "x.mote");
    for args in [
        vec!["inspect", &none],
        vec!["inspect", &garbage],
        vec!["inspect", &model()],
        vec!["run", &garbage, "--input", &none],
        vec!["run", &model(), "--input", &none],
        vec!["run", converted(), "--input", &none],
        vec!["eval", converted(), "--data", &none],
        vec!["check", &none],
        vec!["convert", &none, "--calibrate", &none, "-o", &out],
        vec!["convert", &data("test.csv"), "--calibrate", &data("test.csv"), "-o", &out],
        vec!["convert", &model(), "--calibrate", &data("train.csv"), "-o", "/no/such/folder/x.mote"],
    ] {
        let run = mote(&args).code(2);
        let text = stderr(&run);
        assert!(text.contains("error: ") && text.contains("hint: "), "{args:?}: {text}");
        assert!(!text.contains("panicked"), "{text}");
    }
}

#[test]
fn inspect_lists_instructions_with_scales_and_totals() {
    let text = stdout(&mote(&["inspect", converted()]).success());
    for word in ["flash", "arena", "image", "logits", "float32 1x1x8x8", "int8 1x8x8x1", "depthwise_conv2d", "total"] {
        assert!(text.contains(word), "{word}:\n{text}");
    }
    let summary = json(&mote(&["inspect", converted(), "--json"]).success());
    assert_eq!(summary["file_bytes"], std::fs::metadata(converted()).unwrap().len());
    assert_eq!(summary["self_tests"], 2);
    assert_eq!(summary["sha256_ok"], true);
    let scales = summary["instructions"].as_array().unwrap().iter().map(|i| i["scale"].as_f64());
    assert!(scales.flatten().all(|s| s > 0.0), "{summary}");
}

#[test]
fn run_prints_classes_and_writes_arrays_in_the_sources_form() {
    let dir = folder();
    // Ready-made arrays: the recorded normalization must be switched off.
    let input = save(&dir, "x.npy", &[1, 8, 8], &pictures(20));
    let out = at(&dir, "y.npy");
    mote(&["run", converted(), "--input", &input, "--normalize", "none", "--output", &out]).success();
    let y = npyz::NpyFile::new(std::fs::File::open(&out).map(std::io::BufReader::new).unwrap()).unwrap();
    assert_eq!(y.shape(), [20, 10]);
    let y: Vec<f32> = y.into_vec().unwrap();

    let run = mote(&["run", converted(), "--input", &data("test.csv"), "--limit", "20", "--json"]).success();
    assert!(stderr(&run).contains("normalised with `scale=0.0625"), "{}", stderr(&run));
    let samples = json(&run)["outputs"].clone();
    let same: Vec<f32> = samples
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|s| s["values"]["logits"].as_array().unwrap())
        .map(|v| v.as_f64().unwrap() as f32)
        .collect();
    assert_eq!(y, same);

    let run = mote(&["-q", "run", converted(), "--input", &data("test.csv"), "--limit", "3", "--top", "1"]).success();
    assert_eq!(stdout(&run).lines().count(), 5, "{}", stdout(&run));
    assert_eq!(stderr(&run), "");
}

#[test]
fn raw_values_pass_through_unconverted() {
    let dir = folder();
    let input = dir.path().join("q.npy");
    mote::data::write_npy(&input, &[8, 8, 1], &[vec![-128i8; 64], vec![127; 64]]).unwrap();
    let out = at(&dir, "r.npy");
    mote(&["run", converted(), "--input", input.to_str().unwrap(), "--raw", "--output", &out]).success();
    let y = npyz::NpyFile::new(std::fs::File::open(&out).map(std::io::BufReader::new).unwrap()).unwrap();
    assert_eq!(y.shape(), [2, 10]);
    assert_eq!(y.into_vec::<i8>().unwrap().len(), 20);
    let wrong = save(&dir, "x.npy", &[8, 8, 1], &[vec![0.5; 64]]);
    let run = mote(&["run", converted(), "--input", &wrong, "--raw"]).code(2);
    assert!(stderr(&run).contains("-128 to 127"), "{}", stderr(&run));
}

#[test]
fn eval_puts_float_and_int8_side_by_side_and_fails_on_limits() {
    let args = ["eval", converted(), "--data", &data("test.csv"), "--float", &model()];
    let text = stdout(&mote(&[&args[..], &["--max-drop", "1"]].concat()).success());
    for word in ["float", "int8", "agreement", "Confusion, int8", "Confusion, float", "of 599"] {
        assert!(text.contains(word), "{word}:\n{text}");
    }
    let report = json(&mote(&[&args[..], &["--json"]].concat()).success());
    assert_eq!(report["samples"], 599);
    assert!(report["int8"]["top1"].as_f64().unwrap() > 0.97, "{report}");
    assert!(report["agreement"].as_f64().unwrap() > 0.98, "{report}");
    assert_eq!(report["int8"]["confusion"].as_array().unwrap().len(), 10);

    let failed = mote(&[&args[..], &["--max-drop", "-50"]].concat()).code(1);
    assert!(stdout(&failed).contains("FAILED: int8 is"), "{}", stdout(&failed));
    let failed = json(&mote(&[&args[..], &["--min-accuracy", "100", "--json"]].concat()).code(1));
    assert_eq!(failed["held"], false);
}

#[test]
fn eval_without_labels_compares_with_float_or_says_what_is_missing() {
    let dir = folder();
    let input = save(&dir, "x.npy", &[1, 8, 8], &pictures(20));
    let base = ["eval", converted(), "--data", &input, "--normalize", "none"];
    let run = mote(&base).code(2);
    assert!(stderr(&run).contains("has no labels") && stderr(&run).contains("--labels"), "{}", stderr(&run));
    let report = json(&mote(&[&base[..], &["--float", &model(), "--json"]].concat()).success());
    assert!(report["int8"].is_null());
    assert!(report["output_error"]["sqnr_db"].as_f64().unwrap() > 15.0, "{report}");
}

#[test]
fn compare_names_the_worst_layers_and_keeps_a_floor() {
    let args = ["compare", &model(), converted(), "--data", &data("test.csv")];
    let text = stdout(&mote(&args).success());
    assert!(text.contains("SQNR dB") && text.contains("Worst: `"), "{text}");
    let report = json(&mote(&[&args[..], &["--json", "--floor-db", "5"]].concat()).success());
    let layers = report["layers"].as_array().unwrap();
    assert!(layers.len() >= 5, "{report}");
    assert!(layers.iter().all(|l| l["sqnr_db"].as_f64().is_none_or(|db| db > 15.0)), "{report}");
    let failed = mote(&[&args[..], &["--floor-db", "200"]].concat()).code(1);
    assert!(stdout(&failed).contains("--keep-float"), "{}", stdout(&failed));
    let worst = stdout(&mote(&[&args[..], &["--worst", "1"]].concat()).success());
    assert!(worst.lines().count() < text.lines().count(), "{worst}");
}

#[test]
fn compare_needs_the_names_and_the_right_network() {
    let dir = folder();
    let out = at(&dir, "stripped.mote");
    mote(&[convert_args(&out), vec!["--strip".into()]].concat()).success();
    let run = mote(&["compare", &model(), &out, "--data", &data("test.csv")]).code(2);
    assert!(stderr(&run).contains("--strip"), "{}", stderr(&run));
    let other = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/mnist-cnn/model.onnx");
    let run = mote(&["compare", other.to_str().unwrap(), converted(), "--data", &data("test.csv")]).code(2);
    assert!(stderr(&run).contains("converted from"), "{}", stderr(&run));
}

#[test]
fn check_reports_needs_and_boards() {
    let text = stdout(&mote(&["check", &model()]).success());
    assert!(text.contains("is supported") && text.contains("qemu-mps2-an386"), "{text}");
    let report = json(&mote(&["check", &model(), "--board", "qemu-cortex-m4", "--json"]).success());
    assert_eq!(report["boards"][0]["fits"], true);
    let of_file = json(&mote(&["check", converted(), "--json"]).success());
    assert_eq!(of_file["arena_bytes"], report["arena_bytes"]);
    let run = mote(&["check", &model(), "--board", "esp99"]).code(2);
    assert!(stderr(&run).contains("qemu-cortex-m4"), "{}", stderr(&run));

    let dir = folder();
    let board = std::fs::read_to_string(models().join("../../firmware/boards/qemu-mps2-an386/board.toml")).unwrap();
    let line = |l: &str| match l {
        l if l.starts_with("arena_bytes") => "arena_bytes = 16".into(),
        l if l.starts_with("model_bytes") => "model_bytes = 100".into(),
        l => l.to_string(),
    };
    let tiny = at(&dir, "board.toml");
    std::fs::write(&tiny, board.lines().map(line).collect::<Vec<_>>().join("\n")).unwrap();
    let run = mote(&["check", converted(), "--board", &tiny]).code(1);
    assert!(stdout(&run).contains("NO"), "{}", stdout(&run));
    for over in [report["arena_bytes"].as_u64().unwrap() - 16, of_file["file_bytes"].as_u64().unwrap() - 100] {
        let digits: String = stdout(&run).chars().filter(|c| *c != ',').collect();
        assert!(digits.contains(&format!("{over} bytes of ")), "{over}: {}", stdout(&run));
    }
    let report = json(&mote(&["check", converted(), "--board", &tiny, "--json"]).code(1));
    assert_eq!(report["boards"][0]["flash_over_bytes"], of_file["file_bytes"].as_u64().unwrap() - 100);
}

#[test]
fn graph_is_dumped_after_a_pass_that_exists() {
    let dir = folder();
    let out = at(&dir, "x.mote");
    let run = mote(&[convert_args(&out), ["--dump-after", "import"].map(String::from).to_vec()].concat()).success();
    assert!(stderr(&run).contains("--- after import"), "{}", stderr(&run));
    let run = mote(&[convert_args(&out), ["--dump-after", "magic"].map(String::from).to_vec()].concat()).code(2);
    assert!(stderr(&run).contains("the passes are import, all, "), "{}", stderr(&run));
}

#[test]
fn usage_errors_exit_with_2_and_help_and_completions_with_0() {
    mote(&["convert"]).code(2);
    mote(&["no-such-verb"]).code(2);
    mote(&["eval", "x", "--data", "y", "--normalize", "tanh"]).code(2);
    for verb in [
        "build",
        "convert",
        "inspect",
        "run",
        "eval",
        "compare",
        "check",
        "bench",
        "flash",
        "device",
        "monitor",
        "completions",
    ] {
        let help = stdout(&mote(&[verb, "--help"]).success());
        assert!(help.contains("Examples:"), "{verb}");
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(stdout(&mote(&["completions", shell]).success()).contains("mote"));
    }
}

#[test]
fn a_reader_that_goes_away_is_not_an_error() {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_mote"))
        .args(["inspect", converted(), "--json"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn class_names_are_stored_and_must_be_as_many_as_classes() {
    let dir = folder();
    let (out, names) = (at(&dir, "x.mote"), at(&dir, "names.txt"));
    let args = [convert_args(&out), ["--labels-file", &names].map(String::from).to_vec()].concat();
    std::fs::write(&names, "zero\none\n").unwrap();
    let run = mote(&args).code(2);
    assert!(stderr(&run).contains("names 2 classes, output `logits` has 10"), "{}", stderr(&run));
    assert!(!Path::new(&out).exists());
    std::fs::write(&names, "zero\none\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\n").unwrap();
    mote(&args).success();
    let run = mote(&["run", &out, "--input", &data("test.csv"), "--limit", "1"]).success();
    assert!(stdout(&run).contains("two ("), "{}", stdout(&run));
}

#[test]
fn measuring_on_calibration_data_is_warned_about() {
    let dir = folder();
    let out = at(&dir, "x.mote");
    let with = |more: &[&str]| {
        let mut args = convert_args(&out);
        args.extend(["--eval".into(), data("train.csv")]);
        args.extend(more.iter().map(|s| s.to_string()));
        stderr(&mote(&args).success())
    };
    let warning = "samples that calibration saw";
    assert!(with(&[]).contains(warning));
    assert!(!with(&["--limit", "500", "--eval-skip", "500"]).contains(warning));
}

#[test]
fn int16_activations_as_a_whole_and_by_name() {
    let dir = folder();
    let file = at(&dir, "wide.mote");
    mote(&[convert_args(&file), vec!["--activations".into(), "int16".into()]].concat()).success();
    let inspected = json(&mote(&["inspect", &file, "--json"]).success());
    assert_eq!(
        (&inspected["inputs"][0]["dtype"], &inspected["outputs"][0]["dtype"]),
        (&"int16".into(), &"int16".into())
    );
    let ops: Vec<&str> =
        inspected["instructions"].as_array().unwrap().iter().map(|i| i["op"].as_str().unwrap()).collect();
    assert!(ops.iter().all(|op| op.ends_with("_i16")), "{ops:?}");

    // Stored values in, stored values out, and the same as the device quantizes them.
    let scale = inspected["inputs"][0]["scale"].as_f64().unwrap() as f32;
    let stored: Vec<Vec<f32>> = vec![(0..64).map(|i| ((i * 7919) % 20_000) as f32).collect()];
    let real = stored.iter().map(|row| row.iter().map(|q| q * scale).collect()).collect::<Vec<Vec<f32>>>();
    let (raw_in, real_in) = (save(&dir, "q.npy", &[8, 8, 1], &stored), save(&dir, "x.npy", &[1, 8, 8], &real));
    let (raw_out, real_out) = (at(&dir, "q_out.npy"), at(&dir, "x_out.npy"));
    mote(&["run", &file, "--input", &raw_in, "--raw", "--output", &raw_out]).success();
    mote(&["run", &file, "--input", &real_in, "--normalize", "none", "--output", &real_out]).success();
    let bytes = std::fs::read(&raw_out).unwrap();
    let output_scale = inspected["outputs"][0]["scale"].as_f64().unwrap() as f32;
    let words: Vec<f32> =
        bytes[bytes.len() - 20..].chunks(2).map(|c| f32::from(i16::from_le_bytes([c[0], c[1]]))).collect();
    let bytes = std::fs::read(&real_out).unwrap();
    let floats = bytes[bytes.len() - 40..].chunks(4).map(|c| f32::from_le_bytes([c[0], c[1], c[2], c[3]]));
    for (word, float) in words.iter().zip(floats) {
        assert!((word * output_scale - float).abs() < 1e-6 * float.abs().max(1.0), "{word} {float}");
    }

    let args = |name: &str| [convert_args(&file), vec!["--int16".into(), name.into()]].concat();
    mote(&args("*features.6*")).success();
    let inspected = json(&mote(&["inspect", &file, "--json"]).success());
    let ops: Vec<&str> =
        inspected["instructions"].as_array().unwrap().iter().map(|i| i["op"].as_str().unwrap()).collect();
    assert!(ops.contains(&"conv2d_i16") && ops.contains(&"conv2d") && ops.contains(&"widen_i8"), "{ops:?}");
    let refused = mote(&args("nothing")).code(2);
    assert!(stderr(&refused).contains("no node is called `nothing`"), "{}", stderr(&refused));
}
