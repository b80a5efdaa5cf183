//! What the services of all boards have in common, whatever their processor.
//!
//! A board's `main.rs` sets up flash, a serial line and a clock with the chip's HAL, says where models lie, and calls [`serve`]; most do
//! so by way of what the boards of their kind have in common, with a [`Device`]. A board that is not emulated has no second
//! image: nobody loads models into its memory beforehand.
#![no_std]

mod device;
mod service;

pub use device::{Device, serve_device};
pub use mote_firmware_app::Wide;
pub use mote_store::{Layout, Mapped};
pub use service::serve;
