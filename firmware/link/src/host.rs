//! The host's side: asks, waits, asks again, and gives up in bounded time.
//!
//! A [`Client`] blocks. What it needs from outside is a [`Transport`] for bytes and a [`Clock`]; tests give it both in virtual
//! time.

mod client;
mod commands;
mod error;
mod options;
mod stream;
mod transport;

pub use client::{Client, LogEvent};
pub use commands::{Log, Progress};
pub use error::LinkError;
pub use options::Options;
pub use transport::{Clock, SystemClock, Transport};
