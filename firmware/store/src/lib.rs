//! Keeps models in NOR flash: two slots, signatures, trial boots, rollback; safe at every power cut.
//!
//! While one model runs, the next comes into the other slot. It is verified where it lies, runs on trial, and becomes the
//! active one only when its own self-test vectors gave the expected bytes on this device. Models are used in place, and
//! the store needs about 200 bytes of RAM.
//!
//! ```
//! use mote_runtime::AllOps;
//! use mote_store::{Error, Key, Layout, Mapped, Policy, Slot, Store};
//!
//! static KEYS: [Key; 1] = [[0x5a; 32]]; // of those who may sign
//! const LAYOUT: Layout = Layout::consecutive(0x4_0000, 0x1_8000, 0x2000); // two slots of 96 KB, 8 KB of log
//!
//! /// At every start.
//! fn start<F: Mapped>(flash: F, arena: &mut [u8]) -> Result<Store<'static, F>, Error> {
//!     let mut store = Store::open(flash, LAYOUT, &KEYS, Policy::new(arena.len() as u32))?;
//!     if store.boot::<AllOps>()?.trial && store.try_out::<AllOps>(arena).is_err() {
//!         store.boot::<AllOps>()?; // back to the one before
//!     }
//!     Ok(store) // `store.file(store.running()?)` goes to `Model::load`
//! }
//!
//! /// What a host asks for, message by message. After the last, restart.
//! fn update<F: Mapped>(store: &mut Store<F>, file: &[u8], sha256: &[u8; 32]) -> Result<(), Error> {
//!     let mut offset = store.begin(file.len() as u32, sha256)?.offset; // more than 0 after an interruption
//!     while let Some(rest) = file.get(offset as usize..).filter(|rest| !rest.is_empty()) {
//!         offset = store.write(offset, &rest[..rest.len().min(256)])?;
//!     }
//!     let (slot, _info) = store.finish::<AllOps>()?;
//!     store.activate(slot)
//! }
//! ```
//!
//! # Layout
//!
//! | region | size | holds |
//! |---|---|---|
//! | slot A, slot B | whole erase blocks each, at a multiple of 16 in memory | a `.mote` file from the first byte on; the last word is filled up with 255 |
//! | log | two or more erase blocks | records of 48 bytes, filled up to whole words |
//!
//! Regions lie anywhere in one flash. Words may have 1 to 64 bytes. The flash must also be readable like memory
//! ([`Mapped`]); only plain [`NorFlash`](embedded_storage::nor_flash::NorFlash) writes are needed, as no word is written
//! twice between two erases.
//!
//! # Records
//! Each record holds everything that the store knows, and the newest one counts:
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 4 | sequence number, one more than in the record before |
//! | 4 | 1 | version of this table, 1 |
//! | 5 | 1 | active slot: 0 (A), 1 (B), 255 (none) |
//! | 6 | 1 | slot on trial, as above |
//! | 7 | 1 | boots of the trial that have begun |
//! | 8 | 2 | [`Content`] of slot A, of slot B |
//! | 10 | 1 | slot that receives a file, as above |
//! | 11 | 1 | 0 |
//! | 12 | 4 | floor: the lowest model version that may be installed |
//! | 16 | 4 | length of the file that is received, in bytes |
//! | 20 | 4 | bytes of it that are surely stored |
//! | 24 | 16 | first half of its SHA-256 |
//! | 40 | 4 | 0 |
//! | 44 | 4 | CRC-32 (ISO-HDLC) of bytes 0..44 |
//!
//! # States of a slot
//! ```text
//!               begin              finish               activate, boot        confirm, try_out
//!  Unknown  ------------> Receiving ------> Verified -----------------> (trial) ------------> Confirmed
//!  Erased         ^           |                 ^                          |                      |
//!  Failed         |           | finish          | rollback                 | self-test failed,    | damaged
//!  Confirmed      |           v refuses         | before boot              | boots used up,       v
//!  Verified ------+        Unknown              +--------------------------+ rollback          Failed
//!                                                                          v
//!                                                                        Failed
//! ```
//! `begin` takes a slot that neither runs, nor is active, nor is on trial; if there is none, the answer is [`Error::Busy`].
//! Of two confirmed models one is active; [`Store::rollback`] makes it the other.
//!
//! # After a power cut
//! - Each change of state is one record, so that the state is the one before or the one after.
//! - [`Store::boot`] finds a model if there was one: the active slot is not written until another model was confirmed and
//!   runs. The tests cut the power at every word that is written and every block that is erased.
//! - A download goes on where its last note says: it is noted up to 16 times, at erase blocks.
//! - A boot of a trial that the cut ended counts. When [`Policy::trial_boots`] are used up, the active model runs again, and
//!   the new one has to be sent again.
//! - Assumed of the flash: a cut leaves anything in the words that were being written or the block that was being erased, and
//!   changes nothing else; what reads one way goes on reading that way.
//!
//! # What is trusted
//! [`Store::finish`] accepts a file if its SHA-256 is what the host announced; [`Model::load_for`](mote_runtime::Model) takes
//! it with the firmware's kernels; the arena suffices; the payload has the header's SHA-256; one of the keys has made the
//! Ed25519 signature (RFC 8032, without prehash or context) over [`signed_bytes`]; and its version is not below the floor.
//! All but the first and last are checked again at every boot.
//!
//! [`signed_bytes`] are bytes 0..16 and 32..88 of the header of the signed file: magic, format version, header length, file
//! length, model version, arena, section lengths, and the SHA-256 of all that follows the header. What is left out are the
//! two checksums in 16..32, which `Model::load` compares and one of which covers the signature.
//!
//! The floor is the highest version that was ever *confirmed*: a file that fails its trial does not raise it. It limits what
//! is installed, not what is stored: going back to the previous model, which was confirmed on this device, is allowed by
//! command unless the [`Policy`] forbids it, and in any case when the active model is damaged. Erasing the log by other
//! means resets the floor; the store cannot prevent that.
//!
//! # Wear
//! A block of a slot is erased once for each file that needs it, which is every other update. The log starts a new block at
//! the first change after a start, and where one is full: about two erases an update, spread evenly over its blocks.
//!
//! # Cost
//! On a Cortex-M4 (thumbv7em, `opt-level = "s"`, emulated, one instruction counted as one): 25.7 KB of flash, of which
//! Ed25519 takes about 16 and SHA-256 about 1.5. 6.5 KB of stack for [`Store::boot`] and [`Store::finish`], nearly all of it Ed25519's;
//! less than 1 KB for what receives. A file of 31 KB takes 5.3 million instructions to finish and 3.5 million to boot.
//!
//! # Features
//! All are off by default and only add.
//!
//! | feature | adds | does not add |
//! |---|---|---|
//! | `unsigned` | files without a signature are accepted | trust in a signature that is wrong |
//! | `defmt` | `defmt::Format` on the public types | any logging |
//! | `std` | [`Error`] in words, and back from its numbers, for hosts | anything a device needs |
#![no_std]
#![forbid(unsafe_code)]

// The simulated flash of the tests implements `mote_store::Mapped`, here and there.
#[cfg(test)]
extern crate self as mote_store;
#[cfg(any(test, feature = "std"))]
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
pub use verify::{Info, Key, SIGNED_BYTES, signed_bytes, verify};
