//! What a figure was made with.

use super::{BenchError, Board, firmware_folder};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Program, commit, compiler and the boards' emulators; a sentence each. What cannot be found out is left out.
pub fn versions(boards: &[Board]) -> Result<Vec<String>, BenchError> {
    let firmware = firmware_folder()?;
    let mut made_with = vec![match commit(&firmware) {
        Some(commit) => format!("mote {}, commit {commit}", env!("CARGO_PKG_VERSION")),
        None => format!("mote {}", env!("CARGO_PKG_VERSION")),
    }];
    made_with.extend(first_line(Command::new("rustc").arg("--version").current_dir(&firmware)));
    // All of QEMU's programs say the same.
    let emulators = boards.iter().filter_map(|board| board.qemu.as_ref());
    let said = emulators.filter_map(|qemu| first_line(Command::new(qemu.command()).arg("--version")));
    made_with.extend(said.collect::<BTreeSet<_>>());
    Ok(made_with)
}

/// The commit that is checked out, and whether files differ from it.
fn commit(folder: &Path) -> Option<String> {
    let git = || {
        let mut git = Command::new("git");
        git.current_dir(folder);
        git
    };
    let commit = first_line(git().args(["rev-parse", "--short=12", "HEAD"]))?;
    // A measurement depends on these only.
    let sources = git().args(["diff", "--quiet", "HEAD", "--", "../runtime", "../converter", "."]).status().ok()?;
    Some(if sources.success() { commit } else { format!("{commit} with changes") })
}

fn first_line(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.lines().next().map(str::to_owned)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_comes_first_and_a_missing_program_is_left_out() {
        assert!(versions(&[]).unwrap()[0].starts_with(concat!("mote ", env!("CARGO_PKG_VERSION"))));
        assert_eq!(first_line(&mut Command::new("mote-no-such-program")), None);
    }
}
