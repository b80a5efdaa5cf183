//! int8 weights and int32 biases.

use super::palette::cluster;
use super::{Quantization, Rounded, Width};
use crate::ir::SourceScale;

/// Largest stored int8 weight: symmetric, so that negation cannot overflow.
const LARGEST: f64 = 127.0;
/// A multiplier below this adds nothing to any output, and would leave the range of its exponent.
const SMALLEST_MULTIPLIER: f64 = 1.0 / (1u64 << 30) as f64;

/// How many values a weight can have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bits {
    /// -7..=7.
    Four,
    /// -127..=127.
    #[default]
    Eight,
}

impl Bits {
    /// Largest stored weight; the smallest is its negative.
    pub fn largest(self) -> f64 {
        match self {
            Self::Four => 7.0,
            Self::Eight => LARGEST,
        }
    }

    /// Ratios of a channel's largest weight that are tried as the end of its range, in hundredths: coarse steps gain more
    /// from clipping.
    fn clips(self) -> std::ops::RangeInclusive<u32> {
        match self {
            Self::Four => 40..=100,
            Self::Eight => 70..=100,
        }
    }
}

/// Quantized weights and bias of one node.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// In the order of the float weights.
    pub weights: Vec<i8>,
    /// Per output channel.
    pub scales: Vec<f32>,
    /// Scale `x_scale * scales[c]`.
    pub bias: Vec<i32>,
    /// Scales of the bias.
    pub bias_scales: Vec<f32>,
}

/// What quantization of a node's weights depends on.
pub struct Inputs<'a> {
    /// Output channel first.
    pub weights: &'a [f32],
    /// Per output channel; empty means zeros.
    pub bias: &'a [f32],
    /// Output channels.
    pub channels: usize,
    /// Quantization of the node's input.
    pub x: &'a Quantization,
    /// Quantization of the node's output.
    pub y: &'a Quantization,
    /// Of input and output.
    pub width: Width,
    /// Of the weights.
    pub bits: Bits,
    /// Most values that the weights of all channels may have.
    pub palette: Option<usize>,
    /// Expected input for weight `k` of channel `c`, for bias correction.
    pub mean: Option<&'a dyn Fn(usize, usize) -> f64>,
    /// The weights rounded for the least error of the output; `None` rounds to nearest.
    pub rounded: Option<&'a Rounded>,
}

/// Quantizes one output channel after the other. Fails with a reason if no scale can represent a channel.
pub fn quantize(input: &Inputs) -> Result<Weights, String> {
    if let Some(bad) = input.weights.iter().chain(input.bias).find(|w| !w.is_finite()) {
        return Err(format!("a weight or bias is {bad}: the checkpoint is broken"));
    }
    let per_channel = input.weights.len() / input.channels.max(1);
    let mut result = Weights { weights: Vec::new(), scales: Vec::new(), bias: Vec::new(), bias_scales: Vec::new() };
    for (c, weights) in input.weights.chunks_exact(per_channel.max(1)).enumerate() {
        let bias = f64::from(input.bias.get(c).copied().unwrap_or(0.0));
        let (scale, stored, bias) = channel(input, c, weights, bias)?;
        let bias_scale = input.x.scale() * scale;
        result.weights.extend(stored);
        result.scales.push(scale);
        result.bias.push(bias);
        result.bias_scales.push(bias_scale);
    }
    if let Some(most) = input.palette {
        share_values(input, &mut result, per_channel, most)?;
    }
    Ok(result)
}

/// Leaves at most `most` values for the weights, and makes up for what that does to the means of the outputs.
fn share_values(input: &Inputs, result: &mut Weights, per_channel: usize, most: usize) -> Result<(), String> {
    cluster(&mut result.weights, &result.scales, most);
    let real = input.weights.chunks_exact(per_channel.max(1));
    for (c, (stored, real)) in result.weights.chunks_exact(per_channel.max(1)).zip(real).enumerate() {
        let bias = f64::from(input.bias.get(c).copied().unwrap_or(0.0));
        let corrected = corrected_bias(input, c, real, stored, result.scales[c], bias);
        if !fits(stored, corrected, input.width) {
            return Err(format!("sums of channel {c} may exceed 32 bits with {most} values: leave `--palette` out"));
        }
        result.bias[c] = corrected as i32;
    }
    Ok(())
}

