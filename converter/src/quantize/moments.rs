//! What the weights of a layer meet: second moments of its inputs, from data.
//!
//! A weight error `d` (one output channel) adds `d . x` to the output, where `x` is the part of the input under the window.
//! Its mean square over the data is `d H d`, with `H` the mean of `x x^T`. Bias correction takes the mean of `d . x`
//! away; then `H` is the covariance of `x`.

use super::QuantizeError;
use super::groups::data_operands;
use crate::execute::{Executor, Precision, Target};
use crate::ir::{Graph, Node, Op, Pads, Tensor, ValueId};
use rayon::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;

/// Samples that run at once.
const CHUNK: usize = 16;
/// Windows looked at for every column of `H`: so many more than columns that `H` is known well.
const ROWS_PER_COLUMN: usize = 8;
/// Windows looked at in any case, if there are so many.
const LEAST_ROWS: usize = 1024;
/// Layers with more weights for each output are rounded to nearest: `H` has the square of that many entries.
const MOST_COLUMNS: usize = 2048;

/// Second moments of the inputs of a convolution or fully connected layer.
#[derive(Clone, Debug)]
pub struct Moments {
    /// Weights of one output channel.
    pub columns: usize,
    /// Groups of the convolution; each has moments of its own.
    pub groups: usize,
    /// Windows that were looked at, in each group.
    pub rows: usize,
    /// Per group, `columns` times `columns`, row by row; symmetric.
    h: Vec<f64>,
    /// Per group, the mean of every column.
    mean: Vec<f64>,
}

impl Moments {
    /// `H` for output channel `channel` of `channels`: `columns` times `columns`, row by row.
    pub fn h(&self, channel: usize, channels: usize) -> &[f64] {
        let size = self.columns * self.columns;
        &self.h[self.group(channel, channels) * size..][..size]
    }

    /// The mean of what each weight of an output channel meets.
    pub fn mean(&self, channel: usize, channels: usize) -> &[f64] {
        &self.mean[self.group(channel, channels) * self.columns..][..self.columns]
    }

    fn group(&self, channel: usize, channels: usize) -> usize {
        (channel / (channels / self.groups).max(1)).min(self.groups - 1)
    }

    fn new(columns: usize, groups: usize) -> Self {
        let (h, mean) = (vec![0.0; groups * columns * columns], vec![0.0; groups * columns]);
        Self { columns, groups, rows: 0, h, mean }
    }

    /// Adds windows: `rows` of `groups * columns` elements, the groups one after the other.
    fn add(&mut self, rows: &[f64]) {
        let (columns, width) = (self.columns, self.columns * self.groups);
        self.rows += rows.len() / width;
        // Every entry is summed up by one thread in the order of the rows, so that their number changes nothing.
        self.h.par_chunks_mut(columns).enumerate().for_each(|(line, h)| {
            let (group, i) = (line / columns, line % columns);
            for row in rows.chunks_exact(width) {
                let x = &row[group * columns..][..columns];
                if x[i] != 0.0 {
                    h[i..].iter_mut().zip(&x[i..]).for_each(|(h, &xj)| *h += x[i] * xj);
                }
            }
        });
        for row in rows.chunks_exact(width) {
            self.mean.iter_mut().zip(row).for_each(|(m, &x)| *m += x);
        }
    }

    /// Sums become means; covariances if `centered`. What lies off the diagonal shrinks by `rows / (rows + columns)`:
    /// with few samples, correlations are chance.
    fn finish(mut self, centered: bool) -> Self {
        let (columns, rows) = (self.columns, self.rows.max(1) as f64);
        let shrink = rows / (rows + columns as f64);
        self.mean.iter_mut().for_each(|m| *m /= rows);
        for (h, mean) in self.h.chunks_exact_mut(columns * columns).zip(self.mean.chunks_exact(columns)) {
            for i in 0..columns {
                for j in i..columns {
                    let product = if centered { mean[i] * mean[j] } else { 0.0 };
                    let entry = h[i * columns + j] / rows - product;
                    let entry = if i == j { entry.max(0.0) } else { entry * shrink };
                    (h[i * columns + j], h[j * columns + i]) = (entry, entry);
                }
            }
        }
        self
    }
}

/// Where the windows of a layer lie.
struct Windows {
    x: ValueId,
    output: ValueId,
    /// Rows, columns, channels of the input; a fully connected layer's has one column a row.
    size: [usize; 3],
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    pads: Pads,
    groups: usize,
    /// Windows in a sample, by rows.
    out: [usize; 2],
    /// Windows taken of each sample.
    taken: usize,
}

