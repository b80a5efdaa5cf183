//! Devices that run models: found by a port, asked by the protocol of `firmware/link`, updated without ever being left without
//! a model.

mod line;
mod port;
mod probe;
mod update;

pub use line::Line;
pub use port::{DEFAULT_BAUD, Port, PortError};
pub use probe::{Probe, ProbeError};
pub use update::{Sent, Step, UpdateError, activate, restart, send};

use mote_link::host::{Client, LinkError, Options, SystemClock};
use std::time::{SystemTime, UNIX_EPOCH};

/// A device at the other end of a [`Line`].
pub type Device = Client<Line, SystemClock>;

/// What can go wrong with one.
pub type DeviceError = LinkError<std::io::Error>;

/// Opens the port. Nothing is asked yet.
///
/// # Errors
/// If nobody listens there, or the port does not exist or is in use.
pub fn open(port: &Port) -> std::io::Result<Device> {
    let line = Line::open(port)?;
    // Two commands in a row must not look like one: milliseconds tell them apart.
    let session = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u16);
    Ok(Client::new(line, SystemClock::new(), session, Options::default()))
}
