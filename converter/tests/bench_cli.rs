//! `mote bench` as a user sees it.

mod support;

use assert_cmd::Command;
use std::path::{Path, PathBuf};
use support::has_qemu;

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
    for (name, code_bytes, load_instructions) in [("kws_dscnn_int8", 28_000, 50_000), ("ad01_int8", 14_000, 150_000)] {
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
fn a_real_board_is_refused_before_anything_is_built() {
    let folder = tempfile::tempdir().unwrap();
    let assert = mote().arg("bench").arg(digits(folder.path())).args(["--target", "pico"]).assert().code(2);
    let text = text_of(&assert.get_output().stderr);
    assert!(text.contains("board `pico` is not emulated") && text.contains("--port"), "{text}");
}

#[test]
fn riscv_counts_single_instructions() {
    if !support::has_emulator("qemu-system-riscv32") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = digits(folder.path());
    let run = || -> serde_json::Value {
        let output = mote().arg("bench").arg(&file).args(["--target", "rv32", "--json"]).assert().success();
        serde_json::from_slice(&output.get_output().stdout).unwrap()
    };
    let report = run();
    assert_eq!((&report["board"], &report["resolution"]), (&"qemu-riscv32-virt".into(), &1.into()));
    assert!(report["instructions"].as_u64().unwrap() > report["macs"].as_u64().unwrap());
    assert!(report["stack"]["run_bytes"].as_u64().unwrap() > 0);
    assert_eq!(run(), report);
}

#[test]
fn firmware_sources_that_are_not_there_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let assert = mote().arg("bench").arg(digits(folder.path())).env("MOTE_FIRMWARE", folder.path()).assert().code(2);
    let text = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert!(text.contains("MOTE_FIRMWARE") && text.contains("hint: "), "{text}");
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn several_models_and_boards_give_one_table_that_is_saved_and_compared() {
    if !has_qemu() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = digits(folder.path());
    let again = folder.path().join("again.mote");
    std::fs::copy(&file, &again).unwrap();
    let saved = folder.path().join("figures");
    let bench = || {
        let mut mote = mote();
        mote.arg("bench").arg(&file).arg(&again).args(["--target", "m0plus", "--target", "m4"]);
        mote
    };
    let assert = bench().arg("--json").arg("--save").arg(&saved).assert().success();
    let figures: serde_json::Value = serde_json::from_slice(&assert.get_output().stdout).unwrap();
    assert_eq!(figures["schema"], 1);
    let costs = figures["costs"].as_array().unwrap();
    let key =
        |cost: &serde_json::Value| format!("{} {}", cost["model"].as_str().unwrap(), cost["core"].as_str().unwrap());
    assert_eq!(costs.iter().map(key).collect::<Vec<_>>(), ["digits m0plus", "digits m4", "again m0plus", "again m4"]);
    for cost in costs {
        let of = |name: &str| cost[name].as_u64().unwrap();
        let ratio = of("instructions") as f64 / of("macs") as f64;
        assert!((cost["instructions_per_mac"].as_f64().unwrap() - ratio).abs() < 0.001);
        assert!(of("arena_bytes") > 0 && of("code_bytes") > 10_000 && of("load_instructions") > 1_000);
        assert_eq!(of("model_bytes"), std::fs::metadata(&file).unwrap().len());
    }
    assert_eq!(costs[1]["instructions"], costs[3]["instructions"]);

    let read = |extension: &str| std::fs::read_to_string(saved.with_extension(extension)).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&read("json")).unwrap(), figures);
    assert!(read("md").contains("](figures.svg)") && read("md").contains("| digits | Mote |"));
    assert!(read("svg").starts_with("<svg ") && read("svg").contains("again m0plus"));

    let assert = bench().arg("--against").arg(saved.with_extension("json")).assert().success();
    let table = text_of(&assert.get_output().stdout);
    assert_eq!(table.matches("x1.00").count(), 4, "{table}");
}

