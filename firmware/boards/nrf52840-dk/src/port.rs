//! The serial line. The UART's DMA goes on receiving while the core stands still for the flash.

use embassy_futures::block_on;
use embassy_nrf::buffered_uarte::{BufferedUarte, Error};
use embedded_io::{ErrorType, Read, Write};

/// The line to the debug probe, which shows it as a serial port on USB.
pub struct Port(pub BufferedUarte<'static>);

impl ErrorType for Port {
    type Error = Error;
}

impl Read for Port {
    fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Error> {
        block_on(self.0.read(bytes))
    }
}

impl Write for Port {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        block_on(self.0.write(bytes))
    }

    fn flush(&mut self) -> Result<(), Error> {
        block_on(self.0.flush())
    }
}
