//! Devices that run models: found by a port, asked by the protocol of `firmware/link`, updated without ever being left without
//! a model.

mod line;
mod port;
mod probe;
mod update;

pub use line::Line;
pub use port::{DEFAULT_BAUD, Port, PortError};
pub use probe::{Probe, ProbeError};
pub use update::{Sent, UpdateError, activate, restart, send};

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

/// Text from a device, without what a terminal would obey: all but letters, signs, blanks and line ends is shown as `\u{fffd}`.
pub fn printable(bytes: &[u8]) -> String {
    let safe = |c: char| if c.is_control() && c != '\n' { char::REPLACEMENT_CHARACTER } else { c };
    String::from_utf8_lossy(bytes).chars().map(safe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_does_not_write_escapes_to_the_terminal() {
        assert_eq!(printable(b"boot 1\nGr\xc3\xbc\xc3\x9fe \x1b[2J\xff"), "boot 1\nGrüße \u{fffd}[2J\u{fffd}");
    }
}
