//! Pruning: which weights, or which whole channels, a network can do without.
//!
//! [`weights`] chooses single weights or blocks of them and leaves zeros; [`channels`] takes whole channels out and gives a
//! smaller dense graph. Both only choose and cut: training in between is the trainer's business.

pub mod channels;
mod coupling;
mod energy;
mod rebuild;
pub mod sensitivity;
pub mod weights;

#[cfg(test)]
mod tests;

use crate::execute::ExecuteError;

/// Why a network cannot be pruned.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum PruneError {
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    #[error("`{key}` is {value}; {expected}")]
    Setting { key: &'static str, value: String, expected: &'static str },
    #[error("`{pattern}` in `skip` fits no layer; there are {names}")]
    Skip { pattern: String, names: String },
    #[error("no layer of the network has {what} that could be left out")]
    NothingToPrune { what: &'static str },
    #[error(
        "removing channels can bring the network to {reached:.3} of its MACs, not to {wanted}; lower `keep`, or skip fewer layers"
    )]
    OutOfReach { wanted: f64, reached: f64 },
    #[error("internal error: the pruned graph is broken: {0}; please report this model")]
    Broken(String),
}
