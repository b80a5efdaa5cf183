//! Where things are in the flash.

use crate::error::{Error, LayoutError};
use embedded_storage::nor_flash::NorFlash;

/// NOR flash that the CPU can also read like memory, as models are used in place.
pub trait Mapped: NorFlash {
    /// The bytes of flash from `offset` on, `len` of them; `None` if the flash does not reach so far.
    ///
    /// Shows what was written last: a driver with a cache in front of the flash has to make it current after writing and
    /// erasing. An offset that is a multiple of 16 must be at a multiple of 16 in memory.
    fn mapped(&self, offset: u32, len: u32) -> Option<&[u8]>;
}

impl<F: Mapped> Mapped for &mut F {
    fn mapped(&self, offset: u32, len: u32) -> Option<&[u8]> {
        F::mapped(self, offset, len)
    }
}

/// A range of flash, in whole erase blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Region {
    /// Offset in the flash, in bytes.
    pub start: u32,
    /// Bytes.
    pub len: u32,
}

impl Region {
    fn end(self) -> Option<u32> {
        self.start.checked_add(self.len)
    }

    fn overlaps(self, other: Self) -> bool {
        let ends_after = |a: Self, b: Self| a.end().is_none_or(|end| end > b.start);
        ends_after(self, other) && ends_after(other, self)
    }
}

/// The two slots and the log. Regions may lie anywhere, in any order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Layout {
    /// Slots [`A`](crate::Slot::A) and [`B`](crate::Slot::B). They may differ in size.
    pub slots: [Region; 2],
    /// At least two erase blocks; more make it last longer.
    pub log: Region,
}

impl Layout {
    /// Two slots of `slot_bytes` and a log of `log_bytes`, one after the other from `start` on.
    pub const fn consecutive(start: u32, slot_bytes: u32, log_bytes: u32) -> Self {
        let second = start.saturating_add(slot_bytes);
        let log = second.saturating_add(slot_bytes);
        Self {
            slots: [Region { start, len: slot_bytes }, Region { start: second, len: slot_bytes }],
            log: Region { start: log, len: log_bytes },
        }
    }

    pub(crate) fn check<F: Mapped>(&self, flash: &F) -> Result<(), Error> {
        let [a, b] = self.slots;
        let block = F::ERASE_SIZE as u32;
        let capacity = u32::try_from(flash.capacity()).unwrap_or(u32::MAX);
        let fault = |fault| Err(Error::Layout(fault));
        for region in [a, b, self.log] {
            if region.len == 0 || !region.start.is_multiple_of(block) || !region.len.is_multiple_of(block) {
                return fault(LayoutError::Unaligned);
            }
            if region.end().is_none_or(|end| end > capacity) {
                return fault(LayoutError::OutOfBounds);
            }
        }
        if a.overlaps(b) || a.overlaps(self.log) || b.overlaps(self.log) {
            return fault(LayoutError::Overlap);
        }
        if self.log.len / block < 2 {
            return fault(LayoutError::ShortLog);
        }
        if self.slots.iter().any(|slot| flash.mapped(slot.start, slot.len).is_none()) {
            return fault(LayoutError::NotMapped);
        }
        Ok(())
    }
}
