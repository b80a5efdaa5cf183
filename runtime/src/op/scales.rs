//! From sums to stored outputs: the per-channel tables of [`Requantize8`], whatever their form in the file.

use super::{Limits, Memory, parameter};
use crate::error::Fault;
use crate::fixed_point::requantize;
use crate::format::Rounding;
use crate::format::instruction::{Biases, Factors, Multiplier, Requantize8};

/// [`Requantize8`] with its tables at hand.
#[derive(Clone, Copy)]
pub(crate) struct Scales<'m> {
    pub biases: BiasTable<'m>,
    pub factors: FactorTable<'m>,
    pub rounding: Rounding,
    pub y_zero_point: i8,
    pub min: i8,
    pub max: i8,
}

/// [`Biases`] at hand.
#[derive(Clone, Copy)]
pub(crate) enum BiasTable<'m> {
    I32(&'m [i32]),
    I16(&'m [i16]),
}

/// [`Factors`] at hand.
#[derive(Clone, Copy)]
pub(crate) enum FactorTable<'m> {
    One(Multiplier),
    Each(&'m [i32], &'m [i8]),
    Packed(&'m [u32], i8),
}

/// What one output channel adds to its sums and multiplies them by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Channel {
    pub bias: i32,
    pub factor: Multiplier,
}

impl Scales<'_> {
    /// The tables' entry for `channel`; zeros past their end.
    #[inline]
    pub fn channel(&self, channel: usize) -> Channel {
        let bias = match self.biases {
            BiasTable::I32(biases) => biases.get(channel).copied().unwrap_or(0),
            BiasTable::I16(biases) => biases.get(channel).copied().unwrap_or(0).into(),
        };
        let factor = match self.factors {
            FactorTable::One(factor) => factor,
            FactorTable::Each(multipliers, shifts) => Multiplier {
                multiplier: multipliers.get(channel).copied().unwrap_or(0),
                shift: shifts.get(channel).copied().unwrap_or(0),
            },
            FactorTable::Packed(words, shift) => unpacked(words.get(channel).copied().unwrap_or(0), shift),
        };
        Channel { bias, factor }
    }

    /// `clamp(requantize(sum, factor) + y_zero_point, min, max)`; `sum` includes the bias.
    #[inline]
    pub fn output(&self, factor: Multiplier, sum: i32) -> i8 {
        store(requantize(sum, factor.multiplier, factor.shift, self.rounding), self.y_zero_point, self.min, self.max)
    }
}

#[inline]
fn unpacked(word: u32, shift: i8) -> Multiplier {
    Multiplier {
        multiplier: ((word & 0x3fff_ffff) | 0x4000_0000) as i32,
        shift: shift.wrapping_sub((word >> 30) as i8),
    }
}

/// `clamp(value + zero_point, min, max)`. Not `Ord::clamp`, which panics if `min > max`.
#[inline]
pub(crate) fn store(value: i32, zero_point: i8, min: i8, max: i8) -> i8 {
    value.saturating_add(i32::from(zero_point)).max(i32::from(min)).min(i32::from(max)) as i8
}

impl Requantize8 {
    pub(crate) fn check(&self, channels: u32, limits: &Limits) -> Result<(), Fault> {
        parameter(self.min <= self.max)?;
        match self.biases {
            Biases::I32(offset) => limits.weights::<i32>(offset, channels).map(|_| ())?,
            Biases::I16(offset) => limits.weights::<i16>(offset, channels).map(|_| ())?,
        }
        match self.factors {
            Factors::One(factor) => factor.check(),
            Factors::Each { multipliers, shifts } => {
                let multipliers: &[i32] = limits.weights(multipliers, channels)?;
                let shifts: &[i8] = limits.weights(shifts, channels)?;
                let mut pairs = multipliers.iter().zip(shifts);
                pairs.try_for_each(|(&multiplier, &shift)| Multiplier { multiplier, shift }.check())
            }
            Factors::Packed { words, shift } => {
                limits.weights::<u32>(words, channels)?;
                parameter((-28..=30).contains(&shift))
            }
        }
    }

    pub(crate) fn scales<'m>(&self, channels: u32, memory: &Memory<'m, '_>) -> Option<Scales<'m>> {
        Some(Scales {
            biases: match self.biases {
                Biases::I32(offset) => BiasTable::I32(memory.weights(offset, channels)?),
                Biases::I16(offset) => BiasTable::I16(memory.weights(offset, channels)?),
            },
            factors: match self.factors {
                Factors::One(factor) => FactorTable::One(factor),
                Factors::Each { multipliers, shifts } => {
                    FactorTable::Each(memory.weights(multipliers, channels)?, memory.weights(shifts, channels)?)
                }
                Factors::Packed { words, shift } => FactorTable::Packed(memory.weights(words, channels)?, shift),
            },
            rounding: memory.rounding,
            y_zero_point: self.y_zero_point,
            min: self.min,
            max: self.max,
        })
    }
}

impl Multiplier {
    /// Not negative, and the shift in `[-31, 30]`.
    pub(crate) fn check(self) -> Result<(), Fault> {
        parameter(self.multiplier >= 0 && (-31..=30).contains(&self.shift))
    }
}
