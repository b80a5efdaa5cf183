//! The flash, as the store wants it: read in place. The HAL writes and erases, but leaves old bytes in the cache for data.

use cortex_m_rt::exception;
use embassy_stm32::flash::{Blocking, Error, Flash};
use embassy_stm32::pac::FLASH;
use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use mote_board_cortex_m::Mapped;

/// All of the flash.
pub struct MappedFlash(Flash<'static, Blocking>);

impl MappedFlash {
    /// Takes the flash.
    pub fn new(flash: Flash<'static, Blocking>) -> Self {
        Self(flash)
    }
}

/// Empties the cache for data, which can only be done while it is off.
fn forget_old_bytes() {
    FLASH.acr().modify(|w| w.set_dcen(false));
    FLASH.acr().modify(|w| w.set_dcrst(true));
    FLASH.acr().modify(|w| w.set_dcrst(false));
    FLASH.acr().modify(|w| w.set_dcen(true));
}

/// What the flash raises on reading a word whose check bits are wrong, as a power cut leaves it. The read goes on with what is
/// there; the store finds by its own checksums that it is nothing.
#[exception]
unsafe fn NonMaskableInt() {
    FLASH.eccr().modify(|w| w.set_eccd(true));
}

impl ErrorType for MappedFlash {
    type Error = Error;
}

impl ReadNorFlash for MappedFlash {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Error> {
        ReadNorFlash::read(&mut self.0, offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

impl NorFlash for MappedFlash {
    const WRITE_SIZE: usize = <Flash<'static, Blocking> as NorFlash>::WRITE_SIZE;
    const ERASE_SIZE: usize = <Flash<'static, Blocking> as NorFlash>::ERASE_SIZE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Error> {
        let result = self.0.blocking_erase(from, to);
        forget_old_bytes();
        result
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Error> {
        let result = self.0.blocking_write(offset, bytes);
        forget_old_bytes();
        result
    }
}

impl Mapped for MappedFlash {
    fn mapped(&self, offset: u32, len: u32) -> Option<&[u8]> {
        let end = offset.checked_add(len)?;
        if end as usize > self.0.capacity() {
            return None;
        }
        let start = crate::FLASH_ADDRESS.checked_add(offset)? as *const u8;
        // SAFETY: the flash lies at these addresses; writing needs `&mut self`, so the bytes stay while they are borrowed.
        Some(unsafe { core::slice::from_raw_parts(start, len as usize) })
    }
}
