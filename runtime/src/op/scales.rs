//! From sums to stored outputs: the per-channel tables of [`Requantize8`], whatever their form in the file.

use super::{Limits, Memory, parameter};
use crate::arch::{Channel, ShiftBase, Store};
use crate::error::Fault;
use crate::format::Rounding;
use crate::format::instruction::{Biases, Factors, Multiplier, Requantize8};
use crate::op::dispatch::Kernel;
use crate::ops::{Kernels, Ops};

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

impl FactorTable<'_> {
    /// The factor of `channel`. `None` if there is no such channel.
    #[inline]
    pub fn get(&self, channel: usize) -> Option<Multiplier> {
        match *self {
            FactorTable::Packed(words, shift) => {
                let word = *words.get(channel)?;
                let multiplier = (word & 0x3fff_ffff | 0x4000_0000) as i32;
                Some(Multiplier { multiplier, shift: shift.wrapping_sub((word >> 30) as i8) })
            }
            FactorTable::One(factor) => Some(factor),
            FactorTable::Each(multipliers, shifts) => {
                Some(Multiplier { multiplier: *multipliers.get(channel)?, shift: *shifts.get(channel)? })
            }
        }
    }
}

/// Fetches the tables of `channels` channels.
#[inline]
pub(crate) fn factor_table<'m>(factors: Factors, channels: u32, memory: &Memory<'m, '_>) -> Option<FactorTable<'m>> {
    Some(match factors {
        Factors::One(factor) => FactorTable::One(factor),
        Factors::Each { multipliers, shifts } => {
            FactorTable::Each(memory.weights(multipliers, channels)?, memory.weights(shifts, channels)?)
        }
        Factors::Packed { words, shift } => FactorTable::Packed(memory.weights(words, channels)?, shift),
    })
}

impl Scales<'_> {
    /// Those of the channels from `first` on. `None` if there are none.
    pub fn starting_at(&self, first: usize) -> Option<Self> {
        let biases = match self.biases {
            BiasTable::I32(table) => BiasTable::I32(table.get(first..)?),
            BiasTable::I16(table) => BiasTable::I16(table.get(first..)?),
        };
        let factors = match self.factors {
            FactorTable::One(factor) => FactorTable::One(factor),
            FactorTable::Each(multipliers, shifts) => {
                FactorTable::Each(multipliers.get(first..)?, shifts.get(first..)?)
            }
            FactorTable::Packed(words, shift) => FactorTable::Packed(words.get(first..)?, shift),
        };
        Some(Self { biases, factors, ..*self })
    }

    /// The channels from `first` on in the form that kernels read. `None` if there are too few, or one has no such form;
    /// see [`Channel`].
    ///
    /// Kernels prepare the same channels again and again: each form of a table has its own short loop.
    #[inline(never)]
    pub fn prepare(&self, first: usize, channels: &mut [Channel]) -> Option<()> {
        let range = first..first.wrapping_add(channels.len());
        match self.biases {
            BiasTable::I16(table) => {
                let biases = table.get(range.clone())?.iter();
                channels.iter_mut().zip(biases).for_each(|(channel, &bias)| channel.bias = bias.into());
            }
            BiasTable::I32(table) => {
                for (channel, &bias) in channels.iter_mut().zip(table.get(range.clone())?) {
                    channel.bias = Channel::small(bias)?;
                }
            }
        }
        let base = ShiftBase::new(self.rounding, self.y_zero_point);
        match self.factors {
            FactorTable::One(Multiplier { multiplier, shift }) => {
                let mut one = Channel::default();
                one.scale(multiplier, shift, base)?;
                for channel in channels {
                    let bias = channel.bias;
                    *channel = one;
                    channel.bias = bias;
                }
                Some(())
            }
            FactorTable::Packed(table, shift) => {
                // The least and the largest shift have a form, and so have those between.
                Channel::default().scale(1, shift, base)?;
                Channel::default().scale(1, shift.saturating_sub(3), base)?;
                let words = table.get(range)?.iter();
                channels.iter_mut().zip(words).for_each(|(channel, &word)| channel.scale_packed(word, shift, base));
                Some(())
            }
            FactorTable::Each(multipliers, shifts) => {
                let shifts = shifts.get(range.clone())?;
                let factors = multipliers.get(range)?.iter().zip(shifts);
                channels
                    .iter_mut()
                    .zip(factors)
                    .try_for_each(|(channel, (&multiplier, &shift))| channel.scale(multiplier, shift, base))
            }
        }
    }

    /// What the sums of `channel` start with. `None` if there is no such channel.
    #[inline]
    pub fn bias(&self, channel: usize) -> Option<i32> {
        match self.biases {
            BiasTable::I16(table) => table.get(channel).copied().map(i32::from),
            BiasTable::I32(table) => table.get(channel).copied(),
        }
    }

    /// The output of a sum that includes the bias, for any channel.
    #[cold]
    #[inline(never)]
    pub fn output(&self, channel: usize, sum: i32) -> i8 {
        let scaled = self.factors.get(channel).unwrap_or(Multiplier::ZERO).apply(sum, self.rounding);
        store(scaled, self.y_zero_point, self.min, self.max)
    }

    /// Rounding and clamping.
    pub fn store(&self) -> Store {
        Store { rounding: self.rounding, min: self.min, max: self.max }
    }
}

