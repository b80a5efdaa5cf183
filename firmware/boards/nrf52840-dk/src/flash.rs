//! The flash, as the store wants it: read in place. The HAL writes and erases, and neither leaves anything old in a cache, as the
//! instruction cache does not serve reads of data.

use embassy_nrf::nvmc::{Error, FLASH_SIZE, Nvmc};
use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use mote_board_cortex_m::Mapped;

/// All of the flash, from address 0 on.
pub struct Flash(pub Nvmc<'static>);

impl ErrorType for Flash {
    type Error = Error;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = Nvmc::READ_SIZE;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Error> {
        self.0.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = Nvmc::WRITE_SIZE;
    const ERASE_SIZE: usize = Nvmc::ERASE_SIZE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Error> {
        self.0.erase(from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Error> {
        self.0.write(offset, bytes)
    }
}

impl Mapped for Flash {
    fn mapped(&self, offset: u32, len: u32) -> Option<&[u8]> {
        // Behind the program, so that no slice starts at address 0.
        let end = offset.checked_add(len)?;
        if offset < crate::STORE_ADDRESS || end as usize > FLASH_SIZE {
            return None;
        }
        // SAFETY: the flash lies at these addresses; writing needs `&mut self`, so the bytes stay while they are borrowed.
        Some(unsafe { core::slice::from_raw_parts(offset as *const u8, len as usize) })
    }
}
