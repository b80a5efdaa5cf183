//! From file to device: the command line on one side, firmware in QEMU on the other, a TCP port in between.
//!
//! Needs QEMU, Rust's libraries for the board, and, where it says so, the shared test data. What is missing is skipped and said;
//! `MOTE_REQUIRE_QEMU=1` and `MOTE_REQUIRE_DATA=1` make that an error.

#[path = "device/emulator.rs"]
mod emulator;
#[path = "device/interrupted.rs"]
mod interrupted;
#[path = "device/measures.rs"]
mod measures;
#[path = "device/no_device.rs"]
mod no_device;
#[path = "device/refused.rs"]
mod refused;
#[path = "device/riscv32.rs"]
mod riscv32;
#[path = "device/size.rs"]
mod size;
mod support;
#[path = "device/updates.rs"]
mod updates;