/// `clamp(value + zero_point, min, max)`. Not `Ord::clamp`, which panics if `min > max`.
#[inline]
pub(crate) fn store(value: i32, zero_point: i8, min: i8, max: i8) -> i8 {
    value.saturating_add(i32::from(zero_point)).max(i32::from(min)).min(i32::from(max)) as i8
}

/// No [`Kernel::AnyFactor`].
enum Usual {}

impl Ops for Usual {
    const KERNELS: Kernels = Kernels::of(&[]);
}

/// True if some of the channels, with sums of `taps` products, have no form for kernels.
pub(crate) fn needs_any_factor(requantize: &Requantize8, channels: u32, taps: u32, limits: &Limits) -> bool {
    requantize.check::<Usual>(channels, taps, limits) == Err(Fault::Unsupported)
}

impl Requantize8 {
    /// Checks the tables of `channels` channels, whose sums have `taps` products.
    pub(crate) fn check<O: Ops>(&self, channels: u32, taps: u32, limits: &Limits) -> Result<(), Fault> {
        parameter(self.min <= self.max)?;
        let any = O::KERNELS.contains(Kernel::AnyFactor);
        let base = ShiftBase::new(limits.rounding, 0);
        let has_form = |multiplier: i32, shift: i8| any || Channel::default().scale(multiplier, shift, base).is_some();
        let mut form = any || taps as usize <= Channel::MAX_TAPS;
        match self.biases {
            Biases::I32(offset) => {
                let biases: &[i32] = limits.weights(offset, channels)?;
                form = form && (any || biases.iter().all(|&bias| Channel::small(bias).is_some()));
            }
            Biases::I16(offset) => limits.weights::<i16>(offset, channels).map(|_| ())?,
        }
        match self.factors {
            Factors::One(factor) => {
                factor.check()?;
                form = form && has_form(factor.multiplier, factor.shift);
            }
            Factors::Each { multipliers, shifts } => {
                let multipliers: &[i32] = limits.weights(multipliers, channels)?;
                let shifts: &[i8] = limits.weights(shifts, channels)?;
                for (&multiplier, &shift) in multipliers.iter().zip(shifts) {
                    Multiplier { multiplier, shift }.check()?;
                    form = form && has_form(multiplier, shift);
                }
            }
            Factors::Packed { words, shift } => {
                limits.weights::<u32>(words, channels)?;
                parameter((-28..=30).contains(&shift))?;
                // The least and the largest shift have a form, and so have those between.
                form = form && has_form(1, shift) && has_form(1, shift.saturating_sub(3));
            }
        }
        if form { Ok(()) } else { Err(Fault::Unsupported) }
    }

    pub(crate) fn scales<'m>(&self, channels: u32, memory: &Memory<'m, '_>) -> Option<Scales<'m>> {
        Some(Scales {
            biases: match self.biases {
                Biases::I32(offset) => BiasTable::I32(memory.weights(offset, channels)?),
                Biases::I16(offset) => BiasTable::I16(memory.weights(offset, channels)?),
            },
            factors: factor_table(self.factors, channels, memory)?,
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
