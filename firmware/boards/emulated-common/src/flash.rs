//! RAM that behaves like NOR flash: the emulated boards have no flash that a program can write.
//!
//! It lies in the memory that `memory.x` sets aside for a model. The emulator keeps it over a restart, as flash does; when the
//! emulator ends, it is gone.

use crate::memory;
use core::slice;
use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};
use mote_store::{Layout, Mapped};

/// `slot_bytes` of the table `store` in every board.toml of emulated boards.
const SLOT_BYTES: u32 = 0x0010_0000;
/// `log_bytes`, likewise.
const LOG_BYTES: u32 = 0x2000;
const FLASH_BYTES: u32 = 2 * SLOT_BYTES + LOG_BYTES;

/// Where in the flash models lie: from its start on.
pub const LAYOUT: Layout = Layout::consecutive(0, SLOT_BYTES, LOG_BYTES);

/// Says in the first word of the job's memory, which the service does not use, that the flash was erased in the factory:
/// memory of a machine that was just switched on is all zeros.
const ERASED_ONCE: u32 = 0xE0F1_A5ED;

/// The flash. There is one.
pub struct RamFlash {
    base: *mut u8,
    bytes: usize,
}

/// An access that leaves the flash, or its grid.
#[derive(Clone, Copy, Debug)]
pub struct Fault(NorFlashErrorKind);

impl NorFlashError for Fault {
    fn kind(&self) -> NorFlashErrorKind {
        self.0
    }
}

impl RamFlash {
    /// The first bytes of the model's memory, or all if there are fewer than [`LAYOUT`] needs; erased if the machine was just
    /// switched on.
    ///
    /// # Safety
    /// To be called once; nothing else may use the model's and the job's memory.
    pub unsafe fn take() -> Self {
        let region = memory::model().as_ptr_range();
        let base = region.start.cast_mut();
        let bytes = (FLASH_BYTES as usize).min(region.end as usize - region.start as usize);
        let marker = memory::job().as_ptr().cast_mut().cast::<u32>();
        // SAFETY: both regions are memory that can be written, aligned to far more than a word, and by the caller's
        // promise only this function and what it returns touch them.
        unsafe {
            if marker.read_volatile() != ERASED_ONCE {
                base.write_bytes(0xff, bytes);
                marker.write_volatile(ERASED_ONCE);
            }
        }
        Self { base, bytes }
    }

    /// Refuses what leaves the flash or does not lie on multiples of `unit`.
    fn check(&self, offset: u32, bytes: usize, unit: usize) -> Result<(), Fault> {
        let start = offset as usize;
        if start.checked_add(bytes).is_none_or(|end| end > self.bytes) {
            return Err(Fault(NorFlashErrorKind::OutOfBounds));
        }
        if !start.is_multiple_of(unit) || !bytes.is_multiple_of(unit) {
            return Err(Fault(NorFlashErrorKind::NotAligned));
        }
        Ok(())
    }

    fn range_mut(&mut self, offset: u32, bytes: usize) -> &mut [u8] {
        // SAFETY: callers have checked that the range lies inside; `self` is the only owner and is borrowed as long.
        unsafe { slice::from_raw_parts_mut(self.base.add(offset as usize), bytes) }
    }
}

impl ErrorType for RamFlash {
    type Error = Fault;
}

impl ReadNorFlash for RamFlash {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Fault> {
        self.check(offset, bytes.len(), Self::READ_SIZE)?;
        bytes.copy_from_slice(self.range_mut(offset, bytes.len()));
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes
    }
}

impl NorFlash for RamFlash {
    const WRITE_SIZE: usize = 8;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Fault> {
        let bytes = to.checked_sub(from).ok_or(Fault(NorFlashErrorKind::OutOfBounds))? as usize;
        self.check(from, bytes, Self::ERASE_SIZE)?;
        self.range_mut(from, bytes).fill(0xff);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Fault> {
        self.check(offset, bytes.len(), Self::WRITE_SIZE)?;
        // Writing only clears bits.
        self.range_mut(offset, bytes.len()).iter_mut().zip(bytes).for_each(|(cell, &byte)| *cell &= byte);
        Ok(())
    }
}

impl Mapped for RamFlash {
    fn mapped(&self, offset: u32, len: u32) -> Option<&[u8]> {
        self.check(offset, len as usize, 1).ok()?;
        // SAFETY: the range was checked; writing needs `&mut self`, so the bytes stay while they are borrowed.
        Some(unsafe { slice::from_raw_parts(self.base.add(offset as usize), len as usize) })
    }
}
