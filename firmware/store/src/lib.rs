//! Keeps models in NOR flash.
#![no_std]
#![forbid(unsafe_code)]

// The simulated flash of the tests implements `mote_store::Mapped`, here and there.
#[cfg(test)]
extern crate self as mote_store;
#[cfg(test)]
extern crate std;

mod boot;
mod error;
mod layout;
mod log;
mod receive;
mod state;
mod store;
mod verify;

pub use boot::Boot;
pub use error::{Error, LayoutError};
pub use layout::{Layout, Mapped, Region};
pub use receive::Begun;
pub use state::{Content, Slot};
pub use store::{Policy, SlotInfo, Store};
pub use verify::{Info, Key, SIGNED_BYTES, signed_bytes};
