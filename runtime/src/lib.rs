//! Runs int8 neural networks on microcontrollers.
#![no_std]
#![deny(unsafe_code)]
#[cfg(any(feature = "std", test))]
extern crate std;

#[cfg(target_endian = "big")]
compile_error!("mote-runtime reads models in place and needs a little-endian target");

#[cfg(feature = "std")]
mod aligned;
mod arch;
mod arena;
mod engine;
mod error;
pub mod fixed_point;
pub mod format;
mod header;
mod include;
mod io;
mod model;
mod observer;
mod op;
mod ops;
mod self_test;

#[cfg(feature = "std")]
pub use aligned::AlignedBytes;
pub use arena::Arena;
pub use engine::Engine;
pub use error::{EngineError, Fault, IoError, LoadError, SelfTestFailure};
pub use model::{Instructions, Model};
pub use observer::Observer;
pub use op::dispatch::Kernel;
pub use ops::{AllOps, Kernels, Ops};
pub use self_test::{SelfTest, SelfTestVector};
