//! The host's side: asks, waits, asks again, and gives up in bounded time.
//!
//! A [`Client`] blocks. What it needs from outside is a [`Transport`] for bytes and a [`Clock`]; tests give it both in virtual
//! time.
//!
//! ```no_run
//! use mote_link::host::{Client, LinkError, Options, SystemClock, Transport};
//!
//! fn update<T: Transport>(port: T, session: u16, file: &[u8]) -> Result<(), LinkError<T::Error>> {
//!     let mut device = Client::new(port, SystemClock::new(), session, Options::default());
//!     println!("{}", device.hello()?.board);
//!     device.write(1, file, &mut |progress| eprintln!("{} of {} bytes", progress.done, progress.total))?;
//!     device.activate(1)
//! }
//! ```

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
