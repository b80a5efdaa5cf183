//! Files are written whole or not at all.

use super::Hinted;
use anyhow::Context;
use std::io::Write;
use std::path::Path;

/// The folder that a file lies in.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Who may read a file that is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readers {
    /// As `File::create` would: the process's mask takes away what it must.
    Usual,
    /// Its owner only, from the start.
    Owner,
}

/// Writes beside the target and renames: readers see the old file or the whole new one, and errors leave nothing.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let write = || beside(path, bytes, Readers::Usual)?.persist(path).map_err(|e| e.error);
    write().map(|_| ()).with_context(|| {
        let hint = "check that the folder can be written to and has room";
        Hinted::new(format!("cannot write `{}`", path.display()), hint)
    })
}

/// As [`write_whole`], of a file that is not there yet: one that is stays as it is, which is an error.
pub(super) fn write_new(path: &Path, bytes: &[u8], readers: Readers) -> anyhow::Result<()> {
    let write = || beside(path, bytes, readers)?.persist_noclobber(path).map_err(|e| e.error);
    write().map(|_| ()).with_context(|| {
        let hint = "such files are never overwritten: name another one, or check that the folder can be written to";
        Hinted::new(format!("cannot write `{}`", path.display()), hint)
    })
}

/// A whole file in the same folder, which disappears if it is not renamed.
fn beside(path: &Path, bytes: &[u8], readers: Readers) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = if readers == Readers::Owner { 0o600 } else { 0o666 };
        builder.permissions(std::fs::Permissions::from_mode(mode));
    }
    let mut file = builder.prefix(".mote-").tempfile_in(folder_of(path))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_replaces_another_whole_and_errors_leave_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.mote");
        write_whole(&path, b"one").unwrap();
        write_whole(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        let blocked = folder.path().join("d");
        std::fs::create_dir(&blocked).unwrap();
        assert!(write_whole(&blocked, b"three").is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
