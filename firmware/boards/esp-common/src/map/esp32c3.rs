//! Where the processor sees the flash: a table of pages, one for data and instructions together. ESP32-C3 technical reference
//! manual, section "External Memory".

use esp_hal::peripherals::MMU_TABLE;

/// Bytes of a page.
pub const PAGE_BYTES: u32 = 0x1_0000;
/// The first page that is used here; the program has those from the first one on.
const FIRST: u32 = 64;
/// The one behind the last that is used here: the boot program keeps the very last.
const END: u32 = 127;
/// Where the first page of the table appears as data.
const DATA_ADDRESS: u32 = 0x3c00_0000;

/// Makes `pages` pages of flash, from page `flash_page` on, appear one after the other; says where. None if there are too many or
/// something else has a page of the table.
pub fn show(flash_page: u32, pages: u32) -> Option<u32> {
    let end = FIRST.checked_add(pages).filter(|&end| end <= END)?;
    let table = MMU_TABLE::regs();
    if (FIRST..end).any(|at| table.entry(at as usize).read().invalid().bit_is_clear()) {
        return None;
    }
    for at in FIRST..end {
        let page = u8::try_from(flash_page.checked_add(at - FIRST)?).ok()?;
        // SAFETY: any page may be shown; the entry was free.
        table.entry(at as usize).write(|w| unsafe { w.paddr().bits(page).invalid().clear_bit() });
    }
    Some(DATA_ADDRESS + FIRST * PAGE_BYTES)
}
