//! Where the processor sees the flash: a table of pages, one for data and instructions together, behind a register that says which
//! entry is meant. ESP32-C6 technical reference manual, section "External Memory".

use esp_hal::peripherals::SPI0;

/// Bytes of a page, as the boot program sets it up.
pub const PAGE_BYTES: u32 = 0x1_0000;
/// The first page that is used here; the program has those from the first one on.
const FIRST: u32 = 128;
/// The one behind the last that is used here: the boot program keeps the very last.
const END: u32 = 255;
/// Where the first page of the table appears.
const DATA_ADDRESS: u32 = 0x4200_0000;

/// Makes `pages` pages of flash, from page `flash_page` on, appear one after the other; says where. None if there are too many,
/// something else has a page of the table, or pages have another size.
pub fn show(flash_page: u32, pages: u32) -> Option<u32> {
    let end = FIRST.checked_add(pages).filter(|&end| end <= END)?;
    let registers = SPI0::regs();
    // 0 is the largest size, 64 KB.
    if registers.mmu_power_ctrl().read().spi_mmu_page_size().bits() != 0 {
        return None;
    }
    // SAFETY: choosing an entry has no effect but on the next access to its content, and nothing else uses the table now.
    let choose = |at: u32| registers.mmu_item_index().write(|w| unsafe { w.bits(at) });
    for at in FIRST..end {
        choose(at);
        if registers.mmu_item_content().read().valid().bit_is_set() {
            return None;
        }
    }
    for at in FIRST..end {
        let page = u16::try_from(flash_page.checked_add(at - FIRST)?).ok()?;
        choose(at);
        // SAFETY: any page may be shown; the entry was free.
        registers.mmu_item_content().write(|w| unsafe { w.paddr().bits(page).valid().set_bit() });
    }
    Some(DATA_ADDRESS + FIRST * PAGE_BYTES)
}
