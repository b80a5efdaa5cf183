//! Drivers that are somewhere else, so that they are not counted.

use mote_firmware_app::service::ServiceBoard;
use mote_firmware_app::{Board, StackUsed};

unsafe extern "C" {
    /// The clock.
    safe fn mote_ticks() -> u64;
    /// Sends a byte.
    safe fn mote_send(byte: u8);
}

/// A clock.
#[derive(Debug)]
pub struct Clock;

impl Board for Clock {
    const NAME: &'static str = "nowhere";

    fn write(&mut self, _bytes: &[u8]) {}

    fn ticks(&mut self) -> u64 {
        mote_ticks()
    }

    fn paint_stack(&mut self) {}

    fn stack_used(&mut self) -> StackUsed {
        StackUsed::default()
    }
}

impl ServiceBoard for Clock {
    const WINDOW: u8 = 2;
    const TICKS_PER_SECOND: u32 = 0;
}

/// Where answers go.
#[derive(Debug)]
pub struct Port;

impl embedded_io::ErrorType for Port {
    type Error = core::convert::Infallible;
}

impl embedded_io::Write for Port {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
        bytes.iter().for_each(|&byte| mote_send(byte));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}
