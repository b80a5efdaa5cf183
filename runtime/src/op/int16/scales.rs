//! From 64-bit sums to stored int16 outputs: the per-channel tables of [`Requantize16`].

use super::store;
use crate::error::Fault;
use crate::fixed_point::{requantize_reduced, requantize_wide};
use crate::format::Rounding;
use crate::format::instruction::{Factors, Multiplier, Requantize16, WideBiases};
use crate::op::scales::{FactorTable, factor_table};
use crate::op::{Limits, Memory, parameter};

/// [`WideBiases`] at hand. 64-bit ones as words, the low one first, because a model may lie at a multiple of 4 in memory.
#[derive(Clone, Copy)]
pub(super) enum BiasTable<'m> {
    None,
    I32(&'m [i32]),
    I64(&'m [[u32; 2]]),
}

/// [`Requantize16`] with its tables at hand.
#[derive(Clone, Copy)]
pub(super) struct Scales<'m> {
    pub biases: BiasTable<'m>,
    pub factors: FactorTable<'m>,
    pub rounding: Rounding,
    pub reduced: bool,
    pub min: i16,
    pub max: i16,
}

impl Scales<'_> {
    /// The output of a sum without the bias. `None` if there is no such channel.
    #[inline(never)]
    pub fn output(&self, channel: usize, sum: i64) -> Option<i16> {
        let bias = match self.biases {
            BiasTable::None => 0,
            BiasTable::I32(table) => i64::from(*table.get(channel)?),
            BiasTable::I64(table) => {
                let [low, high] = *table.get(channel)?;
                i64::from(low) | i64::from(high as i32) << 32
            }
        };
        let (sum, Multiplier { multiplier, shift }) = (sum.wrapping_add(bias), self.factors.get(channel)?);
        let scaled = match self.reduced {
            true => requantize_reduced(sum, multiplier, shift),
            false => requantize_wide(sum, multiplier, shift, self.rounding),
        };
        Some(store(scaled, self.min, self.max))
    }
}

/// Not negative, and the shift in `[-31, 14]`.
fn check_factor(factor: Multiplier) -> Result<(), Fault> {
    factor.check()?;
    parameter(factor.shift <= 14)
}

impl Requantize16 {
    /// Checks the tables of `channels` channels.
    pub(super) fn check(&self, channels: u32, limits: &Limits) -> Result<(), Fault> {
        parameter(self.min <= self.max)?;
        parameter(!self.reduced || limits.rounding == Rounding::Tflite)?;
        match self.biases {
            WideBiases::Zero => {}
            WideBiases::Int32(offset) => limits.weights::<i32>(offset, channels).map(drop)?,
            WideBiases::Int64(offset) => limits.weights::<[u32; 2]>(offset, channels).map(drop)?,
        }
        match self.factors {
            Factors::One(factor) => check_factor(factor),
            Factors::Each { multipliers, shifts } => {
                let multipliers: &[i32] = limits.weights(multipliers, channels)?;
                let shifts: &[i8] = limits.weights(shifts, channels)?;
                let mut factors = multipliers.iter().zip(shifts);
                factors.try_for_each(|(&multiplier, &shift)| check_factor(Multiplier { multiplier, shift }))
            }
            Factors::Packed { words, shift } => {
                limits.weights::<u32>(words, channels)?;
                parameter((-28..=14).contains(&shift))
            }
        }
    }

    pub(super) fn scales<'m>(&self, channels: u32, memory: &Memory<'m, '_>) -> Option<Scales<'m>> {
        Some(Scales {
            biases: match self.biases {
                WideBiases::Zero => BiasTable::None,
                WideBiases::Int32(offset) => BiasTable::I32(memory.weights(offset, channels)?),
                WideBiases::Int64(offset) => BiasTable::I64(memory.weights(offset, channels)?),
            },
            factors: factor_table(self.factors, channels, memory)?,
            rounding: memory.rounding,
            reduced: self.reduced,
            min: self.min,
            max: self.max,
        })
    }
}
