//! Model files against recordings of the full-precision run: that agreement is seen, and that faults are found and mended.
//!
//! The recordings ship with the project; their README says what they hold and what made them.

use assert_cmd::Command;
use mote::data::{InputSpec, LoadOptions, load};
use mote::emit::{EmitOptions, emit};
use mote::import::{ImportOptions, import};
use mote::quantize::{CalibrateOptions, QuantizeOptions, Range, calibrate, moves, quantize};
use mote::{passes, plan, stored_samples};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Output;
use tempfile::TempDir;

const NETS: [&str; 3] = ["mnist_cnn", "kws_dscnn", "mobilenetv2_like"];

fn recording(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings").join(format!("{name}.safetensors"))
}

fn network(name: &str) -> PathBuf {
    recording(name).with_extension("onnx")
}

fn mote(args: &[&str]) -> Output {
    Command::cargo_bin("mote").unwrap().args(args).output().unwrap()
}

/// The file of a network, calibrated on its recording, with more options.
fn convert(folder: &TempDir, name: &str, options: &[&str]) -> PathBuf {
    let file = folder.path().join("net.mote");
    let (net, data) = (network(name), recording(name));
    let paths = [net.to_str().unwrap(), "--calibrate", data.to_str().unwrap(), "-o", file.to_str().unwrap()];
    let output = mote(&[&["convert"][..], &paths, options].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    file
}

fn validate(file: &Path, reference: &Path, options: &[&str]) -> (Option<i32>, Value) {
    let paths = [file.to_str().unwrap(), "--reference", reference.to_str().unwrap(), "--json"];
    let output = mote(&[&["validate"][..], &paths, options].concat());
    let json = serde_json::from_slice(&output.stdout);
    (output.status.code(), json.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr))))
}

fn layers(json: &Value) -> &[Value] {
    json["validation"]["layers"].as_array().unwrap()
}

/// Standard error of a call that must fail as an error.
fn refused(args: &[&str]) -> String {
    let output = mote(args);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert_eq!(text.matches("error:").count(), 1, "{text}");
    assert!(text.contains("hint:"), "{text}");
    text
}

#[test]
fn float32_is_the_recording_at_every_layer_and_int8_is_near_it() {
    for name in NETS {
        let folder = tempfile::tempdir().unwrap();
        let (code, json) = validate(&convert(&folder, name, &[]), &recording(name), &["--floor-db", "25"]);
        assert_eq!(code, Some(0), "{name}: {json:#}");
        let found: Vec<&Value> = layers(&json).iter().filter(|l| !l["layer"].is_null()).collect();
        // Sums of two branches are no modules, and KWS has depthwise layers that were left out to keep the file small.
        let without = layers(&json).iter().filter(|l| l["layer"].is_null()).count();
        assert!(without <= 4 && found.len() >= 7, "{name}: {} layers found, {without} not", found.len());
        for layer in &found {
            let apart = layer["float_difference"].as_f64().unwrap();
            assert!(apart <= 1e-4, "{name}, {}: {apart}", layer["node"]);
            assert_eq!(layer["how"], "name", "{name}, {}", layer["node"]);
        }
        assert_eq!(json["validation"]["whole"]["top1_agreement"], 1.0, "{name}");
        assert_eq!(json["advice"], Value::Null, "{name}");
    }
}

/// A file in which the values of `node` are stored as if they were `factor` times as large as they are.
fn with_wrong_scale(folder: &TempDir, name: &str, node: &str, factor: f32) -> PathBuf {
    let source = std::fs::read(network(name)).unwrap();
    let mut graph = import(&source, &ImportOptions::default()).unwrap().network.into_float();
    passes::run_default(&mut graph).unwrap();
    let data = load(&recording(name), &InputSpec::of_graph(&graph), &LoadOptions::default()).unwrap();
    let samples = stored_samples(&graph, &data).unwrap();
    let mut ranges = calibrate(&graph, &samples, &CalibrateOptions::default(), &mut |_| {}).unwrap();
    let mut values = vec![graph.nodes.iter().find(|n| n.name == node).unwrap().output];
    // Nodes that only move elements share the scale.
    for node in &graph.nodes {
        if moves(&node.op) && values.contains(&node.inputs[0]) {
            values.push(node.output);
        }
    }
    for value in values {
        let Range { min, max } = ranges.ranges[value.0].unwrap();
        ranges.ranges[value.0] = Some(Range { min: min * factor, max: max * factor });
    }
    let quant = quantize(&graph, &ranges, &QuantizeOptions::default()).unwrap();
    let options = EmitOptions::default();
    let file = folder.path().join("faulty.mote");
    std::fs::write(&file, emit(&plan::plan(quant).unwrap(), &options).unwrap().bytes).unwrap();
    file
}

