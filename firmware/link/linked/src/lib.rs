//! Nothing but the device's side of the link, linked for a device. `tests/linked.rs` of `mote-link` walks through it from
//! [`mote_link_feed`] and finds every way to a panic. What the handler does is somewhere else, so that every method counts
//! as a call.
#![no_std]

mod handler;

use handler::{Firmware, Port};
use mote_link::Device;
use mote_linked as _;

/// Where the walk starts. Never called; `no_mangle` keeps it from being optimised away.
#[unsafe(no_mangle)]
pub fn mote_link_feed(device: &mut Device, bytes: &[u8], memory: &[u8]) -> bool {
    device.feed(bytes, &mut Firmware(memory), &mut Port).is_ok()
}
