//! ONNX, through tract-onnx's protobuf.

mod analysis;
mod array;
mod build;
mod conv2d;
mod cross_check;
mod decode;
mod elementwise;
mod error;
mod expand;
mod fold;
mod fully_connected;
mod lowering;
mod node;
mod normalization;
mod operators;
mod pool;
mod ports;
mod quantized;
mod reduce;
mod shape;
mod slice;
mod softmax;
mod unary;
mod window;

pub use super::{ImportOptions, UnsupportedNode};
pub use cross_check::{CrossCheck, OutputDifference, cross_check};
pub use error::ImportError;
pub use operators::supported_operators;

use crate::ir::Graph;

/// An imported network.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The network, with transposes around spatial ops that the passes remove.
    pub graph: Graph,
    /// Opset of the default domain.
    pub opset: i64,
    /// Program that wrote the file, with its version.
    pub producer: String,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// Imports an ONNX file.
pub fn import(bytes: &[u8], options: &ImportOptions) -> Result<Imported, ImportError> {
    let (mut model, opset) = decode::decode(bytes)?;
    expand::expand(&mut model);
    let (graph, warnings) = build::build(&model, opset, options)?;
    let producer = format!("{} {}", model.producer_name, model.producer_version).trim().to_owned();
    Ok(Imported { graph, opset, producer, warnings })
}
