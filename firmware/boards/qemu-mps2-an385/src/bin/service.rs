//! A device that a host flashes models to, asks and measures.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use mote_board_mps2::{Name, serve};
use mote_runtime::Arena;

/// `arena_bytes` of board.toml.
const ARENA_BYTES: usize = 0x00100000;

struct This;

impl Name for This {
    const NAME: &'static str = "qemu-mps2-an385";
}

#[entry]
fn main() -> ! {
    static mut ARENA: Arena<ARENA_BYTES> = Arena::new();
    // SAFETY: called once, and this program looks at neither a model nor a job in memory.
    unsafe { serve::<This>(ARENA.as_mut_slice()) }
}
