//! Runs int8 neural networks on microcontrollers: no heap, no panic, one arena, models as checked data.
//!
//! A model is a `.mote` file, written by the converter `mote`. Its weights stay where they are, usually in flash; the
//! caller gives the memory for everything else. Five names are enough:
//!
//! ```
//! use mote_runtime::{Arena, Engine, Model, include_model};
//!
//! static FILE: &[u8] = include_model!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/v2.mote"));
//!
//! let model = Model::load(FILE).unwrap(); //                  checks everything, once: the one trust boundary
//! let mut arena = Arena::<288>::new(); //                     `mote inspect` prints the number; may be a static
//! let mut engine = Engine::new(model, arena.as_mut_slice()).unwrap();
//! engine.input_mut(0).fill(5); //                             int8, [1, 6, 6, 2]
//! engine.run(); //                                            cannot fail
//! let scores = engine.output(0); //                           int8, [1, 3]
//! assert_eq!(scores.len(), 3);
//!
//! // Or in the order and type of the network before conversion:
//! engine.write_f32(0, &[0.25; 72]).unwrap(); //               float32, NCHW: quantized straight into the arena
//! engine.run();
//! let mut probabilities = [0.0; 3];
//! engine.read_f32(0, &mut probabilities).unwrap();
//! ```
//!
//! - [`Model::load`] accepts or refuses untrusted bytes in time linear in the file, without memory of its own. What it
//!   accepts runs without reading or writing outside the file and the arena, and without panicking. It does not verify
//!   who wrote the file: compare [`Model::sha256`] or verify [`Model::signature`] for that.
//! - [`Engine::run`] computes the same bytes on every target.
//! - [`Engine::run_with`] calls an [`Observer`] around each instruction; [`Engine::self_test`] compares this device
//!   with the machine that converted the model.
//! - [`Ops`] chooses the kernels that are linked; [`constant`] is for programs that are compiled in.
//!
//! # Features
//! All are off by default and only add.
//!
//! | feature | adds | does not add |
//! |---|---|---|
//! | `f32` | float32 instructions, for mixed models and host comparison | float in int8 instructions |
//! | `half` | float16 weights in float32 instructions | float16 arithmetic |
//! | `defmt` | `defmt::Format` on errors and instructions | any logging |
//! | `std` | [`format`] can write files; `AlignedBytes`; errors implement `Display` | anything a device needs |
//!
//! # Not supported
//! Big-endian targets; models split over several regions of memory; batches: a run is one sample.
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
pub mod constant;
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
