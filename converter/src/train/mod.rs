//! Training: a graph and data in, the graph with better weights out. Start reading at [`train`].

mod augment;
mod batch;
mod checkpoint;
mod compress;
mod config;
mod curves;
mod error;
mod freeze;
mod integer;
mod layers;
mod loss;
mod network;
mod optimizer;
mod pytorch;
mod random;
mod run;
mod samples;
mod schedule;
mod scores;
mod sparse;
mod state_dict;
mod teacher;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_compress;
mod trainer;

pub use checkpoint::{Epoch, belongs};
pub use compress::{Feature, Rounded, Step, Teacher, check_steps};
pub use config::{Augment, EarlyStopping, Flip, Loss, Optimizer, Schedule, ScheduleKind, Split, Target, Training};
pub use curves::curves;
pub use error::TrainError;
pub use layers::{Function, Layer, Padding, PaddingRule, Size};
pub use network::{LayerError, Network, Order, Slot, build};
pub use run::{Event, Job, Outcome, train};
pub use samples::{Samples, parts, split};
pub use state_dict::{Match, load as load_weights};
