//! The protocol between a host and a device that runs models: what goes over a serial port, or over TCP to the serial port of
//! an emulated board. Both sides are here: [`Device`] for firmware (no allocation, no clock, cannot panic, about 7 KB of flash
//! and 1.1 KB of RAM), `host::Client` for hosts (feature `std`).
//!
//! The wire may lose, repeat, flip, reorder and invent bytes, and end at any moment. A slot never holds a damaged file for a
//! valid one, no command is done twice, and neither side waits for ever: the device waits for nothing, the host gives up in
//! bounded time.
//!
//! # Frames
//!
//! `00 | COBS(kind, session, seq, message, checksum) | 00`
//!
//! | bytes | field | meaning |
//! |---|---|---|
//! | 1 | zero | ends whatever noise was before |
//! | 1 | kind | 1 request, 2 response, 3 data, 4 acknowledgement, 5 event; see [`Kind`] |
//! | 2 | session | chosen by the host in its hello; little-endian |
//! | 2 | seq | counts requests; little-endian; a response has that of its request, data that of the request which opened the transfer |
//! | up to 528 | message | in postcard's format; see [`Wire`] |
//! | 4 | checksum | CRC-32 (ISO-HDLC) from kind to message; little-endian |
//! | 1 | zero | ends the frame |
//!
//! The fields between the zeros are COBS-encoded, so that a zero on the wire always ends a frame; that adds up to three bytes. A chunk
//! of 512 bytes takes at most 533 bytes of wire. A frame with any fault is dropped and counted in [`Faults`].
//!
//! # Messages
//!
//! | request | response | what |
//! |---|---|---|
//! | `Hello` | `Welcome` | opens a session; versions, capabilities, chunk size, window |
//! | `Info` | `Info` | active slot, least version, sizes, faults of the wire |
//! | `Slot` | `Slot` | state, version, length, SHA-256 and name of what is in a slot |
//! | `WriteBegin` | `Begun` | opens or continues a transfer into a slot |
//! | `WriteEnd` | `Done` | ends the transfer; the device verifies the file |
//! | `Verify`, `Activate`, `Rollback`, `Erase` | `Done` | what the model store does |
//! | `Model` | `Model` | name and sizes of the loaded model |
//! | `InputBegin` | `Begun` | opens a transfer into an input |
//! | `Run` | `Ran` | runs the model once |
//! | `Output` | `Output` | reads an output, piece by piece |
//! | `Bench` | `Bench` | runs the model often; times of whole runs |
//! | `Timings` | `Timings` | times of each instruction, piece by piece |
//! | `SelfTest` | `SelfTest` | runs the self-test vectors |
//! | `Log` | `Log` | reads the log from a position on |
//! | `Reboot` | `Done` | restarts |
//!
//! Any of them may be answered with `Refused`, and a [`Refusal`] has the numbers. Besides there are [`Data`], each answered with an
//! [`Ack`], and [`Event`], which a device sends on its own and which may get lost.
//!
//! # Once and only once
//!
//! A host asks one thing at a time and asks again, with the same number, until the answer comes. A device keeps its last
//! answer: a request with the number of the last one gets it again and nothing is done; a request with an older number
//! is not answered. A connection that breaks changes nothing in that. A device that restarts forgets its session and refuses
//! everything with [`Refusal::NoSession`] until the host says hello; the client then asks again what can be done twice
//! ([`Request::repeatable`]), and reports the rest as interrupted.
//!
//! # Transfers
//!
//! 1. `WriteBegin` names slot, length and SHA-256. A device that has the beginning of this very file answers with how
//!    much it has, any other with 0.
//! 2. The host sends data, as many chunks ahead of the acknowledgements as the device's window allows. The device takes a
//!    chunk only where the one before ended, and acknowledges each with the offset that it wants next, as a gap if the chunk
//!    came too early. The host then goes back, once for each gap. If nothing comes, it asks with data of no bytes, so that a
//!    device that is only slow does not get everything twice. Where a gap stays, chunks get smaller: they get through where nearly
//!    every long frame is hit.
//! 3. `WriteEnd` has the device verify the file. Only then is the slot valid.
//!
//! If the connection breaks, the host goes on where it was. If the host dies or the device loses power, the next `WriteBegin`
//! of the same file goes on with what the device's flash holds. Late data of another transfer has another number, and is refused.
//!
//! # Versions
//!
//! A hello says which versions the host speaks, the device chooses the newest that it speaks too, or refuses with those that it
//! does. `Hello`, the first field of `Welcome`, and `Refused` with its first two variants mean the same in all. Later versions append
//! variants, and fields to the ends of messages; readers ignore bytes behind what they know.
//!
//! # In a firmware
//!
//! Implement [`Handler`], and call [`Device::feed`] with whatever the receiver's buffer holds, again and again:
//!
//! ```
//! use mote_link::{Capabilities, Device, Handler, Info};
//!
//! struct Board;
//!
//! impl Handler for Board {
//!     const BOARD: &'static str = "my-board";
//!     const FIRMWARE: &'static str = "0.1.0";
//!     const CAPABILITIES: Capabilities = Capabilities(0);
//!     const WINDOW: u8 = 4;
//!     const SLOTS: u8 = 0;
//!
//!     fn info(&mut self) -> Info {
//!         Info { arena_bytes: 65_536, ..Info::default() }
//!     }
//! }
//!
//! let (mut device, mut board) = (Device::new(), Board);
//! let mut uart = [0u8; 600]; // anything that is `embedded_io::Write`
//! device.feed(&[0x00, 0x03, 0x01], &mut board, &mut &mut uart[..])?;
//! # Ok::<(), embedded_io::SliceWriteError>(())
//! ```
//!
//! # Not here
//!
//! No encryption and no authentication of the host: who can reach the port can do what the port can. What a device runs is
//! protected by signatures, which the model store checks. One host at a time.
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
