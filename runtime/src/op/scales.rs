//! The per-channel tables that turn accumulators into stored outputs.

use super::{Limits, Memory, parameter};
use crate::error::Fault;
use crate::fixed_point::requantize;
use crate::format::Rounding;
use crate::format::instruction::{Multiplier, Requantize8};

/// [`Requantize8`] with its tables at hand.
#[derive(Clone, Copy)]
pub(crate) struct Scales<'m> {
    pub multipliers: &'m [i32],
    pub shifts: &'m [i8],
    pub per_channel: bool,
    pub rounding: Rounding,
    pub y_zero_point: i8,
    pub min: i8,
    pub max: i8,
}

impl Scales<'_> {
    /// `clamp(requantize(acc, multiplier[channel]) + y_zero_point, min, max)`.
    #[inline]
    pub fn output(&self, channel: usize, acc: i32) -> i8 {
        let index = if self.per_channel { channel } else { 0 };
        let multiplier = self.multipliers.get(index).copied().unwrap_or(0);
        let shift = self.shifts.get(index).copied().unwrap_or(0);
        store(requantize(acc, multiplier, shift, self.rounding), self.y_zero_point, self.min, self.max)
    }
}

/// `clamp(value + zero_point, min, max)`. Not `Ord::clamp`, which panics if `min > max`.
#[inline]
pub(crate) fn store(value: i32, zero_point: i8, min: i8, max: i8) -> i8 {
    value.saturating_add(i32::from(zero_point)).max(i32::from(min)).min(i32::from(max)) as i8
}

fn table_len(per_channel: bool, channels: u32) -> u32 {
    if per_channel { channels } else { 1 }
}

impl Requantize8 {
    pub(crate) fn check(&self, channels: u32, limits: &Limits) -> Result<(), Fault> {
        parameter(self.min <= self.max)?;
        let n = table_len(self.per_channel, channels);
        let multipliers: &[i32] = limits.weights(self.multipliers, n)?;
        let shifts: &[i8] = limits.weights(self.shifts, n)?;
        let mut pairs = multipliers.iter().zip(shifts);
        pairs.try_for_each(|(&multiplier, &shift)| Multiplier { multiplier, shift }.check())
    }

    pub(crate) fn scales<'m>(&self, channels: u32, memory: &Memory<'m, '_>) -> Option<Scales<'m>> {
        let n = table_len(self.per_channel, channels);
        Some(Scales {
            multipliers: memory.weights(self.multipliers, n)?,
            shifts: memory.weights(self.shifts, n)?,
            per_channel: self.per_channel,
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
