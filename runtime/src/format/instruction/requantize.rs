//! From accumulators to stored outputs.

use serde::{Deserialize, Serialize};

/// `real multiplier = multiplier * 2^(shift - 31)`; `multiplier` in `[2^30, 2^31)` or 0, `shift` in `[-31, 30]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Multiplier {
    /// Q0.31 mantissa.
    pub multiplier: i32,
    /// Power of two, positive = left.
    pub shift: i8,
}

/// Where the biases of all output channels are, by their width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Biases {
    /// Weights-section offset of `i32`.
    I32(u32),
    /// Weights-section offset of `i16`, where all fit.
    I16(u32),
}

/// The factors from accumulators to stored outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Factors {
    /// One for all channels.
    One(Multiplier),
    /// Five bytes a channel: weights-section offsets of `i32` multipliers and of `i8` shifts.
    Each {
        /// `i32 [channels]`.
        multipliers: u32,
        /// `i8 [channels]`.
        shifts: u32,
    },
    /// Four bytes a channel, where no factor is 0 and the shifts differ by 3 at most. `words` is the weights-section
    /// offset of `u32`: the low 30 bits are those of the multiplier, whose bit 30 is always set; the top two bits are
    /// what the channel's shift is below `shift`.
    Packed {
        /// `u32 [channels]`.
        words: u32,
        /// The largest shift, in `[-28, 30]`.
        shift: i8,
    },
}

/// Turning sums into stored outputs: `clamp(requantize(sum + bias[c], factor[c]) + y_zero_point, min, max)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Requantize8 {
    /// Added to the sums. Scale `x_scale * w_scale[c]`.
    pub biases: Biases,
    /// `x_scale * w_scale[c] / y_scale`.
    pub factors: Factors,
    /// Zero point of the output.
    pub y_zero_point: i8,
    /// Smallest stored output.
    pub min: i8,
    /// Largest stored output.
    pub max: i8,
}
