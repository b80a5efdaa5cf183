//! A device that a host flashes models to, asks and measures, over UART 0.

use crate::flash::RamFlash;
use crate::timer::Timer;
use crate::{Mps2, Name, exit, uart};
use core::convert::Infallible;
use core::marker::PhantomData;
use cortex_m::peripheral::SCB;
use embedded_io::{ErrorType, Read, Write};
use mote_firmware_app::LinkedOps;
use mote_firmware_app::service::{Config, KEYS, Service, ServiceBoard, Work};
use mote_store::{Layout, Policy};

const _: () = assert!(
    cfg!(feature = "unsigned") || !KEYS.is_empty(),
    "no public keys: name .pub.pem files of `mote keygen` in MOTE_PUBLIC_KEYS, or build with the feature `unsigned`"
);

/// `slot_bytes` of the table `store` in every board.toml of these images.
const SLOT_BYTES: u32 = 0x0010_0000;
/// `log_bytes`, likewise.
const LOG_BYTES: u32 = 0x2000;
/// For times of 100 instructions. A host asks for a bench run by run.
const TIME_WORDS: usize = 200;
const LAYOUT: Layout = Layout::consecutive(0, SLOT_BYTES, LOG_BYTES);
const FLASH_BYTES: u32 = 2 * SLOT_BYTES + LOG_BYTES;

impl<N: Name> ServiceBoard for Mps2<N> {
    const WINDOW: u8 = 8;
    const TICKS_PER_SECOND: u32 = N::TICKS_PER_SECOND;
}

/// Serves a host until it asks for a restart, and restarts; for ever. Ends the emulation with status 1 if the store cannot be
/// opened.
///
/// # Safety
/// To be called once, by a program that does not use the memory of the model and of the job.
pub unsafe fn serve<N: Name>(arena: &'static mut [u8]) -> ! {
    static mut TIMES: [u32; TIME_WORDS] = [0; TIME_WORDS];
    uart::enable();
    uart::listen();
    let board = Mps2::<N> { timer: Timer::start(), name: PhantomData };
    // SAFETY: the caller's promise.
    let flash = unsafe { RamFlash::take(FLASH_BYTES as usize) };
    // SAFETY: nothing else names them, and by the caller's promise this runs once.
    #[allow(static_mut_refs, reason = "as said")]
    let times = unsafe { &mut TIMES };
    let config = Config { layout: LAYOUT, keys: KEYS, policy: Policy::new(arena.len() as u32) };
    let Ok(mut service) = Service::<_, _, LinkedOps>::start(board, flash, config, Work { arena, times }) else {
        exit(false)
    };
    let Ok(()) = mote_firmware_app::service::serve(&mut service, &mut Uart);
    SCB::sys_reset()
}

/// UART 0 as a line.
struct Uart;

impl ErrorType for Uart {
    type Error = Infallible;
}

impl Read for Uart {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        let Some(first) = buffer.first_mut() else { return Ok(0) };
        *first = loop {
            if let Some(byte) = uart::receive() {
                break byte;
            }
        };
        Ok(1)
    }
}

impl Write for Uart {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        bytes.iter().for_each(|&byte| uart::send(byte));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
