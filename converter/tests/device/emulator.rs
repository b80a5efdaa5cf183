//! A folder with keys and models, and an emulated board whose firmware trusts one of the keys.

use crate::support::has_emulator;
use assert_cmd::Command;
use assert_cmd::assert::Assert;
use serde_json::Value;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

/// A board, and how it is started.
struct Machine {
    board: &'static str,
    target: &'static str,
    qemu: &'static str,
    options: &'static [&'static str],
}

const CORTEX_M4: Machine = Machine {
    board: "qemu-mps2-an386",
    target: "thumbv7em-none-eabihf",
    qemu: "qemu-system-arm",
    options: &["-M", "mps2-an386", "-semihosting"],
};

const RISCV32: Machine = Machine {
    board: "qemu-riscv32-virt",
    target: "riscv32imac-unknown-none-elf",
    qemu: "qemu-system-riscv32",
    options: &["-M", "virt", "-bios", "none"],
};

fn firmware() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../firmware")
}

/// The folder with the keys `release` and `other`, and the image that trusts `release`. One for all tests, as building takes long.
struct Built {
    keys: tempfile::TempDir,
    image: PathBuf,
}

fn built() -> Option<&'static Built> {
    static BUILT: OnceLock<Option<Built>> = OnceLock::new();
    let make = || {
        let keys = tempfile::tempdir().unwrap();
        for name in ["release", "other"] {
            mote(keys.path(), &["keygen", name]).success();
        }
        let image = build(&CORTEX_M4, keys.path(), "image", None);
        Built { keys, image }
    };
    BUILT.get_or_init(|| has_emulator(CORTEX_M4.qemu).then(make)).as_ref()
}

/// Builds the firmware with all kernels, or with these, and keeps the image under `name` beside the keys.
fn build(machine: &Machine, keys: &Path, name: &str, kernels: Option<&str>) -> PathBuf {
    let Machine { board, target: triple, .. } = machine;
    // One at a time, and in a folder of its own: other tests build the board without keys.
    static BUILDING: Mutex<()> = Mutex::new(());
    let _building = BUILDING.lock().unwrap();
    let target = firmware().join("target/service");
    let mut cargo = std::process::Command::new("cargo");
    cargo.args(["build", "--release", "--locked", "--quiet", "--features", "service", "--target-dir"]).arg(&target);
    cargo.args(["--bin", &format!("mote-{board}-service")]).current_dir(firmware().join("boards").join(board));
    for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "CARGO_TARGET_DIR", "MOTE_OPS"]
    {
        cargo.env_remove(variable);
    }
    cargo.envs(kernels.map(|kernels| ("MOTE_OPS", kernels)));
    let output = cargo.env("MOTE_PUBLIC_KEYS", keys.join("release.pub.pem")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let image = keys.join(name);
    std::fs::copy(target.join(triple).join("release").join(format!("mote-{board}-service")), &image).unwrap();
    image
}

/// Runs the command line in `folder`.
pub fn mote(folder: &Path, words: &[&str]) -> Assert {
    Command::new(env!("CARGO_BIN_EXE_mote")).current_dir(folder).args(words).assert()
}

pub fn stdout(assert: &Assert) -> String {
    String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
}

pub fn stderr(assert: &Assert) -> String {
    String::from_utf8_lossy(&assert.get_output().stderr).into_owned()
}

pub fn json(assert: &Assert) -> Value {
    serde_json::from_slice(&assert.get_output().stdout).unwrap()
}

/// An emulated device that was just switched on, and a folder to work in.
pub struct Emulator {
    qemu: Child,
    pub folder: tempfile::TempDir,
    pub address: String,
}

impl Emulator {
    /// None, loudly, without QEMU.
    pub fn start() -> Option<Self> {
        Some(Self::switch_on(&CORTEX_M4, &built()?.image))
    }

    /// One with a RISC-V core.
    pub fn riscv32() -> Option<Self> {
        let built = built()?;
        let image = || build(&RISCV32, built.keys.path(), "image-riscv32", None);
        has_emulator(RISCV32.qemu).then(|| Self::switch_on(&RISCV32, &image()))
    }

