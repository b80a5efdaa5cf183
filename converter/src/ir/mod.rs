//! The one graph that everything between import and emission works on.
//!
//! Inside, feature maps are NHWC, convolution weights OHWI (`[out, h, w, in / groups]`), dense weights `[out, in]`.
//! Batch is axis 0 and is 1.

mod display;
mod edit;
mod graph;
pub mod io;
mod op;
mod port;
mod shape;
mod tensor;
mod verify;

pub use edit::CycleError;
pub use graph::{Graph, Node, NodeId, Port, SourceScale, Value, ValueId};
pub use op::{Activation, Op, Pads};
pub use port::{inverse, permute};
pub use shape::{MAX_ELEMENTS, ShapeError, broadcast, checked_elements, infer_shape, is_permutation};
pub use tensor::{DType, Tensor};
pub use verify::{VerifyError, verify};

/// A unary function of one float, defined together with the device's float kernel.
pub use mote_runtime::format::instruction::Unary;
