//! Ranges of all values, from data.

use super::choose::choose;
use super::histogram::Histogram;
use super::{Method, QuantizeError, Range, Rounded, Width};
use crate::execute::{Executor, Precision, Target};
use crate::ir::{Graph, Op, Tensor, Unary, ValueId};
use std::collections::HashMap;
use std::sync::Arc;

/// Samples between two calls of `progress`.
const CHUNK: usize = 16;

/// Options of [`calibrate`].
#[derive(Clone, Debug, Default)]
pub struct CalibrateOptions {
    /// How a range is chosen.
    pub method: Method,
}

/// What calibration found, per value.
#[derive(Clone, Debug)]
pub struct Ranges {
    /// Indexed by [`ValueId`]; `None` for constants and unused values.
    pub ranges: Vec<Option<Range>>,
    /// Indexed by [`ValueId`]: all that was seen. For int16, whose resolution is nothing to pay for with clipping.
    pub seen: Vec<Option<Range>>,
    /// Indexed by [`ValueId`]: the mean of every channel (index along the last axis).
    pub means: Vec<Option<Vec<f64>>>,
    /// By the output of a convolution or fully connected node: its weights, if they are not rounded to nearest, but so that
    /// the output changes least.
    pub rounded: HashMap<ValueId, Arc<Rounded>>,
}

impl Ranges {
    /// None known for any of `values` values.
    pub fn unknown(values: usize) -> Self {
        Self {
            ranges: vec![None; values],
            seen: vec![None; values],
            means: vec![None; values],
            rounded: HashMap::new(),
        }
    }

    /// What activations of `width` represent.
    pub fn of(&self, width: Width) -> &[Option<Range>] {
        match width {
            Width::I8 => &self.ranges,
            Width::I16 => &self.seen,
        }
    }
}

/// Everything seen of one value.
#[derive(Clone, Debug)]
struct Seen {
    histogram: Histogram,
    sums: Vec<f64>,
    /// Largest magnitude, per channel.
    largest: Vec<f32>,
    rows: u64,
}

impl Seen {
    fn new(channels: usize) -> Self {
        Self { histogram: Histogram::default(), sums: vec![0.0; channels], largest: vec![0.0; channels], rows: 0 }
    }

    fn add(&mut self, values: &[f32]) {
        self.histogram.add(values);
        for row in values.chunks_exact(self.sums.len()) {
            self.rows += 1;
            for ((sum, largest), &x) in self.sums.iter_mut().zip(&mut self.largest).zip(row) {
                *sum += f64::from(x);
                *largest = largest.max(x.abs());
            }
        }
    }

    fn means(&self) -> Vec<f64> {
        self.sums.iter().map(|s| s / self.rows.max(1) as f64).collect()
    }
}

/// Runs `graph` on `samples` (internal layout) and chooses a range for every value: [`observe`], then
/// [`Observed::ranges`].
pub fn calibrate(
    graph: &Graph,
    samples: &[Vec<Tensor>],
    options: &CalibrateOptions,
    progress: &mut dyn FnMut(usize),
) -> Result<Ranges, QuantizeError> {
    Ok(observe(graph, samples, progress)?.ranges(graph, options.method))
}

/// What the values of a graph were on calibration samples. Any method can choose ranges from it.
#[derive(Clone, Debug)]
pub struct Observed(Vec<Option<Seen>>);

/// Runs `graph` on `samples` (internal layout) and remembers how often which values occur. `progress` gets the number of
/// samples done.
///
/// The network runs in double precision, so that the ranges do not depend on the machine.
pub fn observe(
    graph: &Graph,
    samples: &[Vec<Tensor>],
    progress: &mut dyn FnMut(usize),
) -> Result<Observed, QuantizeError> {
    if samples.is_empty() {
        return Err(QuantizeError::NoSamples);
    }
    let executor = Executor::on(graph, Target::cpu(Precision::Double))?;
    let mut seen: Vec<Option<Seen>> = graph.values.iter().map(|_| None).collect();
    for (i, chunk) in samples.chunks(CHUNK).enumerate() {
        let mut not_finite = None;
        executor.run_batch_observed(chunk, &mut |value, data, first| {
            let shape = &graph.value(value).shape;
            if let Some(bad) = data.iter().position(|x| !x.is_finite()) {
                let sample = i * CHUNK + first + bad / graph.value(value).elements().max(1);
                not_finite.get_or_insert_with(|| not_finite_error(graph, value, data[bad], sample));
            } else {
                let channels = shape.last().copied().unwrap_or(1).max(1);
                seen[value.0].get_or_insert_with(|| Seen::new(channels)).add(data);
            }
        })?;
        if let Some(error) = not_finite {
            return Err(error);
        }
        progress((i * CHUNK + chunk.len()).min(samples.len()));
    }
    Ok(Observed(seen))
}

impl Observed {
    /// The range of every value of `graph`, which was observed. Inputs keep everything seen, whatever the method.
    pub fn ranges(&self, graph: &Graph, method: Method) -> Ranges {
        let range = |(value, seen): (usize, &Option<Seen>)| {
            let histogram = &seen.as_ref()?.histogram;
            Some(natural_range(graph, ValueId(value)).unwrap_or_else(|| {
                let is_input = graph.inputs.iter().any(|p| p.value.0 == value);
                choose(if is_input { Method::MinMax } else { method }, histogram)
            }))
        };
        let all = |seen: &Option<Seen>| Some(choose(Method::MinMax, &seen.as_ref()?.histogram));
        Ranges {
            ranges: self.0.iter().enumerate().map(range).collect(),
            seen: self.0.iter().map(all).collect(),
            means: self.0.iter().map(|s| s.as_ref().map(Seen::means)).collect(),
            rounded: HashMap::new(),
        }
    }

    /// The largest magnitude in every channel (index along the last axis) of a value; `None` if it was not computed.
    pub fn largest(&self, value: ValueId) -> Option<&[f32]> {
        Some(&self.0.get(value.0)?.as_ref()?.largest)
    }
}

/// The range of functions whose results are bounded: the one whose scale is a power of two, so that no data is needed.
fn natural_range(graph: &Graph, value: ValueId) -> Option<Range> {
    match graph.nodes[graph.producer(value)?.0].op {
        Op::Softmax { .. } | Op::Unary(Unary::Sigmoid) => Some(Range { min: 0.0, max: 255.0 / 256.0 }),
        Op::Unary(Unary::Tanh) => Some(Range { min: -1.0, max: 127.0 / 128.0 }),
        _ => None,
    }
}

fn not_finite_error(graph: &Graph, value: ValueId, bad: f32, sample: usize) -> QuantizeError {
    let node = match graph.producer(value) {
        Some(node) => graph.nodes[node.0].name.clone(),
        None => graph.value(value).name.clone(),
    };
    QuantizeError::NotFinite { node, what: if bad.is_nan() { "NaN" } else { "infinity" }, sample }
}
