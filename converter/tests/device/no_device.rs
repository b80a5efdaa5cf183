//! Ports with nothing good behind them, and a debug probe that a script stands in for.

use crate::emulator::{digits, mote, stderr};
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn model(folder: &Path) {
    let (network, _) = digits();
    let train = network.with_file_name("train.csv");
    let words = ["convert", network.to_str().unwrap(), "--calibrate", train.to_str().unwrap(), "--limit", "8"];
    mote(folder, &[&words[..], &["-o", "net.mote", "--quiet"]].concat()).success();
}

#[test]
fn a_port_without_a_device_is_an_error_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    model(folder.path());
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (port, hint) in [(format!("tcp:{closed}"), "start the emulator"), ("/dev/no-such-port".into(), "plugged in")] {
        let said = stderr(&mote(folder.path(), &["flash", "net.mote", "--port", &port]).code(2));
        assert!(said.contains("cannot open") && said.contains(hint), "{said}");
    }
    // Who answers, but not in the protocol.
    let talker = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = talker.local_addr().unwrap();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = talker.accept() {
            let _ = stream.write_all(b"login: \0\0password: \0");
            std::thread::sleep(std::time::Duration::from_secs(30));
        }
    });
    let said = stderr(&mote(folder.path(), &["device", "info", "--port", &format!("tcp:{address}")]).code(2));
    assert!(said.contains("no device that speaks to mote") && said.contains("does not answer"), "{said}");
    assert!(
        stderr(&mote(folder.path(), &["flash", "net.mote", "--port", "tcp:nowhere"]).code(2)).contains("tcp:HOST:PORT")
    );
}

#[test]
fn a_damaged_file_is_refused_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    model(folder.path());
    let file = folder.path().join("net.mote");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    // Nobody listens there: it does not come to that.
    let said = stderr(&mote(folder.path(), &["flash", "net.mote", "--port", "tcp:127.0.0.1:1"]).code(2));
    assert!(said.contains("cannot load"), "{said}");
}

/// A board with a probe: `fits` says whether a slot is large enough for a model.
fn board(folder: &Path, fits: bool) {
    let text = format!(
        "name = \"bench-board\"\naliases = []\ndescription = \"a board\"\ntarget = \"thumbv7em-none-eabihf\"\npackage = \"none\"\n\
         [memory]\nflash_bytes = 1\nram_bytes = 1\narena_bytes = 1\nmodel_address = 0x80000\nmodel_bytes = 1\n\
         [store]\naddress = 0x80000\nslot_bytes = {}\nlog_bytes = 0x2000\n[probe]\nchip = \"nRF52840_xxAA\"\n",
        if fits { 0x20000 } else { 16 }
    );
    std::fs::write(folder.join("board.toml"), text).unwrap();
}

#[test]
fn a_probe_empties_the_log_and_writes_the_first_slot() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    model(at);
    board(at, true);
    let script = at.join("probe");
    std::fs::write(&script, "#!/bin/sh\nfor last; do :; done\necho \"$@\" >> calls\n[ -f \"$last\" ] && wc -c < \"$last\" >> sizes && cp \"$last\" written\nexit 0\n").unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let flash = |probe: &Path| {
        let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_mote"));
        command.current_dir(at).env("MOTE_PROBE_RS", probe).args(["flash", "net.mote", "--board", "board.toml"]);
        command.assert()
    };
    flash(&script).success();
    let calls = std::fs::read_to_string(at.join("calls")).unwrap();
    let calls: Vec<&str> = calls.lines().collect();
    let download = "download --chip nRF52840_xxAA --binary-format bin --base-address";
    assert!(calls[0].starts_with(&format!("{download} 0xc0000 ")), "{calls:?}");
    assert!(calls[1].starts_with(&format!("{download} 0x80000 ")), "{calls:?}");
    assert_eq!(calls[2..], ["reset --chip nRF52840_xxAA"]);
    assert!(std::fs::read(at.join("written")).unwrap() == std::fs::read(at.join("net.mote")).unwrap());
    let model_bytes = std::fs::metadata(at.join("net.mote")).unwrap().len();
    let sizes = std::fs::read_to_string(at.join("sizes")).unwrap();
    assert_eq!(sizes.split_whitespace().collect::<Vec<_>>(), [0x2000.to_string(), model_bytes.to_string()]);

    let said = stderr(&flash(&at.join("not-there")).code(2));
    assert!(said.contains("cannot run") && said.contains("probe-rs-tools"), "{said}");
    assert!(stderr(&flash(Path::new("/bin/false")).code(2)).contains("failed"));
    board(at, false);
    let run = flash(&script).code(1);
    let said = String::from_utf8_lossy(&run.get_output().stdout).into_owned();
    assert!(said.contains(&format!("{} bytes too many", model_bytes - 16)), "{said}");
    let said = stderr(&mote(at, &["flash", "net.mote", "--board", "m4"]).code(2));
    assert!(said.contains("it is emulated") && said.contains("--port"), "{said}");
}
