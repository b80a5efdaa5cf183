//! Drivers that are somewhere else, so that they are not counted.

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};
use mote_firmware_app::service::ServiceBoard;
use mote_firmware_app::{Board, StackUsed};
use mote_store::Mapped;

unsafe extern "C" {
    /// The clock.
    safe fn mote_ticks() -> u64;
    /// Erases a range.
    safe fn mote_flash_erase(from: u32, to: u32) -> bool;
    /// Writes a word.
    safe fn mote_flash_write(offset: u32, word: u64) -> bool;
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

/// A flash like that of many Cortex-M4: words of 8 bytes, blocks of 4 KB.
#[derive(Debug)]
pub struct Flash {
    /// All of it.
    pub memory: &'static [u8],
}

impl ErrorType for Flash {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        let from = self.memory.get(offset as usize..).unwrap_or_default();
        bytes.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.memory.len()
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = 8;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        if mote_flash_erase(from, to) { Ok(()) } else { Err(NorFlashErrorKind::Other) }
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        let words = bytes.as_chunks().0.iter().zip((offset..).step_by(Self::WRITE_SIZE));
        let mut written = words.map(|(word, at)| mote_flash_write(at, u64::from_le_bytes(*word)));
        if written.all(|written| written) { Ok(()) } else { Err(NorFlashErrorKind::Other) }
    }
}

impl Mapped for Flash {
    fn mapped(&self, offset: u32, len: u32) -> Option<&[u8]> {
        self.memory.get(offset as usize..)?.get(..len as usize)
    }
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
