//! What boards with a Cortex-M of their own have in common.
//!
//! A board's `main.rs` sets up flash, a serial line and a clock with the chip's HAL, says where models lie ([`Device`]), and calls
//! [`serve`]. There is no second image: nobody loads models into the memory of a real chip beforehand.
#![no_std]

#[cfg(feature = "dwt")]
mod dwt;
mod fault;
mod service;
#[cfg(feature = "systick")]
mod systick;

#[cfg(feature = "dwt")]
pub use dwt::Cycles;
pub use fault::restart;
pub use mote_store::{Layout, Mapped};
pub use service::{Device, serve};
#[cfg(feature = "systick")]
pub use systick::Cycles;
