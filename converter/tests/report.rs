//! Pages about model files: complete, self-contained, and safe whatever names are in a file.
//!
//! That a browser shows them without an error is tested by `report_page/`.

use assert_cmd::Command;
use std::path::{Path, PathBuf};
use std::process::Output;
use tempfile::TempDir;

fn recording(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings").join(format!("{name}.safetensors"))
}

fn mote(args: &[&str]) -> Output {
    Command::cargo_bin("mote").unwrap().args(args).output().unwrap()
}

fn convert(folder: &TempDir, net: &str, options: &[&str]) -> PathBuf {
    let file = folder.path().join(format!("{net}-{}.mote", options.len()));
    let (source, data) = (recording(net).with_extension("onnx"), recording(net));
    let paths = [source.to_str().unwrap(), "--calibrate", data.to_str().unwrap(), "-o", file.to_str().unwrap()];
    let output = mote(&[&["convert"][..], &paths, options].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    file
}

/// The page that `mote report` writes.
fn report(folder: &TempDir, files: &[&Path], options: &[&str]) -> String {
    let page = folder.path().join("page.html");
    let files: Vec<&str> = files.iter().map(|f| f.to_str().unwrap()).collect();
    let output = mote(&[&["report", "-o", page.to_str().unwrap()][..], &files, options].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::read_to_string(page).unwrap()
}

fn count(page: &str, what: &str) -> usize {
    page.matches(what).count()
}

/// What `mote bench FILE --json` prints, of a program with so many instructions.
fn bench(folder: &TempDir, model: &str, instructions: usize) -> PathBuf {
    let layer = |index| format!(r#"{{"index": {index}, "instructions": {}}}"#, 1000 * (index + 1));
    let layers: Vec<String> = (0..instructions).map(layer).collect();
    let path = folder.path().join(format!("{model}-{instructions}.json"));
    let text = format!(
        r#"{{"model": "{model}", "board": "qemu-mps2-an386", "instructions": 77000, "code_bytes": 28000,
        "per_instruction": [{}]}}"#,
        layers.join(", ")
    );
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_page_holds_everything_that_is_known_and_loads_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for net in ["mnist_cnn", "kws_dscnn", "mobilenetv2_like"] {
        let file = convert(&folder, net, &[]);
        let inspected = mote(&["inspect", file.to_str().unwrap(), "--json"]);
        let summary: serde_json::Value = serde_json::from_slice(&inspected.stdout).unwrap();
        let bench = bench(&folder, net, summary["instructions"].as_array().unwrap().len());
        let (reference, bench) = (recording(net), bench.to_str().unwrap());
        let page = report(&folder, &[&file], &["--reference", reference.to_str().unwrap(), "--bench", bench]);
        for heading in [
            "Layers",
            "RAM over time",
            "Flash by section",
            "Latency per layer, instructions",
            "Accuracy per layer",
            "Confusion matrix",
            "Receiver operating characteristic",
            "Sample predictions",
        ] {
            assert!(page.contains(&format!(">{heading}</h3>")) || heading.starts_with("Receiver"), "{net}: {heading}");
        }
        assert!(page.contains("77,000 instructions") && page.contains("code on qemu-mps2-an386"), "{net}");
        // Beside every chart is a table, and something for those who do not see it.
        let charts = count(&page, "role=\"img\" aria-label=\"");
        assert!(charts >= 6 && charts == count(&page, "<figure"), "{net}: {charts}");
        assert!(count(&page, "<table>") >= charts, "{net}");
        assert_eq!(count(&page, "<svg"), charts, "{net}");
        assert_eq!(count(&page, "<img alt=\"Input of"), 2, "{net}: the recording's samples");
        // The names of SVG's own language are no addresses to load from.
        let addresses = page.replace("http://www.w3.org/2000/svg", "");
        for forbidden in ["http:", "https:", "<script", "src=\"/", "url(h", "@import"] {
            assert!(!addresses.contains(forbidden), "{net}: {forbidden}");
        }
        assert!(page.len() < 2_000_000, "{net}: {} bytes", page.len());
    }
}

#[test]
fn names_in_a_file_stay_text() {
    let folder = tempfile::tempdir().unwrap();
    let labels = folder.path().join("labels.txt");
    let names: Vec<String> = (0..10).map(|i| format!("<img src=x onerror=alert({i})>&\"'")).collect();
    std::fs::write(&labels, names.join("\n")).unwrap();
    let options = ["--name", "</title><script>alert(1)</script>", "--labels-file", labels.to_str().unwrap()];
    let file = convert(&folder, "mnist_cnn", &options);
    let data = recording("mnist_cnn");
    let page = report(&folder, &[&file], &["--data", data.to_str().unwrap()]);
    assert!(page.contains("&lt;script&gt;") && page.contains("&lt;img src"), "the names are there, as text");
    assert!(!page.contains("<script") && !page.contains("<img src=x"), "and nowhere as markup");
}

#[test]
fn several_files_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let files =
        [convert(&folder, "mnist_cnn", &[]), convert(&folder, "mnist_cnn", &["--name", "palette", "--palette", "4"])];
    let data = recording("mnist_cnn");
    let page = report(&folder, &[&files[0], &files[1]], &["--data", data.to_str().unwrap(), "--title", "Two files"]);
    assert!(page.contains("<h1>Two files</h1>") && page.contains(">Comparison</h2>"));
    assert_eq!(count(&page, ">RAM over time</h3>"), 2);
    let mut ids: Vec<&str> = page.split("<section id=\"").skip(1).filter_map(|s| s.split('"').next()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "no name is given twice");
}

