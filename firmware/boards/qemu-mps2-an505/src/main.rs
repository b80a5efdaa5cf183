//! QEMU's mps2-an505: Cortex-M33, runs in the secure state.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use mote_board_mps2::{Name, start};
use mote_runtime::Arena;

/// `arena_bytes` of board.toml.
const ARENA_BYTES: usize = 0x00100000;

struct This;

impl Name for This {
    const NAME: &'static str = "qemu-mps2-an505";
}

#[entry]
fn main() -> ! {
    static mut ARENA: Arena<ARENA_BYTES> = Arena::new();
    start::<This>(ARENA.as_mut_slice())
}
