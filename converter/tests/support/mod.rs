//! Where the shared test material is, and what happens when it is not there.

#[allow(dead_code, reason = "not every test kills")]
pub mod killed;
#[allow(dead_code, reason = "not every test damages files")]
pub mod mutate;
#[allow(dead_code, reason = "not every test reads arrays")]
pub mod npy;
#[allow(dead_code, reason = "not every test makes files")]
pub mod tflite;

use std::path::{Path, PathBuf};

#[allow(dead_code, reason = "not every test needs the material")]
/// Folder of the shared test material: `$MOTE_DATA`, else `shared/data` beside the repository.
///
/// Says on stderr what is skipped when it is missing.
///
/// # Panics
/// If it is missing and `MOTE_REQUIRE_DATA` is 1.
pub fn data_root() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let root = std::env::var_os("MOTE_DATA").map_or_else(beside, PathBuf::from);
    if root.join("onnx").is_dir() {
        return Some(root);
    }
    let missing = format!("no test material in {} (set MOTE_DATA)", root.display());
    let required = std::env::var_os("MOTE_REQUIRE_DATA").is_some_and(|value| value == "1");
    assert!(!required, "MOTE_REQUIRE_DATA=1, but there is {missing}");
    eprintln!("SKIPPED: {missing}");
    None
}

#[allow(dead_code, reason = "not every test emulates")]
/// True if the emulator is installed. Says on stderr what is skipped when it is not.
///
/// # Panics
/// If it is missing and `MOTE_REQUIRE_QEMU` is 1.
pub fn has_qemu() -> bool {
    has_emulator("qemu-system-arm")
}

#[allow(dead_code, reason = "not every test emulates")]
/// As [`has_qemu`], of any of QEMU's programs.
///
/// # Panics
/// If it is missing and `MOTE_REQUIRE_QEMU` is 1.
pub fn has_emulator(program: &str) -> bool {
    let found = std::process::Command::new(program).arg("--version").output().is_ok();
    if !found {
        let required = std::env::var_os("MOTE_REQUIRE_QEMU").is_some_and(|value| value == "1");
        assert!(!required, "MOTE_REQUIRE_QEMU=1, but there is no {program}");
        eprintln!("SKIPPED: there is no {program}");
    }
    found
}
