//! Rounding of weights up or down, so that a layer's output changes least.
//!
//! The objective is that of Nagel et al., "Up or Down? Adaptive Rounding for Post-Training Quantization" (AdaRound, ICML
//! 2020): of the two neighbours of each weight choose the one with which the mean square of the output's error is smallest,
//! `d H d` for the weight error `d` of an output channel ([`Moments`]). There, a relaxation of the choice is trained by
//! gradient descent. It is a quadratic function of binary choices, so here it is minimised directly: starting from the
//! nearest values, the choice (or the pair of choices) whose change gains most is changed, until none gains. That takes
//! no learning rate and no random numbers, gives the same weights everywhere, and can never be worse than rounding to nearest.

use super::float_nodes::{is_named, widths};
use super::lower::takes_palette;
use super::weights::{Bits, scale_of, store};
use super::{Moments, QuantizeError, QuantizeOptions, Ranges};
use crate::ir::{Graph, Node, ValueId};
use rayon::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;

/// A change must gain this share of the error.
const LEAST_GAIN: f64 = 1e-9;
/// With more weights for each output, pairs of choices are not tried: their number is the square.
const MOST_FOR_PAIRS: usize = 320;

/// The stored weights of one output channel: each is `weight / scale` rounded up or down (within the range of `bits`).
pub fn round(weights: &[f32], scale: f32, bits: Bits, h: &[f64]) -> Vec<i8> {
    let nearest: Vec<i8> = weights.iter().map(|&w| store(w, scale, bits)).collect();
    Descent::new(weights, scale, bits, h, &nearest).run()
}

/// Mean square of the output's error, for one output channel.
pub fn error(stored: &[i8], weights: &[f32], scale: f32, h: &[f64]) -> f64 {
    let d = differences(stored, weights, scale);
    d.iter().zip(product(h, &d)).map(|(d, g)| d * g).sum()
}

fn differences(stored: &[i8], weights: &[f32], scale: f32) -> Vec<f64> {
    stored.iter().zip(weights).map(|(&q, &w)| f64::from(q) * f64::from(scale) - f64::from(w)).collect()
}

fn product(h: &[f64], d: &[f64]) -> Vec<f64> {
    h.chunks_exact(d.len().max(1)).map(|row| row.iter().zip(d).map(|(h, d)| h * d).sum()).collect()
}

/// A choice for every weight, and what changing it would do.
struct Descent<'a> {
    h: &'a [f64],
    scale: f64,
    stored: Vec<i8>,
    /// What is added to `stored` to get the other neighbour: 1, -1, or 0 if there is none.
    other: Vec<i8>,
    /// `H d`.
    gradient: Vec<f64>,
    error: f64,
}

impl<'a> Descent<'a> {
    fn new(weights: &[f32], scale: f32, bits: Bits, h: &'a [f64], start: &[i8]) -> Self {
        let largest = bits.largest();
        let other = |(&q, &w): (&i8, &f32)| {
            let exact = f64::from(w) / f64::from(scale);
            let step = (exact - f64::from(q)).partial_cmp(&0.0).map_or(0, |order| order as i8);
            if (f64::from(q) + f64::from(step)).abs() <= largest { step } else { 0 }
        };
        let d = differences(start, weights, scale);
        let gradient = product(h, &d);
        let error = d.iter().zip(&gradient).map(|(d, g)| d * g).sum();
        let other = start.iter().zip(weights).map(other).collect();
        Self { h, scale: f64::from(scale), stored: start.to_vec(), other, gradient, error }
    }

    fn len(&self) -> usize {
        self.stored.len()
    }

    /// How the error changes with choice `k`.
    fn change(&self, k: usize) -> f64 {
        let step = f64::from(self.other[k]) * self.scale;
        2.0 * step * self.gradient[k] + step * step * self.h[k * self.len() + k]
    }

    fn take(&mut self, k: usize) {
        self.error += self.change(k);
        let (n, step) = (self.len(), f64::from(self.other[k]) * self.scale);
        self.gradient.iter_mut().zip(&self.h[k * n..][..n]).for_each(|(g, h)| *g += step * h);
        self.stored[k] += self.other[k];
        self.other[k] = -self.other[k];
    }

    /// Whether a change of the error is a gain that counts.
    fn gains(&self, change: f64) -> bool {
        change < -LEAST_GAIN * self.error.abs()
    }

    fn best(&self) -> Option<usize> {
        let choices = (0..self.len()).filter(|&k| self.other[k] != 0).map(|k| (k, self.change(k)));
        let best = choices.min_by(|a, b| a.1.total_cmp(&b.1))?;
        self.gains(best.1).then_some(best.0)
    }