#[test]
fn a_layer_with_a_wrong_scale_is_named_first_and_the_proposed_fix_mends_it() {
    let faults = [
        ("mnist_cnn", "/0/Conv", 1.0 / 16.0),
        ("mnist_cnn", "/6/Conv", 100.0),
        ("mnist_cnn", "/9/Gemm", 1.0 / 16.0),
        ("kws_dscnn", "/conv/Conv", 1.0 / 16.0),
        ("kws_dscnn", "/block3/depthwise/Conv", 100.0),
        ("mobilenetv2_like", "/4/n/n.6/Conv", 1.0 / 16.0),
        ("mobilenetv2_like", "/5/Add", 1.0 / 16.0),
    ];
    for (name, node, factor) in faults {
        let folder = tempfile::tempdir().unwrap();
        let file = with_wrong_scale(&folder, name, node, factor);
        let (code, json) = validate(&file, &recording(name), &["--min-agreement", "100"]);
        assert_eq!(code, Some(1), "{name}, {node}: {json:#}");
        assert_eq!(json["first_below_floor"], node, "{name}");
        let layer = layers(&json).iter().find(|l| l["node"] == node).unwrap();
        assert!(layer["own_share"].as_f64().is_none_or(|own| own > 0.9), "{name}, {node}: {layer:#}");
        assert_eq!(layer["saturated"].as_f64().unwrap() > 0.01, factor < 1.0, "{name}, {node}: {layer:#}");

        let fix = &json["advice"]["fix"];
        assert_eq!((&fix["technique"], &fix["restores"]), (&"ranges".into(), &true.into()), "{name}, {node}: {fix:#}");
        let options: Vec<&str> = fix["options"].as_array().unwrap().iter().map(|o| o.as_str().unwrap()).collect();
        let (code, json) = validate(&convert(&folder, name, &options), &recording(name), &["--min-agreement", "100"]);
        assert_eq!(code, Some(0), "{name}, {node}, {options:?}: {json:#}");
    }
}

#[test]
fn a_recording_of_other_weights_is_told_from_the_network() {
    let folder = tempfile::tempdir().unwrap();
    let file = convert(&folder, "mnist_cnn", &[]);
    // The same recording with a bias added to what the second convolution gave: every later layer keeps its numbers.
    let mut bytes = std::fs::read(recording("mnist_cnn")).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let tensors: Value = serde_json::from_slice(&bytes[8..8 + header]).unwrap();
    for tensor in ["layer/3", "layer/4", "output/output"] {
        let offsets = &tensors[tensor]["data_offsets"];
        let at = |i: usize| 8 + header + offsets[i].as_u64().unwrap() as usize;
        for element in bytes[at(0)..at(1)].chunks_exact_mut(4) {
            let value = f32::from_le_bytes(element.try_into().unwrap()) * 1.5 + 0.5;
            element.copy_from_slice(&value.to_le_bytes());
        }
    }
    let other = folder.path().join("other.safetensors");
    std::fs::write(&other, bytes).unwrap();
    let net = network("mnist_cnn");
    let (code, json) = validate(&file, &other, &["--float", net.to_str().unwrap(), "--floor-db", "-100"]);
    assert_eq!(code, Some(1));
    let failed: Vec<&Value> = json["checks"].as_array().unwrap().iter().filter(|c| c["held"] == false).collect();
    assert!(failed.len() == 1 && failed[0]["what"].as_str().unwrap().contains("`/3/Conv`"), "{failed:#?}");
}

#[test]
fn half_precision_recordings_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let (file, net) = (convert(&folder, "mnist_cnn", &[]), network("mnist_cnn"));
    for (name, least_db) in [("mnist_cnn_bf16", 40.0), ("mnist_cnn_f16", 55.0)] {
        let (code, json) = validate(&file, &recording(name), &["--float", net.to_str().unwrap()]);
        assert_eq!(code, Some(0), "{name}: {json:#}");
        let db = json["validation"]["whole"]["float_output"]["sqnr_db"].as_f64().unwrap();
        // As much as the type's rounding leaves, and no more: it was not recorded in float32.
        assert!(db > least_db && db < least_db + 25.0, "{name}: {db}");
        assert!(layers(&json).iter().filter(|l| !l["layer"].is_null()).count() >= 5, "{name}");
    }
}

