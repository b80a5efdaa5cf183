//! Flash, without its driver.

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};
use mote_store::Mapped;

unsafe extern "C" {
    /// Erases a range.
    safe fn mote_flash_erase(from: u32, to: u32) -> bool;
    /// Writes a word.
    safe fn mote_flash_write(offset: u32, word: u64) -> bool;
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