    fn best_pair(&self) -> Option<(usize, usize)> {
        let n = self.len();
        let single: Vec<f64> = (0..n).map(|k| self.change(k)).collect();
        let mut best = (0.0, None);
        for i in (0..n).filter(|&i| self.other[i] != 0) {
            let row = &self.h[i * n..][..n];
            let twice = 2.0 * f64::from(self.other[i]) * self.scale * self.scale;
            for j in i + 1..n {
                let change = single[i] + single[j] + twice * f64::from(self.other[j]) * row[j];
                if self.other[j] != 0 && change < best.0 {
                    best = (change, Some((i, j)));
                }
            }
        }
        best.1.filter(|_| self.gains(best.0))
    }

    fn run(mut self) -> Vec<i8> {
        // The error falls with every change, so this ends; the bound keeps a hostile `H` from taking forever.
        for _ in 0..16 * self.len() {
            if let Some(k) = self.best() {
                self.take(k);
            } else if let Some((i, j)) =
                Some(self.len()).filter(|&n| n <= MOST_FOR_PAIRS).and_then(|_| self.best_pair())
            {
                self.take(i);
                self.take(j);
            } else {
                break;
            }
        }
        self.stored
    }
}

/// The weights of a layer, rounded up or down for the least error of its output.
#[derive(Clone, Debug)]
pub struct Rounded {
    /// What the weights meet.
    pub moments: Arc<Moments>,
    bits: Bits,
    /// Per output channel.
    scales: Vec<f32>,
    /// In the order of the float weights.
    stored: Vec<i8>,
}

impl Rounded {
    fn of(weights: &[f32], bits: Bits, channels: usize, moments: Arc<Moments>) -> Self {
        let mut rounded = Self { moments, bits, scales: Vec::new(), stored: Vec::new() };
        let per_channel = rounded.moments.columns.max(1);
        let channel = |(c, w): (usize, &[f32])| {
            let scale = scale_of(w, bits);
            (scale, if scale > 0.0 { round(w, scale, bits, rounded.moments.h(c, channels)) } else { vec![0; w.len()] })
        };
        let all: Vec<(f32, Vec<i8>)> = weights.par_chunks_exact(per_channel).enumerate().map(channel).collect();
        for (scale, stored) in all {
            rounded.scales.push(scale);
            rounded.stored.extend(stored);
        }
        rounded
    }

    /// The stored weights of output channel `c` of `channels`, for `scale`: as found, unless they were for another scale.
    pub fn channel(&self, c: usize, channels: usize, weights: &[f32], scale: f32, bits: Bits) -> Vec<i8> {
        let found = self.stored.get(c * weights.len()..(c + 1) * weights.len());
        match found {
            Some(found) if bits == self.bits && self.scales.get(c) == Some(&scale) => found.to_vec(),
            _ => round(weights, scale, bits, self.moments.h(c, channels)),
        }
    }
}

/// A layer whose weights are rounded up or down for the least error of its output.
#[derive(Clone, Debug, PartialEq)]
pub struct RoundedLayer {
    /// Name of the node.
    pub node: String,
    /// Power of the output over that of its error by the rounding of weights to nearest, in decibel.
    pub nearest_db: f64,
    /// The same with the weights chosen.
    pub chosen_db: f64,
}

/// Rounds the weights of the `count` layers of `graph` that lose most by rounding to nearest, by the signal-to-noise ratio at
/// their output, and puts them into `ranges`; tells what they gain. Layers that stay float, or whose weights get a palette of values
/// afterwards, are none of them.
pub fn round_worst(
    graph: &Graph,
    moments: &HashMap<ValueId, Arc<Moments>>,
    ranges: &mut Ranges,
    options: &QuantizeOptions,
    count: usize,
) -> Result<Vec<RoundedLayer>, QuantizeError> {
    let widths = widths(graph, options)?;
    let mut scored: Vec<(f64, &Node)> = Vec::new();
    for (node, _) in graph.nodes.iter().zip(&widths).filter(|(_, width)| width.is_some()) {
        let open = options.palette.is_none() || !takes_palette(&node.op);
        if let Some(layer) = Layer::of(graph, node, moments, options).filter(|_| open) {
            scored.push((layer.decibel(&|_, w, scale| w.iter().map(|&w| store(w, scale, layer.bits)).collect()), node));
        }
    }
    scored.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.output.cmp(&b.1.output)));
    let mut layers = Vec::new();
    for (nearest_db, node) in scored.into_iter().take(count) {
        let Some(layer) = Layer::of(graph, node, moments, options) else { continue };
        let rounded = Rounded::of(layer.weights, layer.bits, layer.channels, layer.moments.clone());
        let chosen_db = layer.decibel(&|c, w, scale| rounded.channel(c, layer.channels, w, scale, layer.bits));
        layers.push(RoundedLayer { node: node.name.clone(), nearest_db, chosen_db });
        ranges.rounded.insert(node.output, Arc::new(rounded));
    }
    Ok(layers)
}

/// Stored weights from the number of an output channel, its weights and its scale.
type Rounding<'a> = dyn Fn(usize, &[f32], f32) -> Vec<i8> + 'a;

