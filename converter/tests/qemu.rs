//! The device computes what the host computes: same bytes, same arena, on every emulated board.
//!
//! Needs QEMU, Rust's libraries for the boards, and the shared test data (`MOTE_DATA`, or `shared/data` beside the
//! source tree). What is missing is skipped and said; `MOTE_REQUIRE_QEMU=1` makes missing tools an error, and
//! `MOTE_REQUIRE_DATA=1` missing data.

#[path = "qemu/goldens.rs"]
mod goldens;
#[path = "qemu/packed.rs"]
mod packed;
#[path = "support/prune.rs"]
mod prune;
#[path = "qemu/sparse.rs"]
mod sparse;
mod support;
#[path = "qemu/variants.rs"]
mod variants;
#[path = "qemu/winograd.rs"]
mod winograd;

use mote::bench::{self, BenchError, Board, DeviceReport};
use mote::data::{self, Dataset, InputSpec, LoadOptions};
use mote::{BuildOptions, build};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;
use support::data_root;

const SAMPLES: usize = 16;

/// One network and data for it.
#[derive(Clone, Debug)]
struct Net {
    name: String,
    model: PathBuf,
    data: PathBuf,
    dequantize: Option<(f32, i32)>,
}

struct Converted {
    name: String,
    blob: Vec<u8>,
    samples: Vec<Vec<u8>>,
    expected: bench::Outputs,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Says what cannot be tested; stops where all is asked for.
fn skip(what: &str) {
    let required = std::env::var_os("MOTE_REQUIRE_QEMU").is_some_and(|value| value == "1");
    assert!(!required, "MOTE_REQUIRE_QEMU=1, but {what}");
    eprintln!("SKIPPED: {what}");
}

/// Emulated boards with these names, or all; their images are built.
fn boards(names: Option<&[&str]>) -> Vec<Board> {
    let boards = Board::all(&root().join("firmware")).unwrap();
    let wanted = |board: &Board| board.qemu.is_some() && names.is_none_or(|names| names.contains(&board.name.as_str()));
    let emulated: Vec<_> = boards.into_iter().filter(wanted).collect();
    assert!(names.is_none_or(|names| names.len() == emulated.len()), "not all of {names:?} are there");
    for board in &emulated {
        match bench::build_image(board) {
            Ok(_) => {}
            Err(error @ BenchError::MissingTarget { .. }) => {
                skip(&format!("{error}: {}", error.hint().unwrap_or_default()));
                return Vec::new();
            }
            Err(error) => panic!("{error}"),
        }
    }
    // One that is missing takes its boards with it, and no others.
    let mut emulated = emulated;
    emulated.retain(|board| {
        let program = board.emulated().unwrap().command();
        let found = std::process::Command::new(&program).arg("--version").output().is_ok();
        if !found {
            skip(&format!("{}: there is no {}; run ./setup.sh", board.name, program.display()));
        }
        found
    });
    emulated
}

/// Networks that the project ships.
fn shipped() -> Vec<Net> {
    let folder = root().join("models/digits-cnn");
    let net = Net {
        name: "digits-cnn".into(),
        model: folder.join("model.onnx"),
        data: folder.join("test.csv"),
        dequantize: None,
    };
    vec![net]
}

/// Networks of the shared test data: every `model*.onnx` in their folders.
fn shared() -> Vec<Net> {
    let Some(data) = data_root() else { return Vec::new() };
    let plain = [
        "mnist_cnn_32_64",
        "mnist_cnn_32_64_64",
        "mlp_1000_512_256_128_10",
        "mobilenetv2_like",
        "squeezenet_like",
        "inception_like",
    ];
    let quantized_inputs = ["kws_dscnn", "vww_96", "ic_resnet8", "ad01"];
    let mut nets = Vec::new();
    for name in plain {
        let folder = data.join("onnx").join(name);
        nets.extend(models(&folder, name, &folder.join("inputs.npy"), None));
    }
    for name in quantized_inputs {
        let folder = data.join("onnx_mlperf").join(format!("{name}_fp32"));
        let inputs = data.join("tflite").join(format!("{name}_int8/inputs.npy"));
        nets.extend(models(&folder, name, &inputs, Some(input_quantization(&folder))));
    }
    nets
}

fn models(folder: &Path, name: &str, inputs: &Path, dequantize: Option<(f32, i32)>) -> Vec<Net> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "onnx"));
    files.sort();
    let net = |model: PathBuf| {
        let variant = model.file_stem().unwrap().to_string_lossy().into_owned();
        Net { name: format!("{name}/{variant}"), model, data: inputs.to_owned(), dequantize }
    };
    files.into_iter().map(net).collect()
}

