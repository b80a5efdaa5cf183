//! Building a board's image.

use super::{BenchError, Board, Image};
use crate::inspect::kernels;
use mote_runtime::{AlignedBytes, Model};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What `firmware/app/build.rs` reads: the kernels to link.
const OPS_VARIABLE: &str = "MOTE_OPS";

/// Builds the image of `board` with every kernel in it, which takes no time if it is up to date.
pub fn build_image(board: &Board) -> Result<Image, BenchError> {
    build_image_with(board, Path::new("target"), &[])
}

/// As [`build_image`], into another folder below `firmware` and with more options to the linker.
pub(super) fn build_image_with(
    board: &Board,
    target_folder: &Path,
    linker_options: &[String],
) -> Result<Image, BenchError> {
    Image::read(cargo(board, &firmware_of(board).join(target_folder), None, linker_options)?)
}

/// Builds the image of `board` that runs `blob` and links no kernel that it does not use.
///
/// Built in a folder of its own, one at a time, and then kept under a name of its own, so that images for
/// several models can be built and used side by side.
pub fn build_image_for(board: &Board, blob: &[u8]) -> Result<Image, BenchError> {
    let blob = AlignedBytes::copy_of(blob);
    let kernels = kernels(&Model::load(&blob).map_err(BenchError::Load)?);
    let target_folder = firmware_of(board).join("target/selected");
    let images = target_folder.join("images");
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |error| BenchError::Unreadable { path, error }
    };
    fs::create_dir_all(&images).map_err(unreadable(&images))?;
    let lock_path = target_folder.join("lock");
    let lock = File::create(&lock_path).map_err(unreadable(&lock_path))?;
    lock.lock().map_err(unreadable(&lock_path))?;
    let built = cargo(board, &target_folder, Some(&kernels.join(",")), &[])?;
    let image = images.join(format!("{}-{}", board.package, short_name(&kernels)));
    let copy = image.with_extension("new");
    // Renamed into place: another process may be running the image that is there.
    fs::copy(&built, &copy).and_then(|_| fs::rename(&copy, &image)).map_err(unreadable(&image))?;
    Image::read(image)
}

/// The same for the same kernels; a file's name could not hold them all.
fn short_name(kernels: &[String]) -> String {
    let hash = Sha256::digest(kernels.join(","));
    hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

fn firmware_of(board: &Board) -> PathBuf {
    board.folder.parent().and_then(Path::parent).unwrap_or(&board.folder).to_owned()
}

/// Runs cargo; where the image is then.
fn cargo(
    board: &Board,
    target_folder: &Path,
    ops: Option<&str>,
    linker_options: &[String],
) -> Result<PathBuf, BenchError> {
    let mut command = Command::new("cargo");
    command.args(["build", "--release", "--locked", "--target-dir"]).arg(target_folder);
    if !linker_options.is_empty() {
        // Added to the flags in the board's own configuration.
        let flags: Vec<String> = linker_options.iter().map(|o| format!("\"-C\",\"link-arg={o}\"")).collect();
        command.arg("--config").arg(format!("target.{}.rustflags=[{}]", board.target, flags.join(",")));
    }
    // The board's own `.cargo/config.toml` counts, so cargo runs in its folder; an outer cargo's flags must not.
    command.current_dir(&board.folder);
    for variable in [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTC_WORKSPACE_WRAPPER",
        "CARGO_BUILD_TARGET",
        "CARGO_TARGET_DIR",
        OPS_VARIABLE,
    ] {
        command.env_remove(variable);
    }
    if let Some(ops) = ops {
        command.env(OPS_VARIABLE, ops);
    }
    let output =
        command.stdin(Stdio::null()).output().map_err(|error| BenchError::Start { program: "cargo".into(), error })?;
    if !output.status.success() {
        let output = String::from_utf8_lossy(&output.stderr).into_owned();
        // rustc's E0463 for `core`: there is no precompiled library for the target.
        return Err(if output.contains("E0463") && output.contains("crate for `core`") {
            BenchError::MissingTarget { target: board.target.clone() }
        } else {
            BenchError::Build { board: board.name.clone(), output }
        });
    }
    Ok(target_folder.join(&board.target).join("release").join(&board.package))
}
