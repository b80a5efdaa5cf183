//! `mote convert --emit rust`: the crate computes the bytes of the model file, on the host, and builds for a device with
//! nothing in it but what it needs.

mod support;

use assert_cmd::Command;
use mote::bench::host_outputs;
use mote_runtime::{AlignedBytes, Model};
use object::{Object, ObjectSection, SectionFlags, elf};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

const DEVICE: &str = "thumbv7em-none-eabihf";

/// Reads samples from a file, writes all outputs to another.
const HOST: &str = r#"
fn main() {
    let [input, output] = [1, 2].map(|i| std::env::args().nth(i).unwrap());
    let mut arena = Box::new(net::Arena::new());
    let mut engine = net::Engine::new(arena.as_mut_slice()).unwrap();
    let bytes = std::fs::read(input).unwrap();
    let mut results = Vec::new();
    for sample in bytes.chunks(engine.input_mut(0).len()) {
        engine.input_mut(0).iter_mut().zip(sample).for_each(|(to, &from)| *to = from as i8);
        engine.run();
        results.extend(engine.output(0).iter().map(|&q| q as u8));
    }
    std::fs::write(output, results).unwrap();
}
"#;

/// The least program around a network.
const DEVICE_MAIN: &str = r#"
#![no_std]
#![no_main]

static mut ARENA: net::Arena = net::Arena::new();

#[unsafe(no_mangle)]
pub extern "C" fn _start() -> ! {
    // SAFETY: nothing else uses the arena.
    let arena = unsafe { &mut *(&raw mut ARENA) };
    if let Ok(mut engine) = net::Engine::new(arena.as_mut_slice()) {
        loop {
            engine.input_mut(0).fill(1);
            engine.run();
            core::hint::black_box(engine.output(0));
        }
    }
    loop {}
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    unsafe extern "C" {
        safe fn a_panic_was_linked() -> !;
    }
    a_panic_was_linked()
}
"#;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn mote(arguments: &[&str]) {
    Command::cargo_bin("mote").unwrap().args(arguments).assert().success();
}

/// A workspace of the emitted crate and a program around it.
fn workspace(folder: &Path, program: &str) {
    let harness = folder.join("harness");
    fs::create_dir_all(harness.join("src")).unwrap();
    fs::write(
        folder.join("Cargo.toml"),
        "[workspace]\nmembers = [\"net\", \"harness\"]\nresolver = \"3\"\n\n\
         [profile.release]\nopt-level = \"s\"\nlto = \"fat\"\ncodegen-units = 1\npanic = \"abort\"\n",
    )
    .unwrap();
    // The firmware's lock file names all that is needed, so that nothing has to be looked up.
    fs::copy(root().join("firmware/Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    fs::write(
        harness.join("Cargo.toml"),
        "[package]\nname = \"harness\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\nnet = { path = \"../net\" }\n",
    )
    .unwrap();
    fs::write(harness.join("src/main.rs"), program).unwrap();
}

fn cargo(folder: &Path, arguments: &[&str]) {
    let mut command = std::process::Command::new(env!("CARGO"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    for variable in
        ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_TARGET", "CARGO_TARGET_DIR"]
    {
        command.env_remove(variable);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn has_device_target() -> bool {
    let output = std::process::Command::new("rustc").args(["--print", "target-libdir", "--target", DEVICE]).output();
    let folder = output.ok().and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    let found = Path::new(folder.trim()).is_dir();
    if !found {
        eprintln!("SKIPPED: Rust has no library for {DEVICE}: `rustup target add {DEVICE}`, or run ./setup.sh");
    }
    found
}

/// Bytes of a program that a device stores, without the network's weights.
fn code_bytes(program: &Path, weights: usize) -> u64 {
    let bytes = fs::read(program).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let stored = file.sections().filter(|section| {
        let SectionFlags::Elf { sh_flags, .. } = section.flags() else { return false };
        sh_flags.0 & elf::SHF_ALLOC.0 != 0 && section.file_range().is_some()
    });
    stored.map(|section| section.size()).sum::<u64>() - weights as u64
}

/// Compares the crate with the model file on noisy inputs, then builds it for a device; less than `limit` bytes. The folder
/// stays, so that dependencies are built once.
fn check(name: &str, options: &[&str], limit: u64) {
    let folder = &Path::new(env!("CARGO_TARGET_TMPDIR")).join("rust_crate").join(name);
    fs::create_dir_all(folder).unwrap();
    let file = folder.join("net.mote");
    mote(&[options, &["-o", file.to_str().unwrap()]].concat());
    mote(&[options, &["--emit", "rust", "-o", folder.join("net").to_str().unwrap()]].concat());
    workspace(folder, HOST);

    let blob = fs::read(&file).unwrap();
    let aligned = AlignedBytes::copy_of(&blob);
    let model = Model::load(&aligned).unwrap();
    let input_bytes = model.inputs()[0].bytes().unwrap() as usize;
    let noise = |sample: usize| (0..input_bytes).map(|i| (((i + 31 * sample) * 2_654_435_761) >> 13) as u8).collect();
    let samples: Vec<Vec<u8>> = (0..5).map(noise).collect();
    let expected = host_outputs(&blob, &samples).unwrap();
    let [input, output] = ["input", "output"].map(|name| folder.join(name));
    fs::write(&input, samples.concat()).unwrap();
    cargo(folder, &["run", "--release", "--quiet", "--", input.to_str().unwrap(), output.to_str().unwrap()]);
    assert_eq!(fs::read(&output).unwrap(), expected.concat().concat(), "other bytes than the model file gives");

    if has_device_target() {
        workspace(folder, DEVICE_MAIN);
        cargo(folder, &["build", "--release", "--target", DEVICE]);
        let program = folder.join("target").join(DEVICE).join("release/harness");
        let bytes = code_bytes(&program, model.weights().len());
        eprintln!("{bytes} bytes of code and constants without the weights");
        assert!(bytes < limit, "{bytes} bytes of code, expected less than {limit}");
    }
}

#[test]
fn convolutional_network_gives_the_same_bytes() {
    let source = root().join("models/digits-cnn");
    let [model, data] = ["model.onnx", "train.csv"].map(|name| source.join(name));
    let model = model.to_str().unwrap();
    check(
        "digits",
        &["convert", model, "--calibrate", data.to_str().unwrap(), "--limit", "64", "--no-cross-check"],
        12_000,
    );
}

#[test]
fn fully_connected_network_gives_the_same_bytes() {
    let Some(data) = support::data_root() else { return };
    let model = data.join("tflite/ad01_int8/model.tflite");
    check("ad", &["convert", model.to_str().unwrap()], 6_000);
}
