//! What is done about the error of quantization, and a search for the least that keeps a network accurate.
//!
//! | technique | where | gains | costs |
//! |---|---|---|---|
//! | method of choosing ranges | `quantize/choose.rs` | steps where values are | nothing |
//! | cross-layer equalization | `quantize/equalize.rs` | steps for small channels | nothing |
//! | rounding up or down | `quantize/adaround.rs` | accuracy of weights, above all of 4 bits | time to convert |
//! | int16 activations around a layer | `widen.rs` | 256 times as many steps | RAM and time on the device |
//! | float32 around a layer | `widen.rs` | everything | more RAM and time, flash for the weights |
//!
//! [`search`] tries them in this order, each on top of those before it that helped, and stops when the network is accurate enough.

mod fix;
mod measure;
mod outcome;
mod search;
mod split;
mod widen;
mod working;

pub use fix::{Fault, Fix, find_fix};
pub use measure::{Layers, Probe};
pub use outcome::{AutoEvent, AutoOptions, Outcome, Step};
pub use search::{LoadData, search};
pub use split::split;
pub use widen::{Widened, widen_below};
pub use working::Working;

use crate::quantize::{Equalized, RoundedLayer};

/// What is done about the error of quantization.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Improve {
    /// Give the channels between layers like ranges before quantization.
    pub equalize: bool,
    /// Round the weights of so many layers for the least error of their output: those that lose most by nearest rounding.
    pub adaround: usize,
    /// Compute on int16 around layers whose signal-to-noise ratio is below so many decibel.
    pub int16_below: Option<f64>,
}

/// What was done about the error of quantization.
#[derive(Clone, Debug, Default)]
pub struct Improved {
    /// Pairs of layers whose channels were rescaled.
    pub equalized: Vec<Equalized>,
    /// Layers whose weights were not rounded to nearest.
    pub rounded: Vec<RoundedLayer>,
    /// Layers around which activations are int16.
    pub widened: Vec<Widened>,
}
