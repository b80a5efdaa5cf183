//! Cross-layer equalization: channels of the float network get like ranges, and the network still computes the same.
//!
//! After Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction" (ICCV 2019). Where a layer
//! feeds another through functions with `f(a * x) = a * f(x)` for positive `a`, channel `c` can be made `1/s[c]` as large by
//! the first layer's weights and bias, and the second layer's weights for it `s[c]` times as large. Activations have one
//! scale for all channels, so that small channels gain steps from it.
//!
//! Weights have one scale for each output channel here. So the range that counts on the first side is not that of the
//! weights, as in the paper, but that of the activation, which calibration saw; and on the second side that of a channel's
//! weights relative to the largest weight of the same output channel. The factor is the geometric mean that makes the two
//! alike. A depthwise layer has a scale for each of its inputs: there the activations alone decide.

use super::Observed;
use crate::ir::{Graph, Node, Op, Tensor, Unary, ValueId};

/// No channel is made larger or smaller by more than this.
const LARGEST_FACTOR: f64 = 1024.0;
/// Factors nearer to 1 change nothing worth a line in a report.
const NOTHING: f64 = 1.05;
/// A channel that never came near the bound of a clamp may grow until so much is left between it and the bound.
const HEADROOM: f64 = 1.25;

/// Two layers between which channels were rescaled.
#[derive(Clone, Debug, PartialEq)]
pub struct Equalized {
    /// Node whose output channels were divided by their factors.
    pub first: String,
    /// Node whose weights were multiplied by them.
    pub second: String,
    /// Channels whose factor is not 1.
    pub channels: usize,
    /// Largest over smallest factor.
    pub spread: f64,
}

/// Rescales the channels between all pairs of layers of `graph` that allow it; `observed` is what calibration saw of it.
///
/// The network computes the same, up to the rounding of float32, with one exception: a channel that stayed below the bound of
/// a clamp (ReLU6) on all calibration samples is clamped at another value then, at least 1.25 times as large as
/// the largest that was seen, and at most the former bound. Layers are left alone if the value between them is an output or
/// has several readers, or if their weights serve other layers too.
pub fn equalize(graph: &mut Graph, observed: &Observed) -> Vec<Equalized> {
    let pairs: Vec<Pair> = (0..graph.nodes.len()).filter_map(|first| pair(graph, first)).collect();
    let mut done = Vec::new();
    for pair in pairs {
        let Some(factors) = factors(graph, &pair, observed) else { continue };
        let ends = factors.iter().fold((1.0f64, 1.0f64), |(low, high), &s| (low.min(s), high.max(s)));
        if ends.1 / ends.0 < NOTHING {
            continue;
        }
        rescale(graph, &pair, &factors);
        let name = |node: usize| graph.nodes[node].name.clone();
        let channels = factors.iter().filter(|s| **s != 1.0).count();
        done.push(Equalized { first: name(pair.first), second: name(pair.second), channels, spread: ends.1 / ends.0 });
    }
    done
}

/// The values whose channels [`equalize`] may rescale.
pub fn rescalable(graph: &Graph) -> Vec<ValueId> {
    (0..graph.nodes.len()).filter_map(|first| pair(graph, first)).flat_map(|pair| pair.between).collect()
}

/// Two layers with nothing between them that minds the size of a channel.
struct Pair {
    first: usize,
    second: usize,
    channels: usize,
    /// The values between them, in order.
    between: Vec<ValueId>,
    /// The smallest finite upper bound of a clamp between them.
    bound: Option<f32>,
}

fn pair(graph: &Graph, first: usize) -> Option<Pair> {
    let node = &graph.nodes[first];
    let (Op::Conv2d { activation, .. } | Op::FullyConnected { activation }) = node.op else { return None };
    weights(graph, node)?;
    let channels = *graph.value(node.output).shape.last()?;
    let mut bound = bound_of(activation.min, activation.max)?;
    let mut value = node.output;
    let mut between = Vec::new();
    loop {
        between.push(value);
        let second = only_reader(graph, value)?;
        let reader = &graph.nodes[second];
        let last = graph.value(value).shape.last().copied()?;
        // Along the way, an element's position in memory modulo the number of channels is its channel.
        let whole = channels > 0 && last.is_multiple_of(channels);
        match &reader.op {
            Op::Conv2d { .. } if last == channels && reader.inputs.first() == Some(&value) => {
                weights(graph, reader)?;
                return Some(Pair { first, second, channels, between, bound });
            }
            Op::FullyConnected { .. } if whole && reader.inputs.first() == Some(&value) => {
                weights(graph, reader)?;
                return Some(Pair { first, second, channels, between, bound });
            }
            Op::Unary(Unary::Clamp { min, max }) => bound = smaller(bound, bound_of(*min, *max)?),
            Op::Unary(Unary::LeakyRelu { .. }) | Op::Reshape => {}
            Op::MaxPool2d { .. } | Op::AveragePool2d { .. } if whole => {}
            Op::Mean { axes, .. } if whole && !axes.contains(&(graph.value(value).shape.len() - 1)) => {}
            Op::Pad { before, after, value: 0.0 } if whole && before.last() == Some(&0) && after.last() == Some(&0) => {
            }
            _ => return None,
        }
        value = reader.output;
    }
}