/// A layer whose weights can be rounded either way.
struct Layer<'a> {
    weights: &'a [f32],
    bits: Bits,
    channels: usize,
    moments: &'a Arc<Moments>,
}

impl<'a> Layer<'a> {
    fn of(
        graph: &'a Graph,
        node: &Node,
        moments: &'a HashMap<ValueId, Arc<Moments>>,
        options: &QuantizeOptions,
    ) -> Option<Self> {
        let moments = moments.get(&node.output)?;
        let bits = if is_named(&options.int4_weights, node) { Bits::Four } else { Bits::Eight };
        let weights = graph.value(*node.inputs.get(1)?);
        Some(Self { weights: weights.constant.as_ref()?.as_f32()?, bits, channels: *weights.shape.first()?, moments })
    }

    /// Power of the output over that of its error by a rounding of each channel, in decibel.
    fn decibel(&self, rounding: &Rounding) -> f64 {
        let (mut signal, mut noise) = (0.0, 0.0);
        for (c, w) in self.weights.chunks_exact(self.moments.columns.max(1)).enumerate() {
            let (scale, h) = (scale_of(w, self.bits), self.moments.h(c, self.channels));
            if scale > 0.0 {
                signal += error(&vec![0; w.len()], w, scale, h);
                noise += error(&rounding(c, w, scale), w, scale, h);
            }
        }
        if noise > 0.0 { 10.0 * (signal / noise).log10() } else { f64::INFINITY }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::Random;

    /// Weights and a covariance of `n` strongly correlated columns.
    fn problem(n: usize, seed: u64) -> (Vec<f32>, Vec<f64>) {
        let mut random = Random::new(seed);
        let weights: Vec<f32> = (0..n).map(|_| random.next()).collect();
        let mut h = vec![0.0; n * n];
        for _ in 0..3 * n {
            let common = f64::from(random.next());
            let x: Vec<f64> = (0..n).map(|_| common + 0.4 * f64::from(random.next())).collect();
            for i in 0..n {
                for j in 0..n {
                    h[i * n + j] += x[i] * x[j];
                }
            }
        }
        (weights, h)
    }

    fn nearest(weights: &[f32], scale: f32, bits: Bits) -> Vec<i8> {
        weights.iter().map(|&w| store(w, scale, bits)).collect()
    }

    #[test]
    fn never_worse_than_nearest_and_mostly_much_better() {
        for bits in [Bits::Four, Bits::Eight] {
            let mut gains = Vec::new();
            for seed in 1..20 {
                let (weights, h) = problem(27, seed);
                let scale = scale_of(&weights, bits);
                let before = error(&nearest(&weights, scale, bits), &weights, scale, &h);
                let chosen = round(&weights, scale, bits, &h);
                let after = error(&chosen, &weights, scale, &h);
                assert!(after <= before);
                gains.push(before / after);
                for (&q, &w) in chosen.iter().zip(&weights) {
                    let limit = bits.largest() * f64::from(scale);
                    let exact = f64::from(w).clamp(-limit, limit) / f64::from(scale);
                    assert!((f64::from(q) - exact).abs() < 1.0 && f64::from(q).abs() <= bits.largest());
                }
            }
            gains.sort_by(f64::total_cmp);
            assert!(gains[gains.len() / 2] > 2.0, "{bits:?}: {gains:?}");
        }
    }

    #[test]
    fn small_problems_are_solved_almost_as_well_as_by_trying_everything() {
        let (mut found, mut optimal, mut rounded) = (0.0, 0.0, 0.0);
        for seed in 1..12 {
            let (weights, h) = problem(9, seed);
            let scale = scale_of(&weights, Bits::Four);
            let start = nearest(&weights, scale, Bits::Four);
            let descent = Descent::new(&weights, scale, Bits::Four, &h, &start);
            let every = (0..1u32 << 9).map(|choice| {
                let q: Vec<i8> =
                    (0..9).map(|k| start[k] + if choice >> k & 1 == 1 { descent.other[k] } else { 0 }).collect();
                error(&q, &weights, scale, &h)
            });
            optimal += every.fold(f64::INFINITY, f64::min);
            found += error(&round(&weights, scale, Bits::Four, &h), &weights, scale, &h);
            rounded += error(&start, &weights, scale, &h);
        }
        assert!(found >= optimal * 0.999_999 && found < 1.2 * optimal && found < 0.5 * rounded);
    }

    #[test]
    fn uncorrelated_inputs_leave_nearest_and_no_inputs_change_nothing() {
        let (weights, _) = problem(16, 5);
        let scale = scale_of(&weights, Bits::Four);
        let mut h = vec![0.0; 256];
        assert_eq!(round(&weights, scale, Bits::Four, &h), nearest(&weights, scale, Bits::Four));
        (0..16).for_each(|i| h[i * 17] = 1.0 + i as f64);
        assert_eq!(round(&weights, scale, Bits::Four, &h), nearest(&weights, scale, Bits::Four));
    }
}
