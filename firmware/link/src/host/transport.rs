//! What a client needs from outside.

use std::time::{Duration, Instant};

/// Bytes to and from a device: a serial port, or a TCP connection to an emulated one. It may lose and damage any of them.
pub trait Transport {
    /// What can be wrong with the connection.
    type Error: std::error::Error + 'static;

    /// Sends all bytes, or puts them where they are sent from.
    ///
    /// # Errors
    /// If the connection is lost. The client reconnects then.
    fn write(&mut self, bytes: &[u8]) -> Result<(), Self::Error>;

    /// Reads at least one byte and at most `buffer.len()`, as soon as there are any; 0 once `timeout` has passed without.
    ///
    /// # Errors
    /// If the connection is lost. The client reconnects then.
    fn read(&mut self, buffer: &mut [u8], timeout: Duration) -> Result<usize, Self::Error>;

    /// Opens the connection again. May wait a little for the device to come back.
    ///
    /// # Errors
    /// If that does not succeed. The client tries as often as [`Options::reconnects`](super::Options::reconnects) says.
    fn reconnect(&mut self) -> Result<(), Self::Error>;
}

/// A clock that never goes back.
pub trait Clock {
    /// Time since any fixed moment.
    fn now(&self) -> Duration;
}

/// The computer's own clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock(Instant);

impl SystemClock {
    /// Starts at 0.
    pub fn new() -> Self {
        Self(Instant::now())
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}
