//! The one graph that everything between import and emission works on.
//!
//! Inside, feature maps are NHWC, convolution weights OHWI (`[out, h, w, in / groups]`), dense weights `[out, in]`.
//! Batch is axis 0 and is 1.

mod graph;
mod op;
mod tensor;

pub use graph::{Graph, Node, NodeId, Port, Value, ValueId};
pub use op::{Activation, Op, Pads};
pub use tensor::{DType, Tensor};

/// A unary function of one float, defined together with the device's float kernel.
pub use mote_runtime::format::instruction::Unary;
