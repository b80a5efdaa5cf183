//! Whole networks on this computer: those of the shared test data, and the one that ships.
//!
//! `mote` converts them first, so it must have been built: `cargo build --release -p mote`.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mote_runtime::{AlignedBytes, Engine, Model};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;

/// MLPerf Tiny, as TensorFlow Lite files under `$MOTE_DATA/tflite`, and their multiply-accumulates.
const NETWORKS: [(&str, u64); 5] = [
    ("kws_dscnn_int8", 2_656_768),
    ("vww_96_int8", 7_489_664),
    ("ic_resnet8_int8", 12_501_632),
    ("ad01_int8", 264_192),
    ("sww_int8", 826_368),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// `$MOTE_DATA`, else `shared/data` beside the repository.
fn data() -> PathBuf {
    std::env::var_os("MOTE_DATA").map_or_else(|| root().join("../shared/data"), PathBuf::from)
}

/// The converter beside this benchmark, or nothing, loudly.
fn mote() -> Option<PathBuf> {
    let here = std::env::current_exe().ok()?;
    // target/release/deps/models-0123
    let mote = here.parent()?.parent()?.join("mote");
    if mote.is_file() {
        return Some(mote);
    }
    eprintln!("SKIPPED: no {}: `cargo build --release -p mote` makes it", mote.display());
    None
}

/// Converts a network, or says why not.
fn converted(mote: &Path, network: &Path, name: &str, options: &[&str]) -> Option<AlignedBytes> {
    if !network.is_file() {
        eprintln!("SKIPPED: {name}: there is no {} (set MOTE_DATA)", network.display());
        return None;
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.mote"));
    let output = Command::new(mote).arg("convert").arg(network).args(options).arg("-o").arg(&file).output();
    let output = output.expect("mote can be started");
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    Some(AlignedBytes::copy_of(&std::fs::read(file).expect("mote wrote it")))
}

fn models(criterion: &mut Criterion) {
    let Some(mote) = mote() else { return };
    let mut group = criterion.benchmark_group("models");
    let mut time = |name: &str, macs: u64, file: Option<AlignedBytes>| {
        let Some(file) = file else { return };
        let model = Model::load(&file).expect("the model is valid");
        let mut arena = AlignedBytes::zeroed(model.arena_bytes() as usize);
        let mut engine = Engine::new(model, &mut arena).expect("the arena is as large as the model asks");
        let input: Vec<i8> = (0..engine.input_mut(0).len()).map(|i| (i * 37) as i8).collect();
        group.throughput(Throughput::Elements(macs));
        // Other values may lie where the input was, so each run writes it anew, as an application does.
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                engine.input_mut(0).copy_from_slice(black_box(&input));
                engine.run();
                black_box(engine.output(0));
            });
        });
    };
    let digits = root().join("models/digits-cnn/model.onnx");
    time("digits-cnn", 199_936, converted(&mote, &digits, "digits-cnn", &["--calibrate", "random"]));
    for (name, macs) in NETWORKS {
        let network = data().join("tflite").join(name).join("model.tflite");
        time(name, macs, converted(&mote, &network, name, &[]));
    }
    group.finish();
}

criterion_group!(whole, models);
criterion_main!(whole);
