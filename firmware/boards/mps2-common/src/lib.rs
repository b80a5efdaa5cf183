//! What Arm's MPS2 FPGA images have in common: UART, timer, stack, leaving the emulator.
//!
//! A board's `main.rs` holds its memory and calls [`start`]; with the feature `service`, its `bin/service.rs` calls `serve`.
#![no_std]

mod fault;
#[cfg(feature = "service")]
mod service;
mod timer;
mod uart;
mod vectors;

use core::marker::PhantomData;
use cortex_m_semihosting::debug;
use mote_board_emulated::{memory, stack};
use mote_firmware_app::{Board, LinkedOps, Memory, StackUsed};
#[cfg(feature = "service")]
pub use service::serve;
use timer::Timer;

/// What an image has of its own: the name of its board's folder, and its clock.
pub trait Name {
    /// The name.
    const NAME: &'static str;
    /// Rate of the timer, which counts the system clock: 25 MHz but for the AN505. `hz` in board.toml.
    const TICKS_PER_SECOND: u32 = 25_000_000;
}

struct Mps2<N> {
    timer: Timer,
    name: PhantomData<N>,
}

impl<N: Name> Board for Mps2<N> {
    const NAME: &'static str = N::NAME;

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| uart::send(byte));
    }

    fn ticks(&mut self) -> u64 {
        self.timer.ticks()
    }

    fn paint_stack(&mut self) {
        stack::paint();
    }

    fn stack_used(&mut self) -> StackUsed {
        stack::used()
    }
}

/// Runs the app on the model and the job in memory, then ends the emulation: status 0 if all went well, else 1.
pub fn start<N: Name>(arena: &'static mut [u8]) -> ! {
    uart::enable();
    let mut board = Mps2::<N> { timer: Timer::start(), name: PhantomData };
    let memory = Memory { model: memory::model(), job: memory::job(), arena };
    let outcome = mote_firmware_app::run::<_, LinkedOps>(&mut board, memory);
    exit(outcome.is_ok())
}

fn exit(success: bool) -> ! {
    loop {
        debug::exit(if success { debug::EXIT_SUCCESS } else { debug::EXIT_FAILURE });
    }
}
