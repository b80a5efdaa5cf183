//! Nordic's nRF52840-DK: models come over the serial port of the debug probe on the board, 115,200 baud.
#![no_std]
#![no_main]

mod flash;
mod port;

use cortex_m_rt::entry;
use embassy_nrf::buffered_uarte::{self, BufferedUarte};
use embassy_nrf::config::{Config, HfclkSource};
use embassy_nrf::nvmc::Nvmc;
use embassy_nrf::{bind_interrupts, peripherals, uarte};
use flash::Flash;
use mote_board_cortex_m::{Cycles, Device, Layout, serve};
use mote_runtime::Arena;
use port::Port;

/// `arena_bytes` of board.toml.
const ARENA_BYTES: usize = 0x00030000;
/// `address`, `slot_bytes`, `log_bytes` of the table `store` in board.toml.
const STORE_ADDRESS: u32 = 0x0004_0000;
const SLOT_BYTES: u32 = 0x0005_c000;
const LOG_BYTES: u32 = 0x8000;
/// Where the flash begins.
const FLASH_ADDRESS: u32 = 0;
/// For what comes while flash is erased, and for one answer.
const BUFFER_BYTES: usize = 1024;

bind_interrupts!(struct Irqs {
    UARTE0 => buffered_uarte::InterruptHandler<peripherals::UARTE0>;
});

struct This(Cycles);

impl Device for This {
    const NAME: &'static str = "nrf52840-dk";
    const TICKS_PER_SECOND: u32 = 64_000_000;
    const LAYOUT: Layout = Layout::consecutive(STORE_ADDRESS - FLASH_ADDRESS, SLOT_BYTES, LOG_BYTES);

    fn ticks(&mut self) -> u64 {
        self.0.now()
    }
}

#[entry]
fn main() -> ! {
    static mut ARENA: Arena<ARENA_BYTES> = Arena::new();
    static mut RECEIVED: [u8; BUFFER_BYTES] = [0; BUFFER_BYTES];
    static mut SENT: [u8; BUFFER_BYTES] = [0; BUFFER_BYTES];
    // SAFETY: the HAL does not touch the counter of cycles, and nothing else takes the core's peripherals.
    let mut core = unsafe { cortex_m::Peripherals::steal() };
    let clock = Cycles::start(&mut core.DCB, &mut core.DWT);
    let mut config = Config::default();
    // The oscillator within the chip may be off by more than a serial line bears.
    config.hfclk_source = HfclkSource::ExternalXtal;
    let chip = embassy_nrf::init(config);
    let mut line = uarte::Config::default();
    line.baudrate = uarte::Baudrate::Baud115200;
    let uart = BufferedUarte::new(
        chip.UARTE0,
        chip.TIMER0,
        chip.PPI_CH0,
        chip.PPI_CH1,
        chip.PPI_GROUP0,
        chip.P0_08,
        chip.P0_06,
        Irqs,
        line,
        RECEIVED,
        SENT,
    );
    // SAFETY: called once.
    unsafe { serve(This(clock), Flash(Nvmc::new(chip.NVMC)), Port(uart), ARENA.as_mut_slice()) }
}
