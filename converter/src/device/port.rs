//! How users name the line to a device.

use std::fmt;
use std::str::FromStr;

/// Bits per second where the user says nothing; what the firmware of our boards uses.
pub const DEFAULT_BAUD: u32 = 921_600;

/// The line to a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Port {
    /// `tcp:HOST:PORT`: the UART of an emulated board, or a server of serial ports.
    Tcp {
        /// Name or address, as `HOST:PORT`.
        address: String,
    },
    /// `PATH` or `PATH@BAUD`: a serial port.
    Serial {
        /// As the operating system calls it: `/dev/ttyACM0`, `COM3`.
        path: String,
        /// Bits per second.
        baud: u32,
    },
}

/// Why a text names no port.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum PortError {
    #[error("`{text}` is not tcp:HOST:PORT, as in tcp:127.0.0.1:5555")]
    Tcp { text: String },
    #[error("`{text}` is not PATH@BAUD, as in /dev/ttyACM0@921600")]
    Baud { text: String },
    #[error("no port is given: name a serial port, as /dev/ttyACM0, or tcp:HOST:PORT")]
    Empty,
}

impl FromStr for Port {
    type Err = PortError;

    fn from_str(text: &str) -> Result<Self, PortError> {
        if let Some(address) = text.strip_prefix("tcp:") {
            let parts = address.rsplit_once(':').filter(|(host, _)| !host.is_empty());
            let number = parts.and_then(|(_, port)| port.parse::<u16>().ok()).filter(|&port| port != 0);
            return match number {
                Some(_) => Ok(Self::Tcp { address: address.into() }),
                None => Err(PortError::Tcp { text: text.into() }),
            };
        }
        let (path, baud) = match text.rsplit_once('@') {
            None => (text, DEFAULT_BAUD),
            Some((path, baud)) => match baud.parse() {
                Ok(baud) if baud > 0 => (path, baud),
                _ => return Err(PortError::Baud { text: text.into() }),
            },
        };
        if path.is_empty() { Err(PortError::Empty) } else { Ok(Self::Serial { path: path.into(), baud }) }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { address } => write!(f, "tcp:{address}"),
            Self::Serial { path, baud } => write!(f, "{path}@{baud}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_as_they_are_written() {
        for text in ["tcp:127.0.0.1:5555", "tcp:[::1]:80", "/dev/ttyACM0@115200"] {
            assert_eq!(text.parse::<Port>().unwrap().to_string(), text);
        }
        assert_eq!("COM3".parse(), Ok(Port::Serial { path: "COM3".into(), baud: DEFAULT_BAUD }));
    }

    #[test]
    fn what_is_no_port_is_refused() {
        for text in
            ["tcp:5555", "tcp:host:", "tcp::5", "tcp:host:0", "tcp:host:65536", "/dev/tty@fast", "/dev/tty@0", ""]
        {
            assert!(text.parse::<Port>().is_err(), "{text}");
        }
    }
}
