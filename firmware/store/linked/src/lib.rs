//! Everything of the model store, linked for a device. `tests/linked.rs` of the store walks through it from
//! [`mote_store_linked`], and finds its size and every way to a panic.
#![no_std]

use core::panic::PanicInfo;
use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};
use mote_runtime::Ops;
use mote_runtime::constant::Kernels;
use mote_store::{Error, Layout, Mapped, Policy, Slot, Store};
