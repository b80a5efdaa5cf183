//! TensorFlow Lite: int8, int16 with int8 weights ("16x8"), float, and float with int8 weights.
//!
//! Tensors keep their names; a quantized network keeps its scales, zero points and integers, so that the device computes
//! byte for byte what the reference kernels compute.

mod build;
mod concat;
mod conv2d;
mod elementwise;
mod error;
mod file;
mod fully_connected;
mod lowering;
mod lstm;
mod operators;
mod options;
mod pad;
mod pool;
mod reduce;
#[allow(
    unsafe_code,
    missing_docs,
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    rustdoc::all,
    reason = "generated; its unsafe parts only write"
)]
#[rustfmt::skip]
pub mod schema;
mod shape;
mod slice;
mod softmax;
mod tables;
mod unary;

pub use error::ImportError;
pub use operators::supported_operators;

use super::{ImportOptions, Network};
use crate::ir::ValueId;

/// An imported network.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The network.
    pub network: Network,
    /// What the file says about its making.
    pub producer: String,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// Per tensor of the file, its value in the network, if it has one.
    pub tensors: Vec<Option<ValueId>>,
}

/// True if the bytes claim to be a TensorFlow Lite file.
pub fn is_tflite(bytes: &[u8]) -> bool {
    bytes.get(4..8) == Some(b"TFL3")
}

/// Imports a TensorFlow Lite file.
pub fn import(bytes: &[u8], options: &ImportOptions) -> Result<Imported, ImportError> {
    build::build(&file::File::read(bytes)?, options)
}