/// The finite upper bound of a clamp, if it has one; `None` if the clamp minds the size of a channel in another way.
fn bound_of(min: f32, max: f32) -> Option<Option<f32>> {
    let free = |x: f32| x == 0.0 || x.is_infinite();
    match (free(min), free(max)) {
        (true, true) => Some(None),
        (true, false) if max > 0.0 => Some(Some(max)),
        _ => None,
    }
}

fn smaller(a: Option<f32>, b: Option<f32>) -> Option<f32> {
    a.into_iter().chain(b).reduce(f32::min)
}

/// The node that reads `value`, if it is one and reads it once, and nobody else takes the value.
fn only_reader(graph: &Graph, value: ValueId) -> Option<usize> {
    let [reader] = graph.consumers(value)[..] else { return None };
    let once = graph.nodes[reader.0].inputs.iter().filter(|x| **x == value).count() == 1;
    (once && !graph.is_output(value)).then_some(reader.0)
}

/// The weights of a layer, if it and its bias are float constants of its own that did not come quantized.
fn weights<'g>(graph: &'g Graph, node: &Node) -> Option<&'g [f32]> {
    let own = |id: ValueId| {
        let uses = graph.nodes.iter().flat_map(|n| &n.inputs).filter(|x| **x == id).count();
        let value = graph.value(id);
        (uses == 1 && !graph.is_output(id) && value.source_scale.is_none())
            .then_some(value.constant.as_ref()?.as_f32()?)
    };
    if let Some(&bias) = node.inputs.get(2) {
        own(bias)?;
    }
    own(*node.inputs.get(1)?)
}

/// For every weight of `second`, in order: its output channel, and the channel of the pair that it is multiplied with.
fn columns(graph: &Graph, pair: &Pair) -> impl Fn(usize) -> (usize, usize) + use<> {
    let node = &graph.nodes[pair.second];
    let shape = &graph.value(node.inputs[1]).shape;
    let out = shape.first().copied().unwrap_or(1).max(1);
    let per_output = (shape.iter().product::<usize>() / out).max(1);
    let groups = if let Op::Conv2d { groups, .. } = node.op { groups.max(1) } else { 1 };
    let per_group_in = shape.last().copied().unwrap_or(1).max(1);
    let (per_group_out, channels) = ((out / groups).max(1), pair.channels);
    move |at| {
        let output = at / per_output;
        (output, (output / per_group_out * per_group_in + at % per_group_in) % channels)
    }
}

/// The factor of every channel; `None` if nothing is known of the activation.
fn factors(graph: &Graph, pair: &Pair, observed: &Observed) -> Option<Vec<f64>> {
    let (first, second) = (&graph.nodes[pair.first], &graph.nodes[pair.second]);
    let seen: Vec<f64> = observed.largest(first.output)?.iter().map(|&a| f64::from(a)).collect();
    let data = weights(graph, second)?;
    let columns = columns(graph, pair);
    // One input channel for each output: its scale follows its only column.
    let depthwise = matches!(second.op, Op::Conv2d { .. }) && graph.value(second.inputs[1]).shape.last() == Some(&1);
    let outputs = graph.value(second.inputs[1]).shape.first().copied().unwrap_or(0);
    let mut rows = vec![0.0f64; outputs];
    for (at, w) in data.iter().enumerate() {
        let row = &mut rows[columns(at).0];
        *row = row.max(f64::from(w.abs()));
    }
    let mut second_range = vec![0.0f64; pair.channels];
    for (at, w) in data.iter().enumerate().filter(|(_, w)| **w != 0.0) {
        let (output, channel) = columns(at);
        let range = &mut second_range[channel];
        *range = range.max(f64::from(w.abs()) / rows[output]);
    }
    let largest = |v: &[f64]| v.iter().copied().fold(0.0, f64::max);
    let bound = pair.bound.map(f64::from);
    let (a_max, r_max) = (bound.unwrap_or_else(|| largest(&seen)), largest(&second_range));
    let factor = |c: usize| {
        let (a, r) = (seen.get(c).copied().unwrap_or(0.0), second_range[c]);
        // A dead channel has nothing to gain.
        if !(a > 0.0 && r > 0.0 && a_max > 0.0) {
            return 1.0;
        }
        let s = if depthwise { a / a_max } else { (a / a_max * (r_max / r)).sqrt() };
        let s = match bound {
            Some(bound) => s.clamp((HEADROOM * a / bound).min(1.0), 1.0),
            None => s,
        };
        s.clamp(1.0 / LARGEST_FACTOR, LARGEST_FACTOR)
    };
    Some((0..pair.channels).map(factor).collect())
}

/// Divides the first layer's channels, multiplies the second layer's weights.
fn rescale(graph: &mut Graph, pair: &Pair, factors: &[f64]) {
    let columns = columns(graph, pair);
    let (first, second) = (graph.nodes[pair.first].clone(), graph.nodes[pair.second].clone());
    let rows = graph.value(first.inputs[1]).elements() / pair.channels.max(1);
    change(graph, first.inputs[1], |at, w| w / factors[at / rows.max(1)]);
    if let Some(&bias) = first.inputs.get(2) {
        change(graph, bias, |at, b| b / factors[at]);
    }
    change(graph, second.inputs[1], |at, w| w * factors[columns(at).1]);
}

fn change(graph: &mut Graph, id: ValueId, f: impl Fn(usize, f64) -> f64) {
    if let Some(Tensor::F32 { data, .. }) = &mut graph.values[id.0].constant {
        data.iter_mut().enumerate().for_each(|(at, x)| *x = f(at, f64::from(*x)) as f32);
    }
}

#[cfg(test)]
mod tests;
