//! QEMU's mps2-an385: Cortex-M0+ build, ARMv6-M code on a Cortex-M3, which has every instruction of it; unaligned accesses trap as on the real core.
#![no_std]
#![no_main]

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
    trap_unaligned_accesses();
    start::<This>(ARENA.as_mut_slice())
}

/// A Cortex-M0+ faults on unaligned accesses; the Cortex-M3 that runs this build does so when asked to.
fn trap_unaligned_accesses() {
    const CONFIGURATION_AND_CONTROL: *mut u32 = 0xE000_ED14 as *mut u32;
    const UNALIGN_TRP: u32 = 1 << 3;
    // SAFETY: a core register of every ARMv7-M; the bit makes faults out of unaligned accesses and changes nothing
    // else.
    unsafe { CONFIGURATION_AND_CONTROL.write_volatile(CONFIGURATION_AND_CONTROL.read_volatile() | UNALIGN_TRP) };
}
