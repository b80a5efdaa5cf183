//! A device that a host flashes, asks and measures: `mote-link` in front, `mote-store` behind, one model that runs.
//!
//! [`Service`] is the [`Handler`](mote_link::Handler) of a board. [`Service::start`] boots the store, tries a new model out,
//! and goes back by itself if that fails; from then on the board feeds it what the host sends:
//!
//! ```
//! use mote_firmware_app::LinkedOps;
//! use mote_firmware_app::service::{Config, KEYS, Service, ServiceBoard, Work, serve};
//! use mote_store::{Error, Layout, Mapped, Policy};
//!
//! const LAYOUT: Layout = Layout::consecutive(0x4_0000, 0x1_8000, 0x2000);
//!
//! fn start<B, F, P>(board: B, flash: F, mut port: P, work: Work<'static>) -> Result<(), Error>
//! where
//!     B: ServiceBoard,
//!     F: Mapped,
//!     P: embedded_io::Read + embedded_io::Write,
//! {
//!     let config = Config { layout: LAYOUT, keys: KEYS, policy: Policy::new(work.arena.len() as u32) };
//!     let mut service = Service::<B, F, LinkedOps>::start(board, flash, config, work)?;
//!     let _ = serve(&mut service, &mut port);
//!     Ok(()) // now restart
//! }
//! ```
//!
//! [`KEYS`] are those of the files that the environment variable `MOTE_PUBLIC_KEYS` named when the firmware was built.
//!
//! # The model that runs
//! The store owns the flash and writes to it, so nothing can borrow a model from it for long. What is kept of a loaded model
//! is where its inputs and outputs lie in the arena; each request that runs it checks the file anew
//! (`Model::load_for`, linear in the file) and makes an engine. So no lifetime ties the model to the flash, a file that
//! is damaged while the device is on is refused with a reason and never run, and receiving the next file does not
//! disturb the one that runs: that lies in a slot which the store does not touch until the next boot.
//!
//! Each run begins as after `Engine::reset`: what a recurrent model keeps between runs does not last from one request to the
//! next.
//!
//! # Slots
//! A host names the slot that it writes to. Where a model runs the other one is free; of a new device, both are. A slot that is not
//! free is refused as in use, and nothing is lost.
//!
//! # Cost
//! On a Cortex-M4 (thumbv7em, `opt-level = "s"`, emulated, one instruction counted as one):
//!
//! | what | bytes |
//! |---|---|
//! | flash: runtime with `Conv2d`, `DepthwiseConv2d`, `FullyConnected`, `AveragePool2d`, `Softmax` | 24,400 |
//! | flash: store, 16,000 of them Ed25519 | 26,300 |
//! | flash: link and service | 14,200 |
//! | RAM: [`Service`] and `mote_link::Device` | 2,100 |
//! | stack of a start that tries a model out | 9,600 |
//! | stack of a request: to verify, run or bench; any other | 7,900; 5,200 |
//!
//! Checking a file of 26 KB takes 46,000 instructions, 1.2 % of a run of the keyword spotting DS-CNN in it.
//!
//! # Bounds
//! A bench measures at most [`MAX_RUNS`] runs, and as many as [`Work::times`] has words for: `(runs + 1) * instructions`. If not
//! even one run fits, only the first instructions are timed. Nothing else is kept per instruction. The log holds the
//! last [`LOG_BYTES`].

mod board;
mod handler;
mod loaded;
mod log;
mod refusal;
mod serve;
mod start;
mod times;

pub use board::ServiceBoard;
pub use log::LOG_BYTES;
pub use refusal::{Doing, refusal};
pub use serve::serve;
pub use start::{Config, Service, Work};
pub use times::MAX_RUNS;

include!(concat!(env!("OUT_DIR"), "/keys.rs"));
