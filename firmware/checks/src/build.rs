//! Building what is looked into.

use mote_runtime::Kernel;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of this workspace.
pub fn firmware_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

/// Names of all boards that are emulated: those with a table `qemu` in their `board.toml`. Their images hold the app and
/// every kernel; those of other boards hold a service too, and what it needs of their chip.
pub fn emulated_boards() -> Result<Vec<String>, String> {
    let folder = firmware_folder().join("boards");
    let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let emulated = |path: &PathBuf| {
        let text = std::fs::read_to_string(path.join("board.toml")).unwrap_or_default();
        text.lines().any(|line| line.trim() == "[qemu]")
    };
    let folders = entries.filter_map(|entry| entry.ok().map(|e| e.path())).filter(emulated);
    let mut names: Vec<_> = folders.filter_map(|p| Some(p.file_name()?.to_str()?.to_owned())).collect();
    names.sort();
    Ok(names)
}

/// Builds a board's image with every kernel and reads it.
pub fn build_board(name: &str) -> Result<Vec<u8>, String> {
    build_image(name, "target", None)
}

/// Builds a board's image with these kernels only and reads it. In a folder of its own, which `mote bench` uses too.
pub fn build_board_with(name: &str, kernels: &[Kernel]) -> Result<Vec<u8>, String> {
    let names: Vec<String> = kernels.iter().map(|kernel| format!("{kernel:?}")).collect();
    build_image(name, "target/selected", Some(&names.join(",")))
}

fn build_image(name: &str, target_folder: &str, ops: Option<&str>) -> Result<Vec<u8>, String> {
    let folder = firmware_folder().join("boards").join(name);
    let description = std::fs::read_to_string(folder.join("board.toml")).map_err(|error| format!("{name}: {error}"))?;
    let target = description.lines().find_map(|line| line.strip_prefix("target = \"")?.strip_suffix('"'));
    let target = target.ok_or_else(|| format!("{name}: board.toml names no target"))?;
    let target_folder = firmware_folder().join(target_folder);
    cargo(&folder, &target_folder, &[], ops)?;
    read(&target_folder.join(target).join("release").join(format!("mote-{name}")))
}

/// Builds the static library that holds only `Engine::run` and reads it.
pub fn build_engine_run(target: &str) -> Result<Vec<u8>, String> {
    let target_folder = firmware_folder().join("target");
    cargo(&firmware_folder(), &target_folder, &["-p", "mote-engine-run", "--target", target], None)?;
    read(&firmware_folder().join("target").join(target).join("release").join("libmote_engine_run.a"))
}

fn cargo(folder: &Path, target_folder: &Path, arguments: &[&str], ops: Option<&str>) -> Result<(), String> {
    let mut command = Command::new("cargo");
    command.args(["build", "--release", "--locked", "--quiet", "--target-dir"]);
    command.arg(target_folder).args(arguments).current_dir(folder);
    for variable in [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTC_WORKSPACE_WRAPPER",
        "CARGO_BUILD_TARGET",
        "CARGO_TARGET_DIR",
        "MOTE_OPS",
    ] {
        command.env_remove(variable);
    }
    if let Some(ops) = ops {
        command.env("MOTE_OPS", ops);
    }
    let output = command.output().map_err(|error| format!("cannot start cargo: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}
