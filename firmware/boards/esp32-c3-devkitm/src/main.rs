//! Espressif's ESP32-C3-DevKitM-1: models come over UART 0, which the USB bridge on the board shows as a serial port, 115,200 baud.
#![no_std]
#![no_main]

use esp_hal::clock::CpuClock;
use esp_hal::uart::{Config, Uart};
use mote_board_esp::{Cycles, Device, Layout, MappedFlash, restart, serve};
use mote_runtime::Arena;
use static_cell::ConstStaticCell;

/// `arena_bytes` of board.toml.
const ARENA_BYTES: usize = 0x00040000;
/// `address`, `slot_bytes`, `log_bytes` of the table `store` in board.toml; the partition `models` in partitions.csv.
const STORE_ADDRESS: u32 = 0x0011_0000;
const SLOT_BYTES: u32 = 0x0017_0000;
const LOG_BYTES: u32 = 0x0001_0000;

esp_bootloader_esp_idf::esp_app_desc!();

struct This(Cycles);

impl Device for This {
    const NAME: &'static str = "esp32-c3-devkitm";
    const TICKS_PER_SECOND: u32 = 160_000_000;
    const LAYOUT: Layout = Layout::consecutive(STORE_ADDRESS, SLOT_BYTES, LOG_BYTES);

    fn ticks(&mut self) -> u64 {
        self.0.now()
    }
}

#[esp_hal::main]
fn main() -> ! {
    static ARENA: ConstStaticCell<Arena<ARENA_BYTES>> = ConstStaticCell::new(Arena::new());
    let chip = esp_hal::init(esp_hal::Config::default().with_cpu_clock(CpuClock::_160MHz));
    // 115,200 baud is the HAL's default.
    let Ok(uart) = Uart::new(chip.UART0, Config::default()) else { restart() };
    let uart = uart.with_tx(chip.GPIO21).with_rx(chip.GPIO20);
    let Some(flash) = MappedFlash::new(chip.FLASH, STORE_ADDRESS, 2 * SLOT_BYTES + LOG_BYTES) else { restart() };
    let arena = ARENA.take().as_mut_slice();
    // SAFETY: called once.
    unsafe { serve(This(Cycles::start()), flash, uart, arena) }
}