impl Windows {
    /// `None` if the node has no weights that could be rounded otherwise than to nearest.
    fn of(graph: &Graph, node: &Node, samples: usize) -> Option<Self> {
        let (&x, &w) = (data_operands(node).first()?, node.inputs.get(1)?);
        let weights = graph.value(w);
        weights.constant.as_ref()?.as_f32()?;
        if weights.source_scale.is_some() || graph.constant(x).is_some() {
            return None;
        }
        let (shape, w) = (&graph.value(x).shape, &weights.shape);
        let output = node.output;
        let none = ([1, 1], [1, 1], [1, 1], Pads::default(), 1);
        let (size, out, (kernel, stride, dilation, pads, groups)) = match (&node.op, &shape[..], &w[..]) {
            (Op::Conv2d { stride, dilation, pads, groups, .. }, &[_, rows, columns, c], &[_, kh, kw, per_group]) => {
                let [_, out_h, out_w, _] = graph.value(output).shape[..] else { return None };
                if *groups == 0 || per_group * groups != c {
                    return None;
                }
                ([rows, columns, c], [out_h, out_w], ([kh, kw], *stride, *dilation, *pads, *groups))
            }
            (Op::FullyConnected { .. }, &[.., c], &[_, inputs]) if c == inputs && c > 0 => {
                let rows = graph.value(x).elements() / c;
                ([rows, 1, c], [rows, 1], none)
            }
            _ => return None,
        };
        let columns = kernel[0] * kernel[1] * size[2] / groups;
        let places = out[0] * out[1];
        if columns == 0 || columns > MOST_COLUMNS || places == 0 {
            return None;
        }
        let taken = (columns * ROWS_PER_COLUMN).max(LEAST_ROWS).div_ceil(samples).min(places);
        Some(Self { x, output, size, kernel, stride, dilation, pads, groups, out, taken })
    }

    fn moments(&self) -> Moments {
        Moments::new(self.kernel[0] * self.kernel[1] * self.size[2] / self.groups, self.groups)
    }

    /// The windows taken of sample number `index`, whose input is `x`: for each, the groups one after the other, each in
    /// the order of the weights.
    fn rows(&self, x: &[f32], index: usize) -> Vec<f64> {
        let [height, width, channels] = self.size;
        let (places, per_group) = (self.out[0] * self.out[1], channels / self.groups);
        let mut rows = Vec::with_capacity(self.taken * self.kernel[0] * self.kernel[1] * channels);
        // Spread over the sample, and shifted from sample to sample so that all places have a turn.
        let shift = index.wrapping_mul(0x9e37_79b1) % places;
        for place in (0..self.taken).map(|i| (i * places / self.taken + shift) % places) {
            let (y, z) = (place / self.out[1] * self.stride[0], place % self.out[1] * self.stride[1]);
            for group in 0..self.groups {
                for (ky, kx) in (0..self.kernel[0]).flat_map(|ky| (0..self.kernel[1]).map(move |kx| (ky, kx))) {
                    let row = (y + ky * self.dilation[0]).checked_sub(self.pads.top).filter(|&row| row < height);
                    let column = (z + kx * self.dilation[1]).checked_sub(self.pads.left).filter(|&c| c < width);
                    let at = row.zip(column).map(|(row, column)| (row * width + column) * channels + group * per_group);
                    match at.and_then(|at| x.get(at..at + per_group)) {
                        Some(x) => rows.extend(x.iter().map(|&x| f64::from(x))),
                        None => rows.extend(std::iter::repeat_n(0.0, per_group)),
                    }
                }
            }
        }
        rows
    }
}

