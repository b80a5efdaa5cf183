//! QEMU's riscv32 machine `virt`: UART, cycle counter, leaving the emulator. Report and service are programs of their own.
#![no_std]

mod fault;
mod power;
#[cfg(feature = "service")]
mod service;
mod uart;

use mote_board_emulated::{memory, stack};
use mote_firmware_app::{Board, LinkedOps, Memory, StackUsed};
use mote_runtime::Arena;
#[cfg(feature = "service")]
pub use service::serve;
use static_cell::ConstStaticCell;

/// `arena_bytes` of board.toml.
const ARENA_BYTES: usize = 0x00100000;

static ARENA: ConstStaticCell<Arena<ARENA_BYTES>> = ConstStaticCell::new(Arena::new());

struct Virt;

impl Board for Virt {
    const NAME: &'static str = "qemu-riscv32-virt";

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| uart::send(byte));
    }

    fn ticks(&mut self) -> u64 {
        riscv::register::mcycle::read64()
    }

    fn paint_stack(&mut self) {
        stack::paint();
    }

    fn stack_used(&mut self) -> StackUsed {
        stack::used()
    }
}

/// Runs the app on the model and the job in memory, then ends the emulation: status 0 if all went well, else 1. To be called once.
pub fn start() -> ! {
    uart::enable();
    let memory = Memory { model: memory::model(), job: memory::job(), arena: ARENA.take().as_mut_slice() };
    let outcome = mote_firmware_app::run::<_, LinkedOps>(&mut Virt, memory);
    power::off(outcome.is_ok())
}
