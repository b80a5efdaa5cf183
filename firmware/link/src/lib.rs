//! x
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "std")]
extern crate std;

mod decoder;
mod device;
mod frame;
#[cfg(feature = "std")]
pub mod host;
mod info;
mod message;
mod refusal;
mod wire;

pub use decoder::{Decoder, Faults};
pub use device::{Device, Handler};
pub use frame::{
    CHECKSUM_BYTES, Frame, HEADER_BYTES, Header, Kind, MAX_BODY_BYTES, MAX_CHUNK_BYTES, MAX_MESSAGE_BYTES,
    MAX_WIRE_BYTES, TooLong, Writer, encode,
};
pub use info::{Bench, Capabilities, Info, MAX_NAME_BYTES, ModelInfo, SlotInfo, SlotState, Timing, Welcome};
pub use message::{Ack, Data, Event, MAX_EVENT_BYTES, NEWEST_VERSION, OLDEST_VERSION, Request, Response, WriteBegin};
pub use refusal::Refusal;
pub use wire::{Reader, Wire};
