//! Host and device, from the client's calls to the words in the flash.

mod asks;
#[path = "../common/negation.rs"]
mod common;
mod networks;
mod refuses;
mod rig;
#[path = "../../../store/tests/support/mod.rs"]
mod support;
mod updates;

use networks::{on_host, samples, sizes};
use rig::{Host, Rig};

/// Flashes, activates, restarts.
fn update(rig: &Rig, slot: u8, file: &[u8]) {
    let mut host = rig.host();
    host.write(slot, file, &mut |_| {}).unwrap();
    host.activate(slot).unwrap();
    host.reboot().unwrap();
}

/// `file` runs: every sample gives what the host computes.
#[track_caller]
fn expect_runs(host: &mut Host, file: &[u8]) {
    let (input_bytes, arena_bytes) = sizes(file);
    let model = host.model().unwrap();
    assert_eq!((model.file_bytes, model.arena_bytes), (file.len() as u32, arena_bytes));
    for sample in samples(input_bytes) {
        host.input(0, &sample).unwrap();
        assert_eq!(host.run(), Ok(10));
        assert_eq!(host.output(0).unwrap(), on_host(file, &sample));
    }
}
