//! How patient a client is.

use std::time::Duration;

/// How patient a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// When to ask again, or to send data again. After twice as long the next time, up to eight times as long, where the device
    /// may be at work.
    pub resend: Duration,
    /// When to give up a request that takes a device no time.
    pub patience: Duration,
    /// When to give up a request for which a device erases, verifies or computes.
    pub slow_patience: Duration,
    /// How often to ask for what has arrived, or to send data again, without progress.
    pub stalls: u32,
    /// How often to open a lost connection again without progress.
    pub reconnects: u32,
    /// How often a device may restart without progress.
    pub restarts: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            resend: Duration::from_millis(250),
            patience: Duration::from_secs(5),
            slow_patience: Duration::from_secs(60),
            stalls: 16,
            reconnects: 8,
            restarts: 4,
        }
    }
}

impl Options {
    /// How long to wait for an answer after having asked `times` times in vain.
    pub(super) fn wait(&self, times: u32) -> Duration {
        self.resend * (1 << times.min(3))
    }
}
