//! Training runs that are killed again and again.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Starts `mote train --resume` of `recipe` in the folder `out`, kills it (SIGKILL) once it has told of so many epochs as
/// `epochs(kills so far)` says, up to `most` times, until it ends by itself, with success. How often it was killed.
pub fn train_with_kills(
    recipe: &Path,
    out: &Path,
    more: &[&OsStr],
    most: usize,
    epochs: impl Fn(usize) -> usize,
) -> usize {
    let told = || std::fs::read_to_string(out.join("metrics.jsonl")).map_or(0, |text| text.lines().count());
    for kills in 0.. {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mote"))
            .args(["train", "--resume", "--out"])
            .arg(out)
            .args(more)
            .arg(recipe)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let before = told();
        while kills == most || told() < before + epochs(kills) {
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success());
                return kills;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    unreachable!("it runs to its end once it was killed {most} times")
}

/// That runs in the folders `a` and `b` came to the same bytes.
pub fn same_bytes(a: &Path, b: &Path, files: &[&str]) {
    for file in files {
        let [a, b] = [a, b].map(|run| std::fs::read(run.join(file)).unwrap());
        assert!(a == b, "{file} differs");
    }
}
