//! Training: a graph and data in, the graph with better weights out. Start reading at [`train`].

mod augment;
mod checkpoint;
mod config;
mod curves;
mod error;
mod layers;
mod loss;
mod network;
mod optimizer;
mod random;
mod run;
mod samples;
mod schedule;
mod state_dict;
#[cfg(test)]
mod tests;
mod trainer;

pub use checkpoint::Epoch;
pub use config::{Augment, EarlyStopping, Flip, Loss, Optimizer, Schedule, ScheduleKind, Split, Target, Training};
pub use curves::curves;
pub use error::TrainError;
pub use layers::{Function, Layer, Padding, PaddingRule, Size};
pub use network::{LayerError, Network, Order, Slot, build};
pub use run::{Event, Job, Outcome, train};
pub use samples::{Samples, split};
pub use state_dict::{Match, load as load_weights};
