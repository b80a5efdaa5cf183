//! What boards with Raspberry Pi's RP2040 and RP2350 have in common: their flash is a chip beside the processor, which reads it in
//! place through a cache.
#![no_std]

use embassy_rp::Peri;
use embassy_rp::flash::{Blocking, Error, Flash};
use embassy_rp::peripherals::FLASH;
use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use mote_store::Mapped;

/// Where the processor sees the flash.
pub const FLASH_ADDRESS: u32 = 0x1000_0000;

/// All of the flash, `BYTES` of it, as the store wants it. The HAL writes and erases with the chip's own program in ROM, out of RAM and
/// with interrupts off; that empties the cache too, so that reads show what was written last.
pub struct MappedFlash<const BYTES: usize>(Flash<'static, FLASH, Blocking, BYTES>);

impl<const BYTES: usize> MappedFlash<BYTES> {
    /// Takes the flash.
    pub fn new(flash: Peri<'static, FLASH>) -> Self {
        Self(Flash::new_blocking(flash))
    }
}

impl<const BYTES: usize> ErrorType for MappedFlash<BYTES> {
    type Error = Error;
}

impl<const BYTES: usize> ReadNorFlash for MappedFlash<BYTES> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Error> {
        self.0.blocking_read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        BYTES
    }
}

impl<const BYTES: usize> NorFlash for MappedFlash<BYTES> {
    const WRITE_SIZE: usize = 1;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Error> {
        self.0.blocking_erase(from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Error> {
        self.0.blocking_write(offset, bytes)
    }
}

impl<const BYTES: usize> Mapped for MappedFlash<BYTES> {
    fn mapped(&self, offset: u32, len: u32) -> Option<&[u8]> {
        let end = offset.checked_add(len)?;
        if end as usize > BYTES {
            return None;
        }
        let start = FLASH_ADDRESS.checked_add(offset)? as *const u8;
        // SAFETY: the flash lies at these addresses; writing needs `&mut self`, so the bytes stay while they are borrowed.
        Some(unsafe { core::slice::from_raw_parts(start, len as usize) })
    }
}
