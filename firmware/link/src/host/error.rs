//! Why a client gave up.

use crate::refusal::Refusal;
use std::time::Duration;

/// Why a client gave up; `E` is what the transport says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError<E: std::error::Error + 'static> {
    /// The connection is lost and does not come back.
    #[error("the connection to the device is lost and does not come back: {0}")]
    Transport(#[source] E),
    /// The device says nothing, or nothing that arrives whole.
    #[error("the device does not answer ({request}, asked for {} s)", waited.as_secs())]
    NoAnswer {
        /// What it was asked for.
        request: &'static str,
        /// For how long.
        waited: Duration,
    },
    /// Data does not arrive.
    #[error("the device takes no data from byte {offset} on (asked {times} times)")]
    Stalled {
        /// Of the first byte that does not arrive.
        offset: u32,
        /// How often the device was asked without progress.
        times: u32,
    },
    /// The device refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The device restarted. What it was asked for needs what it has forgotten, as inputs are, or it is not known whether it was
    /// done and doing it twice would not be the same.
    #[error("the device restarted ({request}): begin again, after a look at its state")]
    Interrupted {
        /// What it was asked for.
        request: &'static str,
    },
    /// The device restarts again and again.
    #[error("the device restarted {times} times during {request}")]
    Restarts {
        /// What it was asked for.
        request: &'static str,
        /// How often.
        times: u32,
    },
    /// The device answers something that does not fit the question.
    #[error("the device gave an answer that does not fit ({request})")]
    Unexpected {
        /// What it was asked for.
        request: &'static str,
    },
    /// More bytes than the protocol can count.
    #[error("{bytes} bytes are too many for a transfer")]
    TooLarge {
        /// Bytes.
        bytes: usize,
    },
}
