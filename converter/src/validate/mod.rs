//! Are the outputs right, and how far are they off?

mod compare;
mod session;

pub use compare::{CompareError, LayerError, Similarity, compare_layers};
pub use session::{Runner, Session, SessionError, source_shape};
