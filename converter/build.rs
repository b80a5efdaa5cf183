//! Embeds every `firmware/boards/*/board.toml`, so that the installed command knows the boards.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let boards = Path::new(&env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../firmware/boards");
    println!("cargo:rerun-if-changed={}", boards.display());
    let mut files: Vec<PathBuf> = Vec::new();
    // A packaged crate has no firmware beside it; boards are then given by path.
    if let Ok(entries) = fs::read_dir(&boards) {
        for entry in entries {
            files.push(entry?.path().join("board.toml"));
        }
    }
    files.retain(|f| f.is_file());
    files.sort();
    let mut source = String::from("/// The text of every board file.\npub(super) const BOARD_FILES: &[&str] = &[\n");
    for file in files {
        println!("cargo:rerun-if-changed={}", file.display());
        source += &format!("    include_str!({:?}),\n", file.canonicalize()?);
    }
    source += "];\n";
    fs::write(Path::new(&env::var_os("OUT_DIR").unwrap_or_default()).join("boards.rs"), source)
}
