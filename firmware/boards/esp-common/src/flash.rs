//! The flash, as the store wants it: a chip beside the processor, which reads it in place through a cache. The HAL writes and erases
//! with the chip's own program in ROM; old bytes in the cache are forgotten here.

use crate::map::{PAGE_BYTES, show};
use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use esp_hal::peripherals::FLASH;
use esp_storage::{FlashStorage, FlashStorageError};
use mote_board::Mapped;

/// Bytes of a line of the cache.
const LINE_BYTES: u32 = 32;

unsafe extern "C" {
    /// In ROM: the cache forgets whole lines.
    fn Cache_Invalidate_Addr(address: u32, bytes: u32);
}

/// A part of the flash. Offsets count from the start of the flash.
pub struct MappedFlash {
    flash: FlashStorage<'static>,
    start: u32,
    end: u32,
    /// Where the processor sees `start`.
    address: u32,
}

impl MappedFlash {
    /// Takes the flash and makes `bytes` of it, from `start` on, appear in memory. Both are multiples of 64 KB; None if they are not, the
    /// flash is smaller, or there is no room for it in memory.
    pub fn new(flash: FLASH<'static>, start: u32, bytes: u32) -> Option<Self> {
        let flash = FlashStorage::new(flash);
        let end = start.checked_add(bytes).filter(|&end| end as usize <= flash.capacity())?;
        if !start.is_multiple_of(PAGE_BYTES) || !bytes.is_multiple_of(PAGE_BYTES) {
            return None;
        }
        let address = show(start / PAGE_BYTES, bytes / PAGE_BYTES)?;
        let this = Self { flash, start, end, address };
        // What was there before the pages changed.
        this.forget(start, end);
        Some(this)
    }

    /// The cache forgets the bytes `from..to` of the flash, as far as they appear in memory.
    fn forget(&self, from: u32, to: u32) {
        let (from, to) = (from.clamp(self.start, self.end), to.clamp(self.start, self.end));
        let first = from / LINE_BYTES * LINE_BYTES;
        let bytes = to.saturating_sub(first).next_multiple_of(LINE_BYTES);
        if from < to {
            // SAFETY: a function of the ROM, given whole lines of memory that only reads flash.
            unsafe { Cache_Invalidate_Addr(self.address + (first - self.start), bytes) };
        }
    }
}

impl ErrorType for MappedFlash {
    type Error = FlashStorageError;
}

impl ReadNorFlash for MappedFlash {
    const READ_SIZE: usize = <FlashStorage<'static> as ReadNorFlash>::READ_SIZE;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashStorageError> {
        ReadNorFlash::read(&mut self.flash, offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.end as usize
    }
}

impl NorFlash for MappedFlash {
    const WRITE_SIZE: usize = <FlashStorage<'static> as NorFlash>::WRITE_SIZE;
    const ERASE_SIZE: usize = <FlashStorage<'static> as NorFlash>::ERASE_SIZE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashStorageError> {
        let result = NorFlash::erase(&mut self.flash, from, to);
        self.forget(from, to);
        result
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashStorageError> {
        let result = NorFlash::write(&mut self.flash, offset, bytes);
        self.forget(offset, offset.saturating_add(bytes.len() as u32));
        result
    }
}

impl Mapped for MappedFlash {
    fn mapped(&self, offset: u32, len: u32) -> Option<&[u8]> {
        let inside = offset.checked_sub(self.start)?;
        if offset.checked_add(len)? > self.end {
            return None;
        }
        let start = self.address.checked_add(inside)? as *const u8;
        // SAFETY: `new` made these bytes of the flash appear there; writing needs `&mut self`, so they stay while they are borrowed.
        Some(unsafe { core::slice::from_raw_parts(start, len as usize) })
    }
}
