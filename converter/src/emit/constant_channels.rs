//! Output channels that are the same for every input: training leaves filters whose weights are all but zero, with scales
//! far below those of their neighbours and biases far above.
//!
//! Such a channel is stored with weights of zero, a small bias and a factor like the other channels': not a byte of the
//! output changes, and the layer keeps the short form of its tables, which kernels are fastest with.

use mote_runtime::fixed_point::requantize;
use mote_runtime::format::Rounding;
use mote_runtime::format::instruction::Multiplier;
use std::ops::RangeInclusive;

/// Filters, biases and factors of a layer, by output channel.
pub struct Channels {
    /// `[out, taps]`.
    pub weights: Vec<i8>,
    /// `[out]`.
    pub biases: Vec<i32>,
    /// `[out]`.
    pub factors: Vec<Multiplier>,
}

/// What a layer does with its sums.
pub struct Sums {
    /// Least and largest factor of a weight in the sum; 0 is among them.
    pub inputs: RangeInclusive<i64>,
    /// As the model's.
    pub rounding: Rounding,
    /// Of the output.
    pub zero_point: i8,
    /// Least and largest output.
    pub outputs: RangeInclusive<i8>,
}

impl Sums {
    fn output(&self, sum: i32, factor: Multiplier) -> i8 {
        let value = i64::from(requantize(sum, factor.multiplier, factor.shift, self.rounding));
        let (min, max) = (i64::from(*self.outputs.start()), i64::from(*self.outputs.end()));
        (value + i64::from(self.zero_point)).clamp(min, max) as i8
    }

    /// The output that a channel always has, if there is one. Requantization is monotonic, so the ends decide.
    fn constant(&self, weights: &[i8], bias: i32, factor: Multiplier) -> Option<i8> {
        if factor.shift > 0 {
            // The left shift may wrap.
            return None;
        }
        let (low, high) = (*self.inputs.start(), *self.inputs.end());
        let (mut least, mut largest) = (i64::from(bias), i64::from(bias));
        for w in weights.iter().map(|&w| i64::from(w)) {
            least += (w * low).min(w * high);
            largest += (w * low).max(w * high);
        }
        let output = |sum: i64| i32::try_from(sum).ok().map(|sum| self.output(sum, factor));
        output(least).filter(|&value| output(largest) == Some(value))
    }

    /// A bias that gives `output` with weights of zero, preferably one of 16 bits, and its factor.
    fn bias(&self, output: i8, shift: i8) -> Option<(i32, Multiplier)> {
        let value = f64::from(output) - f64::from(self.zero_point);
        let candidate = |multiplier: i32| {
            let factor = Multiplier { multiplier, shift };
            let bias = (value / (f64::from(multiplier) * 2f64.powi(i32::from(shift) - 31))).round() as i32;
            (self.output(bias, factor) == output).then_some((bias, factor))
        };
        let candidates = [i32::MAX, 1 << 30].into_iter().filter_map(candidate);
        candidates.min_by_key(|(bias, _)| bias.unsigned_abs())
    }
}

/// Rewrites the channels that are constant, where others are not.
pub fn settle(channels: &mut Channels, sums: &Sums) {
    let taps = channels.weights.len() / channels.biases.len().max(1);
    if taps == 0 {
        return;
    }
    let factors = channels.factors.iter();
    let rows = channels.weights.chunks(taps).zip(&channels.biases);
    let constant: Vec<Option<i8>> =
        rows.zip(factors).map(|((row, &bias), &factor)| sums.constant(row, bias, factor)).collect();
    let live = channels.factors.iter().zip(&constant).filter(|(_, constant)| constant.is_none());
    let Some(shift) = live.map(|(factor, _)| factor.shift).max() else { return };
    for (at, output) in constant.into_iter().enumerate() {
        let Some((bias, factor)) = output.and_then(|output| sums.bias(output, shift)) else { continue };
        channels.weights[at * taps..][..taps].fill(0);
        channels.biases[at] = bias;
        channels.factors[at] = factor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sums(rounding: Rounding) -> Sums {
        Sums { inputs: -255..=0, rounding, zero_point: -128, outputs: -128..=127 }
    }

    #[test]
    fn a_channel_with_a_vanishing_factor_gets_its_neighbours_form() {
        let factor = |shift| Multiplier { multiplier: 0x5000_0000, shift };
        let mut channels = Channels {
            weights: vec![3, -4, 1, 2, 0, 0],
            biases: vec![77, 400_000_000, -5],
            factors: vec![factor(-7), factor(-27), factor(-8)],
        };
        let sums = sums(Rounding::Tflite);
        let before = sums.output(400_000_000, factor(-27));
        settle(&mut channels, &sums);
        assert_eq!(channels.weights, [3, -4, 0, 0, 0, 0]);
        assert_eq!((channels.biases[0], channels.factors[0]), (77, factor(-7)));
        assert_eq!(channels.factors[1].shift, -7);
        assert!(i16::try_from(channels.biases[1]).is_ok());
        assert_eq!(sums.output(channels.biases[1], channels.factors[1]), before);
    }

    #[test]
    fn a_layer_of_constants_only_stays_as_it_is() {
        let factor = Multiplier { multiplier: 1 << 30, shift: -20 };
        let mut channels = Channels { weights: vec![1, 1], biases: vec![9, 9], factors: vec![factor; 2] };
        settle(&mut channels, &sums(Rounding::Single));
        assert_eq!(channels.weights, [1, 1]);
    }

    proptest! {
        #[test]
        fn outputs_stay(
            weights: [i8; 6], biases in [-1_000_000i32..1_000_000, -1_000_000..1_000_000, -1_000_000..1_000_000],
            shifts in [-30i8..-2, -30i8..-2, -30i8..-2], zero_point: i8, x: [i8; 2], single: bool,
        ) {
            let rounding = if single { Rounding::Single } else { Rounding::Tflite };
            let sums = Sums { inputs: -128..=127, rounding, zero_point, outputs: -100..=100 };
            let factors: Vec<_> = shifts.map(|shift| Multiplier { multiplier: 0x6123_4567, shift }).into();
            let before = Channels { weights: weights.into(), biases: biases.into(), factors };
            let mut after = Channels {
                weights: before.weights.clone(), biases: before.biases.clone(), factors: before.factors.clone(),
            };
            settle(&mut after, &sums);
            let outputs = |channels: &Channels| -> Vec<i8> {
                (0..3).map(|o| {
                    let dot: i32 = (0..2).map(|i| i32::from(channels.weights[o * 2 + i]) * i32::from(x[i])).sum();
                    sums.output(channels.biases[o] + dot, channels.factors[o])
                }).collect()
            };
            prop_assert_eq!(outputs(&before), outputs(&after));
        }
    }
}
