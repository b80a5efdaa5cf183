//! ST's Nucleo-L4R5ZI: models come over the serial port of the ST-LINK on the board, 115,200 baud.
#![no_std]
#![no_main]

mod clock;
mod flash;

use cortex_m_rt::entry;
use embassy_stm32::flash::Flash;
use embassy_stm32::usart::{self, BufferedUart};
use embassy_stm32::{bind_interrupts, peripherals};
use flash::MappedFlash;
use mote_board_cortex_m::{Cycles, Device, Layout, restart, serve};
use mote_runtime::Arena;

/// `arena_bytes` of board.toml.
const ARENA_BYTES: usize = 0x00080000;
/// `address`, `slot_bytes`, `log_bytes` of the table `store` in board.toml.
const STORE_ADDRESS: u32 = 0x0810_0000;
const SLOT_BYTES: u32 = 0x0007_8000;
const LOG_BYTES: u32 = 0x0001_0000;
/// Where the flash begins.
const FLASH_ADDRESS: u32 = 0x0800_0000;
/// For what is received or sent while the processor does something else.
const BUFFER_BYTES: usize = 1024;

bind_interrupts!(struct Irqs {
    LPUART1 => usart::BufferedInterruptHandler<peripherals::LPUART1>;
});

struct This(Cycles);

impl Device for This {
    const NAME: &'static str = "nucleo-l4r5zi";
    const TICKS_PER_SECOND: u32 = 120_000_000;
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
    let chip = clock::init();
    // SAFETY: the HAL does not touch the counter of cycles, and nothing else takes the core's peripherals.
    let mut core = unsafe { cortex_m::Peripherals::steal() };
    let clock = Cycles::start(&mut core.DCB, &mut core.DWT);
    // 115,200 baud is the HAL's default.
    let line = usart::Config::default();
    let Ok(uart) = BufferedUart::new(chip.LPUART1, chip.PG8, chip.PG7, SENT, RECEIVED, Irqs, line) else { restart() };
    let flash = MappedFlash::new(Flash::new_blocking(chip.FLASH));
    // SAFETY: called once.
    unsafe { serve(This(clock), flash, uart, ARENA.as_mut_slice()) }
}
