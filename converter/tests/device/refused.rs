//! What a device says no to besides bad files, and what its slots show.

use crate::emulator::{digits, stderr, stdout, with_digits};

fn states(device: &crate::emulator::Emulator) -> Vec<String> {
    let slots = device.held(&["device", "slots"]);
    slots["slots"].as_array().unwrap().iter().map(|slot| slot["state"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn slots_go_through_their_states_as_they_are_told() {
    let Some(device) = with_digits() else { return };
    assert_eq!(states(&device), ["active", "empty"]);
    assert!(device.refused(&["device", "rollback"]).contains("no model to go back to"));
    assert!(device.refused(&["device", "activate", "1"]).contains("no complete, verified file"));
    assert!(device.refused(&["device", "erase", "0"]).contains("the model that runs"));
    assert!(device.refused(&["device", "verify", "7"]).contains("only 2 slots"));

    device.sign("plain.mote", "release", 2, "newer.mote");
    assert_eq!(device.held(&["flash", "newer.mote", "--no-activate"])["active"], false);
    assert_eq!(states(&device), ["active", "valid"]);
    device.held(&["device", "verify", "1"]);
    device.held(&["device", "activate", "1"]);
    assert_eq!(states(&device), ["valid", "active"]);
    device.held(&["device", "reboot"]);
    assert_eq!(states(&device), ["valid", "active"]);
    device.held(&["device", "erase", "0"]);
    assert_eq!(states(&device), ["empty", "active"]);
    assert!(device.refused(&["device", "rollback"]).contains("no model to go back to"));
}

#[test]
fn a_device_tells_what_it_is_and_what_happened() {
    let Some(device) = with_digits() else { return };
    let info = device.held(&["device", "info"]);
    assert_eq!((&info["board"], &info["signed_only"]), (&"qemu-mps2-an386".into(), &true.into()));
    assert_eq!((&info["active"], &info["model"]["inputs"]), (&0.into(), &1.into()));
    assert!(info["arena_bytes"].as_u64() > info["model"]["arena_bytes"].as_u64());
    let vectors = device.held(&["device", "test"])["vectors"].as_u64().unwrap();
    assert!(vectors > 0);
    let log = device.held(&["device", "log"]);
    let lines: Vec<&str> = log["lines"].as_array().unwrap().iter().filter_map(|line| line.as_str()).collect();
    assert!(lines.contains(&format!("confirmed {vectors}").as_str()), "{lines:?}");
    assert!(stdout(&device.mote(&["device", "info"]).success()).contains("signed models of version 1 and newer"));
}

#[test]
fn a_file_that_the_device_does_not_run_is_not_measured() {
    let Some(device) = with_digits() else { return };
    device.sign("plain.mote", "release", 9, "another.mote");
    let (_, samples) = digits();
    let samples = samples.to_str().unwrap();
    for words in [&["bench", "another.mote"][..], &["device", "run", "another.mote", "--input", samples]] {
        let said = stderr(&device.mote(words).code(2));
        assert!(said.contains("the device runs another file") && said.contains("mote flash"), "{said}");
    }
}