/// How the manifest says that the stored int8 inputs become the network's.
fn input_quantization(folder: &Path) -> (f32, i32) {
    let text = std::fs::read_to_string(folder.join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    let input = &manifest["inputs"][0];
    (input["scale"].as_f64().unwrap() as f32, input["zero_point"].as_i64().unwrap() as i32)
}

/// Converts a network and runs `SAMPLES` inputs on the host: given ones first, then noise in every byte.
fn convert(net: &Net) -> Result<Converted, String> {
    let source = std::fs::read(&net.model).map_err(|error| format!("{}: {error}", net.model.display()))?;
    let load = LoadOptions { dequantize: net.dequantize, limit: Some(SAMPLES), ..LoadOptions::default() };
    let mut loaded = Dataset::default();
    let mut calibration = |graph: &mote::ir::Graph| {
        loaded = data::load(&net.data, &InputSpec::of_graph(graph), &load)?;
        Ok(loaded.clone())
    };
    let options = BuildOptions { cross_check: false, ..BuildOptions::default() };
    let built = build(&source, &options, &mut calibration, &mut |_| {}).map_err(|error| error.to_string())?;
    let blob = built.emitted.bytes;
    let mut samples = bench::stored_samples(&blob, &loaded.samples).map_err(|error| error.to_string())?;
    let bytes = samples.first().map_or(0, Vec::len);
    let mut noise = Noise(0x9e37_79b9);
    while samples.len() < SAMPLES {
        samples.push((0..bytes).map(|_| noise.byte()).collect());
    }
    let expected = bench::host_outputs(&blob, &samples).map_err(|error| error.to_string())?;
    Ok(Converted { name: net.name.clone(), blob, samples, expected })
}

/// xorshift32: the same noise every time.
struct Noise(u32);

impl Noise {
    fn byte(&mut self) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        (self.0 >> 24) as u8
    }
}

fn verdict(net: &Converted, board: &Board) -> Result<(), String> {
    let DeviceReport { outputs, arena_high_water_bytes, planned_arena_bytes, self_tests, .. } =
        bench::run_inputs(board, &net.blob, &net.samples).map_err(|error| error.to_string())?;
    if let Some((sample, output)) = bench::first_difference(&outputs, &net.expected) {
        return Err(format!("sample {sample}, output {output}: other bytes than on the host"));
    }
    if outputs.len() != SAMPLES || outputs.iter().any(|o| o.iter().any(Vec::is_empty)) {
        return Err(format!("{} samples came back, or empty ones", outputs.len()));
    }
    if arena_high_water_bytes != Some(planned_arena_bytes) {
        return Err(format!("wrote {arena_high_water_bytes:?} bytes of arena, planned {planned_arena_bytes}"));
    }
    if self_tests.unwrap_or(0) == 0 {
        return Err("ran no self-test vector".into());
    }
    Ok(())
}

/// Every network on every board, as many at a time as there are processors.
fn expect_equal(nets: &[Net]) {
    let boards = boards(None);
    if boards.is_empty() || nets.is_empty() {
        return;
    }
    let failures = Mutex::new(Vec::new());
    let converted = Mutex::new(Vec::new());
    in_parallel(nets, |net| match convert(net) {
        Ok(net) => converted.lock().unwrap().push(net),
        Err(error) => failures.lock().unwrap().push(format!("{}: {error}", net.name)),
    });
    let converted = converted.into_inner().unwrap();
    let pairs: Vec<_> = converted.iter().flat_map(|net| boards.iter().map(move |board| (net, board))).collect();
    in_parallel(&pairs, |(net, board)| {
        let started = Instant::now();
        let result = verdict(net, board);
        let word = if result.is_ok() { "equal" } else { "FAILED" };
        eprintln!("{} on {}: {word}, {:.1} s", net.name, board.name, started.elapsed().as_secs_f32());
        if let Err(error) = result {
            failures.lock().unwrap().push(format!("{} on {}: {error}", net.name, board.name));
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

fn in_parallel<T: Sync>(items: &[T], work: impl Fn(&T) + Sync) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    work(item);
                }
            });
        }
    });
}

#[test]
fn shipped_network_gives_the_same_bytes_on_every_board() {
    expect_equal(&shipped());
}

#[test]
fn shared_networks_give_the_same_bytes_on_every_board() {
    // To look at one network: part of its name.
    let wanted = std::env::var("MOTE_QEMU_ONLY").unwrap_or_default();
    let nets: Vec<_> = shared().into_iter().filter(|net| net.name.contains(&wanted)).collect();
    expect_equal(&nets);
}
