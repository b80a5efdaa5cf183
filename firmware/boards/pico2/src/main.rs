//! Raspberry Pi's Pico 2: models come over its UART 0, pins GP0 and GP1, 115,200 baud.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use embassy_rp::uart::{BufferedInterruptHandler, BufferedUart, Config};
use embassy_rp::{bind_interrupts, peripherals};
use mote_board_cortex_m::{Cycles, Device, Layout, serve};
use mote_board_rp::{FLASH_ADDRESS, MappedFlash};
use mote_runtime::Arena;

/// `arena_bytes` of board.toml.
const ARENA_BYTES: usize = 0x00060000;
/// `address`, `slot_bytes`, `log_bytes` of the table `store` in board.toml.
const STORE_ADDRESS: u32 = 0x1010_0000;
const SLOT_BYTES: u32 = 0x0017_0000;
const LOG_BYTES: u32 = 0x0002_0000;
const FLASH_BYTES: usize = 4 << 20;
/// For what is received or sent while the processor does something else.
const BUFFER_BYTES: usize = 1024;

bind_interrupts!(struct Irqs {
    UART0_IRQ => BufferedInterruptHandler<peripherals::UART0>;
});

struct This(Cycles);

impl Device for This {
    const NAME: &'static str = "pico2";
    const TICKS_PER_SECOND: u32 = 150_000_000;
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
    let chip = embassy_rp::init(Default::default());
    // SAFETY: the HAL does not touch the counter of cycles, and nothing else takes the core's peripherals.
    let mut core = unsafe { cortex_m::Peripherals::steal() };
    let clock = Cycles::start(&mut core.DCB, &mut core.DWT);
    let uart = BufferedUart::new(chip.UART0, chip.PIN_0, chip.PIN_1, Irqs, SENT, RECEIVED, Config::default());
    let flash = MappedFlash::<FLASH_BYTES>::new(chip.FLASH);
    // SAFETY: called once.
    unsafe { serve(This(clock), flash, uart, ARENA.as_mut_slice()) }
}
