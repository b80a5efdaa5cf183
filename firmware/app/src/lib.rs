//! What every board does with a model: check it, run its self-test, measure it, run the inputs that it was given, and
//! report all of that as text.
//!
//! The model and the job (inputs and what to do with them) are data in memory, apart from the firmware; see [`job`].
//! A board implements [`Board`], hands its memory over in [`Memory`], and calls [`run`] with [`LinkedOps`].
//!
//! With the feature `service`, a board can instead talk to a host, keep models in its flash, and run what the host sends: see
//! `service`.
#![no_std]
#![forbid(unsafe_code)]

mod app;
mod board;
mod failure;
mod high_water;
pub mod job;
mod profile;
mod report;
#[cfg(feature = "service")]
pub mod service;
mod wide;

pub use app::run;
pub use board::{Board, Memory, StackUsed};
pub use failure::Failure;
pub use report::Report;
pub use wide::Wide;

include!(concat!(env!("OUT_DIR"), "/ops.rs"));
