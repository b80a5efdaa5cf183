//! Building a board's image.

use super::{BenchError, Board, Image};
use std::path::Path;
use std::process::{Command, Stdio};

/// Builds the image of `board`, which takes no time if it is up to date.
pub fn build_image(board: &Board) -> Result<Image, BenchError> {
    build_image_with(board, Path::new("target"), &[])
}

/// As [`build_image`], into another folder below `firmware` and with more options to the linker.
pub(super) fn build_image_with(
    board: &Board,
    target_folder: &Path,
    linker_options: &[String],
) -> Result<Image, BenchError> {
    let firmware = board.folder.parent().and_then(|boards| boards.parent()).unwrap_or(&board.folder);
    let target_folder = firmware.join(target_folder);
    let mut command = Command::new("cargo");
    command.args(["build", "--release", "--locked", "--target-dir"]).arg(&target_folder);
    if !linker_options.is_empty() {
        // Added to the flags in the board's own configuration.
        let flags: Vec<String> = linker_options.iter().map(|o| format!("\"-C\",\"link-arg={o}\"")).collect();
        command.arg("--config").arg(format!("target.{}.rustflags=[{}]", board.target, flags.join(",")));
    }
    // The board's own `.cargo/config.toml` counts, so cargo runs in its folder; an outer cargo's flags must not.
    command.current_dir(&board.folder);
    for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_TARGET_DIR"] {
        command.env_remove(variable);
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
    Image::read(target_folder.join(&board.target).join("release").join(&board.package))
}
