//! A UART as a line.

use core::convert::Infallible;
use embedded_io::{ErrorType, Read, Write};

/// What a UART can do.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Waits for room and sends one byte.
    pub send: fn(u8),
    /// The byte that has arrived, if one has.
    pub receive: fn() -> Option<u8>,
}

impl ErrorType for Line {
    type Error = Infallible;
}

impl Read for Line {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        let Some(first) = buffer.first_mut() else { return Ok(0) };
        *first = loop {
            if let Some(byte) = (self.receive)() {
                break byte;
            }
        };
        Ok(1)
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        bytes.iter().for_each(|&byte| (self.send)(byte));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