#[test]
fn histories_are_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let file = convert(&folder, "mnist_cnn", &[]);
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_string()
    };
    let training = write(
        "train.json",
        r#"{"steps": [
            {"name": "train", "macs": 100, "parameters": 50, "zeros": 0, "best_epoch": 1, "stopped_early": false, "history": [
                {"epoch": 1, "rate": 0.1, "train_loss": 2.0, "validation_loss": 1.5, "validation_accuracy": 0.5}]},
            {"name": "prune", "macs": 60, "parameters": 50, "zeros": 25, "best_epoch": 1, "stopped_early": false, "history": [
                {"epoch": 1, "rate": 0.1, "train_loss": 1.0, "validation_loss": 1.2, "validation_accuracy": 0.75}]}]}"#,
    );
    let quantization = folder.path().join("q.json");
    let (net, data) = (recording("mnist_cnn").with_extension("onnx"), recording("mnist_cnn"));
    let data = data.to_str().unwrap();
    let search = ["--auto", "--calibrate", data, "--evaluate", data, "--json"];
    let out = folder.path().join("auto.mote");
    let found = mote(&[&["quantize", net.to_str().unwrap(), "-o", out.to_str().unwrap()][..], &search].concat());
    std::fs::write(&quantization, &found.stdout).unwrap();
    let page = report(&folder, &[&file], &["--history", &training, "--history", quantization.to_str().unwrap()]);
    for heading in ["Compression", "Learning", "Ways to quantize"] {
        assert!(page.contains(&format!(">{heading}</h3>")), "{heading}");
    }
    assert!(page.contains("75.00 %") && page.contains("50.00 %") && page.contains(">chosen<"));
}

#[test]
fn what_cannot_be_used_is_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = convert(&folder, "mnist_cnn", &[]);
    let page = folder.path().join("none.html");
    let bad = folder.path().join("bad.json");
    std::fs::write(&bad, "{\"model\": 3}").unwrap();
    let base = ["report", file.to_str().unwrap(), "-o", page.to_str().unwrap()];
    let other = recording("kws_dscnn");
    let cases: [(&[&str], &str); 4] = [
        (&["--bench", bad.to_str().unwrap()], "cannot be read as the output of `mote bench FILE --json`"),
        (&["--history", bad.to_str().unwrap()], "cannot be read as the output of `mote train --json`"),
        (&["--reference", other.to_str().unwrap()], "takes inputs of shape"),
        (&["--reference", bad.to_str().unwrap()], "is no recording"),
    ];
    for (options, message) in cases {
        let output = mote(&[&base[..], options].concat());
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(message) && text.contains("hint:"), "expected `{message}` in: {text}");
        assert!(!page.exists());
    }
    let of_other = bench(&folder, "mnist_cnn", 3);
    let output = mote(&[&base[..], &["--bench", of_other.to_str().unwrap()]].concat());
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("measures none of these files"));
}
