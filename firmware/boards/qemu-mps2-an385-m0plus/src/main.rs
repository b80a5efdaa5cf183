//! QEMU's mps2-an385: Cortex-M0+ build, ARMv6-M code on a Cortex-M3, which has every instruction of it; unaligned accesses trap as on the real core.
#![no_std]
#![no_main]

mod trap;

use cortex_m_rt::entry;
use mote_board_mps2::{Name, start};
use mote_runtime::Arena;

/// `arena_bytes` of board.toml.
const ARENA_BYTES: usize = 0x00100000;

struct This;

impl Name for This {
    const NAME: &'static str = "qemu-mps2-an385-m0plus";
}

#[entry]
fn main() -> ! {
    static mut ARENA: Arena<ARENA_BYTES> = Arena::new();
    trap::trap_unaligned_accesses();
    start::<This>(ARENA.as_mut_slice())
}