    /// One whose firmware has these kernels only, and its image.
    pub fn with_kernels(kernels: &str) -> Option<(Self, PathBuf)> {
        let image = build(&CORTEX_M4, built()?.keys.path(), "image-with-kernels", Some(kernels));
        Some((Self::switch_on(&CORTEX_M4, &image), image))
    }

    fn switch_on(machine: &Machine, image: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let monitor = folder.path().join("monitor");
        // Free now, and most likely in a moment.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let qemu = std::process::Command::new(machine.qemu)
            .args(machine.options)
            .args(["-display", "none", "-serial"])
            .arg(format!("tcp:{address},server=on,wait=off"))
            .args(["-monitor", &format!("unix:{},server=on,wait=off", monitor.display()), "-kernel"])
            .arg(image)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let emulator = Self { qemu, folder, address };
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(&emulator.address).is_err() {
            assert!(Instant::now() < until, "QEMU does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        emulator
    }

    /// What the memory of the machine holds.
    pub fn memory(&self, address: u32, bytes: usize) -> Vec<u8> {
        let file = self.at("memory");
        let _ = std::fs::remove_file(&file);
        let mut monitor = UnixStream::connect(self.at("monitor")).unwrap();
        writeln!(monitor, "pmemsave {address:#x} {bytes:#x} \"{}\"", file.display()).unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        while std::fs::metadata(&file).map_or(0, |meta| meta.len()) < bytes as u64 {
            assert!(Instant::now() < until, "QEMU saves no memory");
            std::thread::sleep(Duration::from_millis(20));
        }
        std::fs::read(file).unwrap()
    }

    /// For `--port`.
    pub fn port(&self) -> String {
        format!("tcp:{}", self.address)
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a command against the device.
    pub fn mote(&self, words: &[&str]) -> Assert {
        mote(self.folder.path(), &[words, &["--port", &self.port()]].concat())
    }

    /// Its JSON object; it must succeed.
    pub fn held(&self, words: &[&str]) -> Value {
        json(&self.mote(&[words, &["--json"]].concat()).success())
    }

    /// Why the device refused.
    pub fn refused(&self, words: &[&str]) -> String {
        let report = json(&self.mote(&[words, &["--json"]].concat()).code(1));
        assert_eq!(report["held"], false);
        report["failed"].as_str().unwrap().to_owned()
    }

    /// A network as a model file called `name`, with a version, not signed.
    pub fn convert(&self, network: &Path, name: &str, version: u32) {
        let network = network.to_str().unwrap();
        let version = version.to_string();
        mote(self.folder.path(), &["convert", network, "-o", name, "--model-version", &version, "--quiet"]).success();
    }

    /// The same file signed with a key, under another version.
    pub fn sign(&self, name: &str, key: &str, version: u32, output: &str) {
        let Some(built) = built() else { return };
        let key = built.keys.path().join(format!("{key}.key.pem"));
        let (key, version) = (key.to_str().unwrap(), version.to_string());
        let words = ["sign", name, "--key", key, "--model-version", &version, "-o", output];
        mote(self.folder.path(), &words).success();
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

/// Samples of the shipped digits network, and the network.
pub fn digits() -> (PathBuf, PathBuf) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/digits-cnn");
    (folder.join("model.onnx"), folder.join("test.csv"))
}

/// The shipped digits network on a device, signed, as version 1. Its self-test vectors are in the file.
pub fn with_digits() -> Option<Emulator> {
    let device = Emulator::start()?;
    flash_digits(&device);
    Some(device)
}

/// Signs the shipped digits network as version 1 and puts it onto a device: `digits.mote`, made from `plain.mote`.
pub fn flash_digits(device: &Emulator) {
    let (network, _) = digits();
    let train = network.with_file_name("train.csv");
    let words = ["convert", network.to_str().unwrap(), "--calibrate", train.to_str().unwrap(), "--limit", "64"];
    mote(device.folder.path(), &[&words[..], &["-o", "plain.mote", "--quiet"]].concat()).success();
    device.sign("plain.mote", "release", 1, "digits.mote");
    assert_eq!(device.held(&["flash", "digits.mote"])["active"], true);
}