#[test]
fn a_float_network_is_a_reference_too() {
    let folder = tempfile::tempdir().unwrap();
    let (file, data) = (convert(&folder, "kws_dscnn", &[]), recording("kws_dscnn"));
    let net = network("kws_dscnn");
    let (code, json) = validate(&file, &net, &["--data", data.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{json:#}");
    assert_eq!(json["reference"]["kind"], "network");
    assert_eq!(layers(&json).len(), 12);
    let (file, net) = (file.to_str().unwrap(), net.to_str().unwrap());
    assert!(refused(&["validate", file, "--reference", net]).contains("--data"));
}

#[test]
fn layers_can_be_mapped_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let (file, reference) = (convert(&folder, "mnist_cnn", &[]), recording("mnist_cnn"));
    let (_, json) = validate(&file, &reference, &["--map", "/0/Conv=0", "--map", "/3/Conv="]);
    let of = |node: &str| layers(&json).iter().find(|l| l["node"] == node).unwrap().clone();
    assert_eq!((&of("/0/Conv")["layer"], &of("/0/Conv")["how"]), (&"0".into(), &"given".into()));
    assert_eq!(of("/3/Conv")["layer"], Value::Null, "compared with the float network");
    assert_eq!(of("/6/Conv")["how"], "name");
    let arguments =
        |map| ["validate", file.to_str().unwrap(), "--reference", reference.to_str().unwrap(), "--map", map];
    assert!(refused(&arguments("/0/Conv=99")).contains("no layer `99`"));
    assert!(refused(&arguments("nothing=0")).contains("no node `nothing`"));
    assert!(refused(&arguments("/3/Conv=0")).contains("7744 elements, recorded layer `0` 21632"));
}

#[test]
fn unusable_recordings_are_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let file = convert(&folder, "mnist_cnn", &[]);
    let (file, net) = (file.to_str().unwrap(), network("mnist_cnn"));
    let whole = std::fs::read(recording("mnist_cnn")).unwrap();
    let header = u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let text = String::from_utf8(whole[8..8 + header].to_vec()).unwrap();
    let with_header = |text: &str| [&(text.len() as u64).to_le_bytes(), text.as_bytes(), &whole[8 + header..]].concat();
    let mut nan = whole.clone();
    let end = nan.len();
    nan[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    let cases = [
        (Vec::new(), "not a whole safetensors file"),
        (whole[..whole.len() - 5].to_vec(), "not a whole safetensors file"),
        (b"\x89PNG\r\n\x1a\nnothing of the kind".to_vec(), "not a whole safetensors file"),
        (nan, "holds NaN in sample"),
        (with_header(&text.replacen("\"layer/5\":", "\"other/5\":", 1)), "`layer/5`, which no file holds"),
        (with_header(&text.replacen("[2,64,5,5]", "[2,64,25,1]", 1)), "the manifest says"),
        (with_header(&text.replacen("mote_recording", "mote_regarding", 1)), "no entry `mote_recording`"),
    ];
    for (bytes, message) in cases {
        let path = folder.path().join("bad.safetensors");
        std::fs::write(&path, bytes).unwrap();
        let error =
            refused(&["validate", file, "--reference", path.to_str().unwrap(), "--float", net.to_str().unwrap()]);
        assert!(error.contains(message), "expected `{message}` in: {error}");
    }
    let other = recording("kws_dscnn");
    let other = ["validate", file, "--reference", other.to_str().unwrap()];
    assert!(refused(&other).contains("takes inputs of shape"));
    let error = refused(&[&other[..], &["--float", net.to_str().unwrap()]].concat());
    assert!(error.contains("input `input` of the network has shape [1, 1, 28, 28]"), "{error}");
    let missing = folder.path().join("missing.safetensors");
    assert!(refused(&["validate", file, "--reference", missing.to_str().unwrap()]).contains("cannot read"));
    let stripped = convert(&folder, "mnist_cnn", &["--strip"]);
    let reference = recording("mnist_cnn");
    let stripped = ["validate", stripped.to_str().unwrap(), "--reference", reference.to_str().unwrap()];
    assert!(refused(&stripped).contains("convert without --strip"));
}
