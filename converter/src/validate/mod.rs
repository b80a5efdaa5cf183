//! Are the outputs right, and how far are they off?

pub mod accuracy;
mod compare;
pub mod evaluate;
mod golden;
mod layers;
pub mod reference;
mod session;
mod taps;

pub use compare::{LayerError, Similarity};
pub use golden::{GoldenError, GoldenTensor, Outcome, compare_golden};
pub use layers::{EQUALIZED, LayersError, compare_file};
pub use session::{Runner, Session, SessionError, source_shape};
pub(crate) use taps::real_values;