/// Weights that the source stores as integers already, with its scales. Fails with a reason if they cannot be used as
/// they are.
pub fn adopt(input: &Inputs, source: &SourceScale) -> Result<Weights, String> {
    let per_channel = input.weights.len() / input.channels.max(1);
    let mut result = Weights { weights: Vec::new(), scales: Vec::new(), bias: Vec::new(), bias_scales: Vec::new() };
    let y_scale = f64::from(input.y.scale());
    for (c, weights) in input.weights.chunks_exact(per_channel.max(1)).enumerate() {
        let scale = *source.scales.get(c).or(source.scales.first()).ok_or("its weights have no scale")?;
        let scale = f64::from(scale);
        let mut stored = Vec::with_capacity(weights.len());
        for &w in weights {
            let q = (f64::from(w) / scale).round();
            // The tolerance covers the rounding of `scale * q` to float32.
            if !q.is_finite() || (q * scale - f64::from(w)).abs() > 1e-3 * scale {
                return Err("its weights are no multiples of the scales that the file gives".into());
            }
            if q.abs() > LARGEST {
                return Err(format!(
                    "channel {c} holds the weight {q} (zero point subtracted), outside of -127..=127: quantize its \
                     weights symmetrically (weight type int8, zero point 0)"
                ));
            }
            stored.push(q as i8);
        }
        let bias = f64::from(input.bias.get(c).copied().unwrap_or(0.0));
        let x_scale = f64::from(input.x.scale());
        // A multiplier of practically 0 leaves only the bias, which a larger scale holds as well.
        let floor = SMALLEST_MULTIPLIER * y_scale / x_scale;
        let scale = if scale < floor {
            stored.fill(0);
            floor
        } else {
            scale
        };
        let bias = (bias / (x_scale * scale)).round();
        if !fits(&stored, bias, input.width) {
            return Err(format!("sums of channel {c} may exceed 32 bits: re-quantize it with a larger weight scale"));
        }
        if x_scale * scale / y_scale >= f64::from(1 << 30) {
            return Err(format!("channel {c} needs a factor of {:e} from sums to outputs", x_scale * scale / y_scale));
        }
        result.weights.extend(stored);
        result.scales.push(scale as f32);
        result.bias.push(bias as i32);
        result.bias_scales.push(input.x.scale() * scale as f32);
    }
    Ok(result)
}

fn channel(input: &Inputs, c: usize, weights: &[f32], bias: f64) -> Result<(f32, Vec<i8>, i32), String> {
    let (x_scale, y_scale) = (f64::from(input.x.scale()), f64::from(input.y.scale()));
    let floor = (SMALLEST_MULTIPLIER * y_scale / x_scale).max(bias.abs() / x_scale / f64::from(1 << 30));
    let mut scale = search(weights, input.bits).max(floor).max(f64::from(f32::MIN_POSITIVE)) as f32;
    loop {
        let stored: Vec<i8> = match input.rounded.filter(|r| r.moments.columns == weights.len()) {
            Some(rounded) => rounded.channel(c, input.channels, weights, scale, input.bits),
            None => weights.iter().map(|&w| store(w, scale, input.bits)).collect(),
        };
        let corrected = corrected_bias(input, c, weights, &stored, scale, bias);
        if fits(&stored, corrected, input.width) {
            let multiplier = x_scale * f64::from(scale) / y_scale;
            if multiplier >= f64::from(1 << 30) {
                return Err(format!(
                    "output channel {c} needs a factor of {multiplier:e} from sums to outputs: the output range is \
                     almost empty; keep the node float with `--float-nodes`, or calibrate with more data"
                ));
            }
            return Ok((scale, stored, corrected as i32));
        }
        let excess = (reach(&stored, corrected, input.width) / input.width.largest_sum()).max(1.01);
        scale *= excess as f32;
    }
}

/// The stored bias with which the mean of channel `c`'s outputs is that of the real weights, as far as means are known.
fn corrected_bias(input: &Inputs, c: usize, weights: &[f32], stored: &[i8], scale: f32, bias: f64) -> f64 {
    let error: f64 = match input.mean {
        Some(mean) => {
            let of =
                |(k, (&q, &w)): (usize, (&i8, &f32))| (f64::from(q) * f64::from(scale) - f64::from(w)) * mean(c, k);
            stored.iter().zip(weights).enumerate().map(of).sum()
        }
        None => 0.0,
    };
    ((bias - error) / (f64::from(input.x.scale()) * f64::from(scale))).round()
}

