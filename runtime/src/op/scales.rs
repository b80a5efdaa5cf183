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

/// What four output channels add to their sums and multiply them by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Quad {
    pub biases: [i32; 4],
    pub factors: [Factor; 4],
}

/// A [`Multiplier`], its shift as what remains to shift right after a high product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Factor {
    multiplier: i32,
    /// `-1 - shift`.
    down: i32,
}

impl Scales<'_> {
    /// The tables' entries for the channels from `channel` on; zeros past their end.
    ///
    /// Kernels decode a channel once for several outputs, so the form of the tables costs little.
    #[inline(never)]
    pub fn quad(&self, channel: usize) -> Quad {
        let mut quad = Quad::default();
        let [mut biases, mut factors] = [0, 0].map(|_: i32| channel..channel.wrapping_add(4));
        let mut next_bias = || biases.next().unwrap_or(usize::MAX);
        match self.biases {
            BiasTable::I16(table) => {
                quad.biases.iter_mut().for_each(|b| *b = table.get(next_bias()).copied().unwrap_or(0).into());
            }
            BiasTable::I32(table) => {
                quad.biases.iter_mut().for_each(|b| *b = table.get(next_bias()).copied().unwrap_or(0));
            }
        }
        let mut next = || factors.next().unwrap_or(usize::MAX);
        match self.factors {
            FactorTable::Packed(words, shift) => {
                let down = -1 - i32::from(shift);
                quad.factors.iter_mut().for_each(|f| {
                    let word = words.get(next()).copied().unwrap_or(0);
                    f.multiplier = ((word & 0x3fff_ffff) | 0x4000_0000) as i32;
                    f.down = down.wrapping_add((word >> 30) as i32);
                });
            }
            FactorTable::One(factor) => quad.factors.fill(Factor::of(factor)),
            FactorTable::Each(multipliers, shifts) => quad.factors.iter_mut().for_each(|f| {
                let at = next();
                let multiplier = multipliers.get(at).copied().unwrap_or(0);
                *f = Factor::of(Multiplier { multiplier, shift: shifts.get(at).copied().unwrap_or(0) });
            }),
        }
        quad
    }

    /// `clamp(requantize(sum, factor) + y_zero_point, min, max)` of each sum; sums include the bias.
    ///
    /// Not inlined: a kernel's loops leave no registers for it.
    #[inline(never)]
    pub fn outputs(&self, factors: &[Factor; 4], sums: &[i32; 4]) -> [i8; 4] {
        let mut outputs = [0; 4];
        for ((y, &factor), &sum) in outputs.iter_mut().zip(factors).zip(sums) {
            *y = self.output(factor, sum);
        }
        outputs
    }

    /// As [`outputs`](Self::outputs), of one channel.
    #[inline(never)]
    pub fn outputs_of_channel(&self, factor: Factor, sums: &[i32; 4]) -> [i8; 4] {
        let mut outputs = [0; 4];
        for (y, &sum) in outputs.iter_mut().zip(sums) {
            *y = self.output(factor, sum);
        }
        outputs
    }

    #[inline(always)]
    fn output(&self, factor: Factor, sum: i32) -> i8 {
        let Factor { multiplier, down } = factor;
        let product = i64::from(sum) * i64::from(multiplier);
        // A high product shifted right by one or more leaves room for the zero point. All other factors are rare.
        let high = match self.rounding {
            Rounding::Single if down > 0 => ((product >> 32) as i32) >> ((down - 1) as u32 & 31),
            Rounding::Tflite if down >= 0 => {
                let high = ((product + (1 << 30)) >> 31) as i32;
                high.wrapping_add(high >> 31) >> (down as u32 & 31)
            }
            _ => return self.output_of_large_factor(factor, sum),
        };
        let value = (high.wrapping_add(1) >> 1).wrapping_add(i32::from(self.y_zero_point));
        value.max(i32::from(self.min)).min(i32::from(self.max)) as i8
    }

    #[cold]
    #[inline(never)]
    fn output_of_large_factor(&self, factor: Factor, sum: i32) -> i8 {
        let scaled = requantize(sum, factor.multiplier, (-1 - factor.down) as i8, self.rounding);
        store(scaled, self.y_zero_point, self.min, self.max)
    }
}

impl Factor {
    fn of(factor: Multiplier) -> Self {
        Self { multiplier: factor.multiplier, down: -1 - i32::from(factor.shift) }
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