/// Runs `graph` on `samples` (internal layout) and gathers the moments of every convolution and fully connected layer, by the
/// layer's output. Layers with more than 2048 weights for each output are left out. `centered`: the bias takes the mean of
/// the error away. `progress` gets the number of samples done.
///
/// Windows are taken in equal number from every sample. The network runs in double precision; the result does not depend on
/// the number of threads.
pub fn gather_moments(
    graph: &Graph,
    samples: &[Vec<Tensor>],
    centered: bool,
    progress: &mut dyn FnMut(usize),
) -> Result<HashMap<ValueId, Arc<Moments>>, QuantizeError> {
    if samples.is_empty() {
        return Err(QuantizeError::NoSamples);
    }
    let windows = graph.nodes.iter().filter_map(|node| Windows::of(graph, node, samples.len()));
    let mut layers: Vec<(Windows, Moments)> = windows.map(|w| (w.moments(), w)).map(|(m, w)| (w, m)).collect();
    let executor = Executor::on(graph, Target::cpu(Precision::Double))?;
    for (i, chunk) in samples.chunks(CHUNK).enumerate() {
        executor.run_batch_observed(chunk, &mut |value, data, first| {
            let elements = graph.value(value).elements().max(1);
            for (windows, moments) in layers.iter_mut().filter(|(w, _)| w.x == value) {
                for (sample, x) in data.chunks_exact(elements).enumerate() {
                    moments.add(&windows.rows(x, i * CHUNK + first + sample));
                }
            }
        })?;
        progress((i * CHUNK + chunk.len()).min(samples.len()));
    }
    Ok(layers.into_iter().map(|(w, m)| (w.output, Arc::new(m.finish(centered)))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::Activation;
    use crate::passes::testing::{Net, Random, same};

    fn samples(graph: &Graph, n: usize) -> Vec<Vec<Tensor>> {
        let mut random = Random::new(3);
        (0..n).map(|_| graph.inputs.iter().map(|p| random.tensor(&graph.value(p.value).shape)).collect()).collect()
    }

    /// `w H w` is the mean square of the output, where all windows are taken and nothing shrinks much.
    #[test]
    fn moments_give_the_power_of_the_output() {
        for (groups, dilation, stride) in [(1, 1, 1), (2, 1, 2), (6, 2, 1)] {
            let mut net = Net::new();
            let x = net.input(&[1, 7, 9, 6]);
            let w = net.constant(&[12, 3, 3, 6 / groups]);
            let op = Op::Conv2d {
                stride: [stride, stride],
                dilation: [dilation, dilation],
                pads: same(3),
                groups,
                activation: Activation::NONE,
            };
            let y = net.node(op, &[x, w]);
            net.output(y);
            let samples = samples(&net.graph, 3);
            let places = net.graph.value(y).elements() / 12;
            // Everything is taken, so that the means are exact.
            assert!(places * 3 <= LEAST_ROWS);
            let moments = gather_moments(&net.graph, &samples, false, &mut |_| {}).unwrap();
            let m = &moments[&y];
            assert_eq!((m.rows, m.groups), (places * 3, groups));
            let weights = net.graph.constant(w).unwrap().as_f32().unwrap();
            let outputs =
                Executor::on(&net.graph, Target::cpu(Precision::Double)).unwrap().run_batch(&samples).unwrap();
            let shrink = m.rows as f64 / (m.rows + m.columns) as f64;
            for c in 0..12 {
                let w: Vec<f64> = weights[c * m.columns..][..m.columns].iter().map(|&w| f64::from(w)).collect();
                let h = m.h(c, 12);
                let (mut power, mut mean) = (0.0, 0.0);
                for i in 0..m.columns {
                    mean += w[i] * m.mean(c, 12)[i];
                    for j in 0..m.columns {
                        power += w[i] * w[j] * h[i * m.columns + j] / if i == j { 1.0 } else { shrink };
                    }
                }
                let y: Vec<f64> = outputs
                    .iter()
                    .flat_map(|o| o[0].as_f32().unwrap().iter().skip(c).step_by(12).map(|&y| f64::from(y)))
                    .collect();
                let n = y.len() as f64;
                let (expected, expected_mean) = (y.iter().map(|y| y * y).sum::<f64>() / n, y.iter().sum::<f64>() / n);
                assert!((power - expected).abs() < 1e-4 * expected, "{power} {expected}");
                assert!((mean - expected_mean).abs() < 1e-4 * expected.sqrt(), "{mean} {expected_mean}");
            }
        }
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let mut net = Net::new();
        let x = net.input(&[1, 9, 9, 5]);
        let y = net.conv(x, 4, 3, same(3), 1);
        net.output(y);
        let samples = samples(&net.graph, 20);
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| gather_moments(&net.graph, &samples, true, &mut |_| {}).unwrap()[&y].h(0, 4).to_vec())
        };
        assert_eq!(with(1), with(3));
    }

    #[test]
    fn a_constant_input_has_no_covariance() {
        let mut net = Net::new();
        let x = net.input(&[1, 4]);
        let y = net.dense(x, 2);
        net.output(y);
        let sample = vec![Tensor::f32(vec![1, 4], vec![1.0, 2.0, 3.0, 4.0])];
        let moments = gather_moments(&net.graph, &[sample.clone(), sample], true, &mut |_| {}).unwrap();
        assert!(moments[&y].h(0, 2).iter().all(|h| h.abs() < 1e-12));
        assert_eq!(moments[&y].mean(1, 2), [1.0, 2.0, 3.0, 4.0]);
    }
}
