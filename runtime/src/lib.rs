//! Runs int8 neural networks on microcontrollers.
#![no_std]
#![deny(unsafe_code)]
#[cfg(feature = "std")]
extern crate std;

#[cfg(target_endian = "big")]
compile_error!("mote-runtime reads models in place and needs a little-endian target");

mod error;
pub mod format;
mod op;

pub use error::{EngineError, Fault, LoadError};
