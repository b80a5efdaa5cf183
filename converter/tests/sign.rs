//! Keys, signatures and refusals at the command line.

use assert_cmd::Command;
use serde_json::Value;
use std::path::{Path, PathBuf};

fn mote(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mote"));
    command.current_dir(folder).args(words);
    command
}

fn held(folder: &Path, words: &[&str]) -> Value {
    let assert = mote(folder, words).arg("--json").assert().success();
    serde_json::from_slice(&assert.get_output().stdout).unwrap()
}

/// The reason why a device would refuse it.
fn refused(folder: &Path, words: &[&str]) -> String {
    let assert = mote(folder, words).arg("--json").assert().code(1);
    let report: Value = serde_json::from_slice(&assert.get_output().stdout).unwrap();
    report["failed"].as_str().unwrap().into()
}

fn error(folder: &Path, words: &[&str]) -> String {
    let assert = mote(folder, words).assert().code(2);
    String::from_utf8_lossy(&assert.get_output().stderr).into_owned()
}

/// A folder with a small model and two pairs of keys.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/tests/data/v2.mote");
    std::fs::copy(model, folder.path().join("net.mote")).unwrap();
    for name in ["release", "other"] {
        held(folder.path(), &["keygen", name]);
    }
    folder
}

fn bytes(path: PathBuf) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[test]
fn what_is_signed_is_trusted_and_runs_as_before() {
    let folder = folder();
    let at = folder.path();
    let before = held(at, &["inspect", "net.mote"]);
    let signed =
        held(at, &["sign", "net.mote", "--key", "release.key.pem", "--model-version", "8", "-o", "signed.mote"]);
    let keys = ["verify", "signed.mote", "--key", "other.pub.pem", "--key", "release.pub.pem"];
    let verified = held(at, &keys);
    assert_eq!((verified["model_version"].as_u64(), &verified["fingerprint"]), (Some(8), &signed["fingerprint"]));
    let after = held(at, &["inspect", "signed.mote"]);
    assert_eq!((&before["arena_bytes"], &before["macs"]), (&after["arena_bytes"], &after["macs"]));
    assert!(refused(at, &keys[..4]).contains("not of a key"));
    assert!(refused(at, &["verify", "net.mote", "--key", "release.pub.pem"]).contains("no signature"));

    // Again, in place, by another.
    held(at, &["sign", "signed.mote", "--key", "other.key.pem"]);
    assert_eq!(held(at, &keys)["model_version"], 8);
    assert!(refused(at, &["verify", "signed.mote", "--key", "release.pub.pem"]).contains("not of a key"));
}

#[test]
fn damage_is_refused() {
    let folder = folder();
    let at = folder.path();
    held(at, &["sign", "net.mote", "--key", "release.key.pem"]);
    let file = bytes(at.join("net.mote"));
    for (name, damaged) in [("cut", &file[..file.len() - 1]), ("short", &file[..50]), ("empty", &[][..])] {
        std::fs::write(at.join("x.mote"), damaged).unwrap();
        assert!(refused(at, &["verify", "x.mote", "--key", "release.pub.pem"]).contains("runtime refuses"), "{name}");
    }
    let mut flipped = file.clone();
    flipped[file.len() - 9] ^= 1;
    std::fs::write(at.join("x.mote"), flipped).unwrap();
    assert!(refused(at, &["verify", "x.mote", "--key", "release.pub.pem"]).contains("runtime refuses"));
    let text = error(at, &["sign", "x.mote", "--key", "release.key.pem", "-o", "y.mote"]);
    assert!(text.contains("cannot load") && !at.join("y.mote").exists(), "{text}");
}

#[test]
fn keys_are_neither_overwritten_nor_mixed_up() {
    let folder = folder();
    let at = folder.path();
    let [secret, public] = ["release.key.pem", "release.pub.pem"].map(|name| bytes(at.join(name)));
    assert!(error(at, &["keygen", "release"]).contains("never overwritten"));
    std::fs::remove_file(at.join("release.pub.pem")).unwrap();
    assert!(error(at, &["keygen", "release"]).contains("never overwritten"));
    assert!(!at.join("release.pub.pem").exists());
    std::fs::write(at.join("release.pub.pem"), public).unwrap();
    assert_eq!(bytes(at.join("release.key.pem")), secret);

    assert!(error(at, &["verify", "net.mote", "--key", "release.key.pem"]).contains("secret key"));
    let model = bytes(at.join("net.mote"));
    let text = error(at, &["sign", "net.mote", "--key", "net.mote"]);
    assert!(text.contains("others may read") || text.contains("no Ed25519 secret key"), "{text}");
    assert!(error(at, &["sign", "net.mote", "--key", "nobody.key.pem"]).contains("cannot read `nobody.key.pem`"));
    assert_eq!(bytes(at.join("net.mote")), model);
}

#[cfg(unix)]
#[test]
fn secret_keys_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let path = folder.path().join("release.key.pem");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let text = error(folder.path(), &["sign", "net.mote", "--key", "release.key.pem"]);
    assert!(text.contains("others may read") && text.contains("chmod 600"), "{text}");
}
