//! The same service on another core, with another UART and another way to restart.

use crate::emulator::{Emulator, digits, flash_digits};

#[test]
fn a_riscv_device_is_flashed_updated_rolled_back_and_gives_the_hosts_bytes() {
    let Some(device) = Emulator::riscv32() else { return };
    flash_digits(&device);
    assert_eq!(device.held(&["device", "info"])["board"], "qemu-riscv32-virt");
    let (_, samples) = digits();
    let words = ["device", "run", "digits.mote", "--input", samples.to_str().unwrap(), "--limit", "8"];
    let report = device.held(&words);
    assert_eq!((&report["samples"], &report["device"]["same_bytes"]), (&8.into(), &true.into()));
    let bench = device.held(&["bench", "digits.mote", "--repeat", "3"]);
    assert_eq!(bench["ticks_per_second"], 1_000_000_000);
    assert!(bench["per_instruction"].as_array().unwrap().len() > 3, "{bench}");

    device.sign("plain.mote", "release", 2, "second.mote");
    assert_eq!(device.held(&["flash", "second.mote"])["model_version"], 2);
    device.mote(&["device", "rollback"]).success();
    device.mote(&["device", "test"]).success();
    device.sign("plain.mote", "other", 3, "stranger.mote");
    assert!(device.refused(&["flash", "stranger.mote", "--no-check"]).contains("not signed with a key"));
}
