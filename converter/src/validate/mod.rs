//! Are the outputs right, and how far are they off?

pub mod accuracy;
mod compare;
pub mod evaluate;
mod layers;
mod session;

pub use compare::{CompareError, LayerError, Similarity, compare_layers};
pub use layers::{LayersError, compare_file};
pub use session::{Runner, Session, SessionError, source_shape};
