//! A device that a host flashes models to, asks and measures.
#![no_std]
#![no_main]

/// Where the machine starts.
#[riscv_rt::entry]
fn main() -> ! {
    // SAFETY: called once, and this program looks at neither a model nor a job in memory.
    unsafe { mote_qemu_riscv32_virt::serve() }
}