/// Largest magnitude of a sum: the accumulator before the zero point is subtracted, and after.
fn reach(stored: &[i8], bias: f64, width: Width) -> f64 {
    stored.iter().map(|&q| f64::from(q).abs() * width.reach()).sum::<f64>() + bias.abs()
}

/// True if neither a sum nor the bias, of 32 bits, overflows.
fn fits(stored: &[i8], bias: f64, width: Width) -> bool {
    bias.abs() <= f64::from(i32::MAX) && reach(stored, bias, width) <= width.largest_sum()
}

/// The nearest stored weight.
pub fn store(weight: f32, scale: f32, bits: Bits) -> i8 {
    (f64::from(weight) / f64::from(scale)).round().clamp(-bits.largest(), bits.largest()) as i8
}

/// The scale of a channel, unless sums or the bias need a larger one; 0 for a channel of zeros.
pub fn scale_of(weights: &[f32], bits: Bits) -> f32 {
    search(weights, bits) as f32
}

/// The scale with the smallest squared error; 0 for a channel of zeros.
fn search(weights: &[f32], bits: Bits) -> f64 {
    let largest = f64::from(weights.iter().fold(0.0f32, |m, w| m.max(w.abs())));
    let mut best = (f64::INFINITY, 0.0);
    for percent in bits.clips().rev() {
        let scale = (largest * f64::from(percent) / 100.0 / bits.largest()) as f32;
        if scale < f32::MIN_POSITIVE {
            break;
        }
        let error = |w: &f32| (f64::from(store(*w, scale, bits)) * f64::from(scale) - f64::from(*w)).powi(2);
        let sum: f64 = weights.iter().map(error).sum();
        if sum < best.0 {
            best = (sum, f64::from(scale));
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn quantized(weights: &[f32], bias: &[f32], channels: usize, x: f32, y: f32) -> Weights {
        let (x, y) = (Quantization::per_tensor(x, 3), Quantization::per_tensor(y, -5));
        quantize(&Inputs {
            weights,
            bias,
            channels,
            x: &x,
            y: &y,
            width: Width::I8,
            bits: Bits::Eight,
            palette: None,
            mean: None,
            rounded: None,
        })
        .unwrap()
    }

    #[test]
    fn channels_have_scales_of_their_own() {
        let w = quantized(&[1.27, -0.5, 0.127, 0.05], &[1.0, 0.0], 2, 0.5, 1.0);
        assert_eq!(w.weights, [127, -50, 127, 50]);
        assert!((w.scales[0] - 0.01).abs() < 1e-6 && (w.scales[1] - 0.001).abs() < 1e-7);
        assert_eq!(w.bias, [200, 0]);
    }

    #[test]
    fn four_bits_have_fifteen_values() {
        let (x, y) = (Quantization::per_tensor(0.5, 3), Quantization::per_tensor(1.0, -5));
        let weights = [0.7, -0.7, 0.3, 0.04, 0.0];
        let inputs = Inputs {
            weights: &weights,
            bias: &[],
            channels: 1,
            x: &x,
            y: &y,
            width: Width::I8,
            bits: Bits::Four,
            palette: None,
            mean: None,
            rounded: None,
        };
        assert_eq!(quantize(&inputs).unwrap().weights, [7, -7, 3, 0, 0]);
    }

    #[test]
    fn a_dead_channel_keeps_its_bias() {
        let w = quantized(&[0.0, 0.0], &[0.75], 1, 0.1, 0.05);
        assert_eq!(w.weights, [0, 0]);
        let multiplier = f64::from(w.bias_scales[0]) / 0.05;
        assert!(multiplier >= SMALLEST_MULTIPLIER * 0.99);
        assert!((f64::from(w.bias[0]) * f64::from(w.bias_scales[0]) - 0.75).abs() < 1e-3);
        let w = quantized(&[0.0, 0.0], &[], 1, 0.1, 0.05);
        assert_eq!((w.bias[0], w.scales[0] > 0.0), (0, true));
    }

    #[test]
    fn a_huge_bias_raises_the_scale_instead_of_overflowing() {
        let w = quantized(&[1e-6, -1e-6], &[5e4], 1, 0.01, 400.0);
        assert!((f64::from(w.bias[0]) * f64::from(w.bias_scales[0]) / 5e4 - 1.0).abs() < 1e-6);
    }

    #[test]
    fn long_sums_cannot_overflow_the_accumulator() {
        let weights = vec![1.0; 100_000];
        let w = quantized(&weights, &[], 1, 0.01, 400.0);
        assert!(w.weights.iter().map(|&q| i64::from(q) * 255).sum::<i64>() <= i64::from(i32::MAX));
    }

    #[test]
    fn broken_or_unrepresentable_channels_are_named() {
        let (x, y) = (Quantization::per_tensor(1.0, 0), Quantization::per_tensor(1e-20, 0));
        let with = |weights| Inputs {
            weights,
            bias: &[],
            channels: 2,
            x: &x,
            y: &y,
            width: Width::I8,
            bits: Bits::Eight,
            palette: None,
            mean: None,
            rounded: None,
        };
        assert!(quantize(&with(&[1.0, f32::NAN])).unwrap_err().starts_with("a weight or bias is NaN"));
        assert!(quantize(&with(&[1.0, 1.0])).unwrap_err().contains("--float-nodes"));
    }

    #[test]
    fn bias_correction_cancels_the_mean_rounding_error() {
        let (x, y) = (Quantization::per_tensor(0.01, 0), Quantization::per_tensor(0.01, 0));
        let weights = [1.0, 0.3337, -0.1212];
        let mean = |_, k: usize| [1.0, 2.0, 3.0][k];
        let w = quantize(&Inputs {
            weights: &weights,
            bias: &[0.1],
            channels: 1,
            x: &x,
            y: &y,
            width: Width::I8,
            bits: Bits::Eight,
            palette: None,
            mean: Some(&mean),
            rounded: None,
        })
        .unwrap();
        let sum: f64 = (0..3).map(|k| f64::from(w.weights[k]) * f64::from(w.scales[0]) * mean(0, k)).sum();
        let got = sum + f64::from(w.bias[0]) * f64::from(w.bias_scales[0]);
        let expected: f64 = 0.1 + (0..3).map(|k| f64::from(weights[k]) * mean(0, k)).sum::<f64>();
        assert!((got - expected).abs() < 1e-4);
    }

    #[test]
    fn a_palette_keeps_the_means_of_the_outputs() {
        let (x, y) = (Quantization::per_tensor(0.01, 0), Quantization::per_tensor(0.01, 0));
        let weights = [1.0, 0.9, 0.8, -0.3, -1.0, -0.9, 0.1, 0.2];
        let mean = |_, k: usize| [1.0, 2.0, 3.0, 4.0][k];
        let inputs = Inputs {
            weights: &weights,
            bias: &[],
            channels: 2,
            x: &x,
            y: &y,
            width: Width::I8,
            bits: Bits::Eight,
            palette: Some(4),
            mean: Some(&mean),
            rounded: None,
        };
        let w = quantize(&inputs).unwrap();
        let values: std::collections::BTreeSet<i8> = w.weights.iter().copied().collect();
        assert!(values.len() <= 4, "{values:?}");
        for (c, stored) in w.weights.chunks(4).enumerate() {
            let of = |k: usize| f64::from(stored[k]) * f64::from(w.scales[c]) * mean(0, k);
            let got = (0..4).map(of).sum::<f64>() + f64::from(w.bias[c]) * f64::from(w.bias_scales[c]);
            let expected: f64 = (0..4).map(|k| f64::from(weights[4 * c + k]) * mean(0, k)).sum();
            assert!((got - expected).abs() < 1e-3, "{got} {expected}");
        }
    }

    proptest! {
        #[test]
        fn unclipped_weights_round_trip_within_half_a_scale(weights in prop::collection::vec(-2.0f32..2.0, 1..30)) {
            let w = quantized(&weights, &[], 1, 0.1, 0.1);
            let limit = f64::from(w.scales[0]) * LARGEST;
            for (&q, &x) in w.weights.iter().zip(&weights) {
                prop_assert!((-127..=127).contains(&q));
                let back = f64::from(q) * f64::from(w.scales[0]);
                let clipped = f64::from(x).clamp(-limit, limit);
                prop_assert!((back - clipped).abs() <= f64::from(w.scales[0]) * 0.5001);
            }
        }
    }
}
