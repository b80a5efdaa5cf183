//! From sums to stored outputs, in the form that kernels read.

use crate::format::Rounding;

/// What one output channel adds to its sums, and how they become outputs: `(high + round) >> shift`, where `high` is
/// the high half of the sum's product with the multiplier.
///
/// Not every channel has this form: see [`small`](Channel::small) and [`scale`](Channel::scale).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Channel {
    /// Where the sum starts.
    pub bias: i32,
    multiplier: i32,
    /// Half of the last place, and the zero point shifted to where it is added.
    round: i32,
    shift: i32,
}

/// What all channels of an output share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Store {
    pub rounding: Rounding,
    pub min: i8,
    pub max: i8,
}

impl Channel {
    /// Most taps of a sum: with a bias that is [`small`](Self::small), no sum leaves `-2^30..2^30`.
    pub const MAX_TAPS: usize = 1 << 14;

    /// `bias`, if it cannot make a sum too large.
    #[inline(always)]
    pub fn small(bias: i32) -> Option<i32> {
        let small = bias.wrapping_add(1 << 29) as u32 >> 30 == 0;
        small.then_some(bias)
    }

    /// Sets the factor, for sums of up to [`MAX_TAPS`](Self::MAX_TAPS) products of a difference of two `i8` and an `i8`:
    /// outputs are `requantize(sum, multiplier, shift) + zero_point`. `None` for factors of about a half and more or below
    /// `2^-24`.
    #[inline(always)]
    pub fn scale(&mut self, multiplier: i32, shift: i8, base: ShiftBase) -> Option<()> {
        // The factor 0 gives the zero point with any shift.
        let shift = if multiplier == 0 { 1 } else { base.base.wrapping_sub(i32::from(shift)) };
        self.multiplier = multiplier;
        self.shift = shift;
        self.round = base.round.wrapping_shl((shift as u32).wrapping_sub(1) & 31);
        (1..=23).contains(&shift).then_some(())
    }

    /// As [`scale`](Self::scale), of a word of `Factors::Packed`, for shifts that are known to have a form.
    #[inline(always)]
    pub fn scale_packed(&mut self, word: u32, shift: i8, base: ShiftBase) {
        self.multiplier = (word & 0x3fff_ffff | 0x4000_0000) as i32;
        self.shift = base.base.wrapping_sub(i32::from(shift)).wrapping_add((word >> 30) as i32);
        self.round = base.round.wrapping_shl((self.shift as u32).wrapping_sub(1) & 31);
    }

    /// Multiplier, addend and shift.
    #[cfg(kernel_arm_dsp)]
    pub fn parts(&self) -> [i32; 3] {
        [self.multiplier, self.round, self.shift]
    }

    /// The output of a sum that includes the bias.
    #[inline(always)]
    pub fn output(&self, sum: i32, store: Store) -> i8 {
        let product = i64::from(sum) * i64::from(self.multiplier);
        let high = match store.rounding {
            Rounding::Single => (product >> 32) as i32,
            // Half away from zero is half up of a negative number less 1. Where the sum is negative and the product
            // is rounded to 0, the 1 does not change the result.
            Rounding::Tflite => (((product + (1 << 30)) >> 31) as i32).wrapping_add(sum >> 31),
        };
        let value = high.wrapping_add(self.round) >> (self.shift as u32 & 31);
        value.max(i32::from(store.min)).min(i32::from(store.max)) as i8
    }
}

/// What the shifts of all channels of an output have in common.
#[derive(Clone, Copy)]
pub(crate) struct ShiftBase {
    base: i32,
    round: i32,
}

impl ShiftBase {
    /// For an output with this zero point.
    #[inline]
    pub fn new(rounding: Rounding, zero_point: i8) -> Self {
        // With single rounding, the high half of the product lacks one place of Q0.31.
        let base = if rounding == Rounding::Single { -1 } else { 0 };
        Self { base, round: i32::from(zero_point).wrapping_mul(2).wrapping_add(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed_point::requantize;
    use proptest::prelude::*;

    fn channel(bias: i32, multiplier: i32, shift: i8, rounding: Rounding, zero_point: i8) -> Option<Channel> {
        let mut channel = Channel { bias: Channel::small(bias)?, ..Channel::default() };
        channel.scale(multiplier, shift, ShiftBase::new(rounding, zero_point))?;
        Some(channel)
    }

    proptest! {
        #![proptest_config(crate::op::testing::config())]

        #[test]
        fn equals_requantize_and_clamp(
            sum in -(1i32 << 30)..1 << 30, multiplier in 0..=i32::MAX, shift in -31i8..=30, zero: i8, single: bool,
            min in -128i8..0, max: i8,
        ) {
            let rounding = if single { Rounding::Single } else { Rounding::Tflite };
            let max = max.max(min);
            if let Some(channel) = channel(0, multiplier, shift, rounding, zero) {
                let value = requantize(sum, multiplier, shift, rounding) + i32::from(zero);
                let expected = value.max(min.into()).min(max.into()) as i8;
                prop_assert_eq!(channel.output(sum, Store { rounding, min, max }), expected);
            }
        }
    }

    #[test]
    fn ends_of_the_range() {
        let edges = [(1 << 30) - 1, -(1 << 30) + 1, -1, 0, 1];
        for (rounding, zero, multiplier, shift) in [Rounding::Single, Rounding::Tflite]
            .into_iter()
            .flat_map(|r| [-128, 127].map(|z| (r, z)))
            .flat_map(|(r, z)| [1 << 30, i32::MAX].map(|m| (r, z, m)))
            .flat_map(|(r, z, m)| (-24..0).map(move |s| (r, z, m, s)))
        {
            let Some(channel) = channel(0, multiplier, shift, rounding, zero) else { continue };
            for sum in edges {
                let value = requantize(sum, multiplier, shift, rounding) + i32::from(zero);
                let store = Store { rounding, min: -128, max: 127 };
                assert_eq!(i32::from(channel.output(sum, store)), value.clamp(-128, 127), "{channel:?} {sum}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let new = |bias, shift| channel(bias, 1 << 30, shift, Rounding::Tflite, 0);
        assert!(new(0, -1).is_some() && new(0, -23).is_some());
        assert!(new(0, 0).is_none() && new(0, -24).is_none());
        assert!(new((1 << 29) - 1, -5).is_some() && new(-(1 << 29), -5).is_some());
        assert!(new(1 << 29, -5).is_none() && new(i32::MIN, -5).is_none());
        assert!(channel(0, 0, 30, Rounding::Tflite, 0).is_some());
    }
}