#[test]
fn a_network_is_converted_on_the_fly() {
    if !has_qemu() {
        return;
    }
    let network = root().join("models/digits-cnn/model.onnx");
    let assert = mote().arg("bench").arg(network).assert().success();
    let (table, notes) = (text_of(&assert.get_output().stdout), text_of(&assert.get_output().stderr));
    assert!(table.contains("fully_connected") && table.contains("digits-cnn"), "{table}");
    assert!(notes.contains("calibrated on noise"), "{notes}");
}

#[test]
fn what_a_table_cannot_do_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = digits(folder.path());
    let refused = |arguments: &[&str]| {
        let assert = mote().arg("bench").arg(&file).args(arguments).assert().code(2);
        text_of(&assert.get_output().stderr)
    };
    let same = refused(&[file.to_str().unwrap(), "--target", "m4"]);
    assert!(same.contains("two models are called `digits`"), "{same}");
    let inputs = refused(&["--target", "m4", "--target", "m7", "--inputs", "x.npy"]);
    assert!(inputs.contains("one model on one board"), "{inputs}");
    let rival = folder.path().join("rival.json");
    std::fs::write(&rival, "{}").unwrap();
    let rival = refused(&["--against", rival.to_str().unwrap()]);
    assert!(rival.contains("rival.json: not a file of figures"), "{rival}");
    let core = refused(&["--target", "m7", "--cycles", file.to_str().unwrap()]);
    assert!(core.contains("Cortex-M4 only") && core.contains("hint: "), "{core}");
    let missing = refused(&["--cycles", "no-such-plugin.so"]);
    assert!(missing.contains("no plugin `no-such-plugin.so`") && missing.contains("hint: "), "{missing}");
}

/// With the tools that `benches/cycles/setup.sh` makes.
#[test]
fn cycles_grow_with_wait_states_and_a_plugin_that_is_none_is_named() {
    let tools = root().join("benches/cycles/tools");
    let (plugin, qemu) = (tools.join("cyclesim.so"), tools.join("qemu/usr/bin/qemu-system-arm"));
    if !plugin.is_file() || !qemu.is_file() {
        eprintln!("SKIPPED: no {}: benches/cycles/setup.sh makes it", tools.display());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = digits(folder.path());
    let bench = |options: &[&str]| -> serde_json::Value {
        let mut mote = mote();
        mote.arg("bench").arg(&file).arg("--json").args(options).arg("--cycles").arg(&plugin);
        let assert = mote.env("MOTE_QEMU", &qemu).assert().success();
        serde_json::from_slice(&assert.get_output().stdout).unwrap()
    };
    let (without, with) = (bench(&["--flash-wait-states", "0"]), bench(&[]));
    let total = |report: &serde_json::Value| report["cycles"]["total"].as_u64().unwrap();
    assert!(without["instructions"].as_u64().unwrap() < total(&without), "{without}");
    assert!(total(&without) < total(&with), "{without} {with}");
    let layers = with["cycles"]["per_instruction"].as_array().unwrap();
    assert_eq!(layers.len(), with["per_instruction"].as_array().unwrap().len());
    let parts: u64 = layers.iter().map(|cycles| cycles.as_u64().unwrap()).sum();
    assert!(parts < total(&with), "{with}");

    // In a table, the cores that the flash model does not cover have none. Another sample takes almost the same.
    let table = bench(&["--target", "m4", "--target", "m7"]);
    let cycles = |index: usize| table["costs"][index]["cycles"].as_u64();
    assert!(cycles(0).unwrap().abs_diff(total(&with)) < total(&with) / 50 && cycles(1).is_none(), "{table}");

    let no_plugin = mote().arg("bench").arg(&file).arg("--cycles").arg(&file).assert().code(2);
    let text = text_of(&no_plugin.get_output().stderr);
    assert!(text.contains("no cycles from the plugin") && text.contains("QEMU 9.1"), "{text}");
}
