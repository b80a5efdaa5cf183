//! QEMU's riscv32 machine `virt`: runs and measures a model.
#![no_std]
#![no_main]

/// Where the machine starts.
#[riscv_rt::entry]
fn main() -> ! {
    mote_qemu_riscv32_virt::start()
}
