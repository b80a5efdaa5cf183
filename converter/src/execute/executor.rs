//! Walks a graph in float.

use super::batch::allows_batch;
use super::batch_norm::{Statistics, batch_norm, batch_norm_training};
use super::conv2d::{Conv2d, conv2d};
use super::dropout::dropout;
use super::elementwise::{add, mul, scale_shift, sub};
use super::fake_quantize::Rounding;
use super::fully_connected::fully_connected;
use super::lstm::lstm;
use super::pool2d::{Pool2d, average_pool2d, max_pool2d};
use super::{Array, ExecuteError, Precision, Target, reduce, shape, softmax, unary};
use crate::ir::{Graph, Op, Tensor, ValueId};

/// Samples that run as one, where the graph allows it: enough to keep all cores busy, few enough to stay small.
const BATCH: usize = 16;

/// What a pass does otherwise while the graph is trained, and what it leaves behind.
pub struct Training<'a> {
    /// So many uniform numbers in [0, 1), for dropout.
    pub random: &'a mut dyn FnMut(usize) -> Vec<f32>,
    /// Batch normalizations, by index of the node, that use their constants all the same.
    pub fixed: &'a [usize],
    /// By index of a `FakeQuantize` node, what it gives, if somebody knows better than this executor: the device's integers.
    pub stored: &'a dyn Fn(usize) -> Option<Array>,
    /// One entry per batch normalization that is not fixed, in order of the nodes. Their constants are the trainer's to change.
    pub statistics: Vec<Statistics>,
}

/// Runs a graph in float. Constants become burn tensors once; state is 0 before every run.
pub struct Executor {
    graph: Graph,
    target: Target,
    constants: Vec<Option<Array>>,
    /// Per node, the values that no later node and no output reads.
    dead_after: Vec<Vec<ValueId>>,
    batches: bool,
}

impl Executor {
    /// Prepares `graph` for this machine's processor in single precision.
    pub fn new(graph: &Graph) -> Result<Self, ExecuteError> {
        Self::on(graph, Target::cpu(Precision::Single))
    }

    /// Checks `graph` and prepares it for `target`.
    pub fn on(graph: &Graph, target: Target) -> Result<Self, ExecuteError> {
        crate::ir::verify(graph).map_err(Box::new)?;
        let constants = graph
            .values
            .iter()
            .map(|v| {
                let data = v.constant.as_ref()?.as_f32()?.to_vec();
                (v.shape.len() <= super::array::RANK).then(|| Array::new(data, &v.shape, &target))
            })
            .collect();
        Ok(Self {
            constants,
            dead_after: dead_after(graph),
            batches: allows_batch(graph),
            graph: graph.clone(),
            target,
        })
    }

    /// The graph that runs.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Where it runs.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The weights, per value: burn tensors that training may replace.
    pub fn constants_mut(&mut self) -> &mut [Option<Array>] {
        &mut self.constants
    }

    /// Outputs for one sample; inputs and outputs in internal layout.
    pub fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, ExecuteError> {
        self.run_observed(inputs, &mut |_, _| {})
    }

    /// As [`Self::run`]; `observe` sees every input and every computed value, in internal layout, in execution order.
    pub fn run_observed(
        &self,
        inputs: &[Tensor],
        observe: &mut dyn FnMut(ValueId, &[f32]),
    ) -> Result<Vec<Tensor>, ExecuteError> {
        let outputs = self.forward(self.stack(&[inputs])?, 1, &mut |v, a| observe(v, &a.to_vec()))?;
        Ok(self.unstack(&outputs, 1).pop().unwrap_or_default())
    }

    /// Outputs for several samples, run together where the graph allows it.
    pub fn run_batch(&self, samples: &[Vec<Tensor>]) -> Result<Vec<Vec<Tensor>>, ExecuteError> {
        self.run_batch_observed(samples, &mut |_, _, _| {})
    }

    /// As [`Self::run_batch`]; `observe` sees every input and every computed value. Its second argument holds the elements
    /// of several samples, one after the other; the third is the index of the first of them.
    pub fn run_batch_observed(
        &self,
        samples: &[Vec<Tensor>],
        observe: &mut dyn FnMut(ValueId, &[f32], usize),
    ) -> Result<Vec<Vec<Tensor>>, ExecuteError> {
        let at_once = if self.batches { BATCH } else { 1 };
        let mut all = Vec::with_capacity(samples.len());
        for (i, chunk) in samples.chunks(at_once).enumerate() {
            let chunk: Vec<&[Tensor]> = chunk.iter().map(Vec::as_slice).collect();
            let first = i * at_once;
            let outputs = self.forward(self.stack(&chunk)?, chunk.len(), &mut |v, a| observe(v, &a.to_vec(), first))?;
            all.extend(self.unstack(&outputs, chunk.len()));
        }
        Ok(all)
    }

    /// One pass over the graph with burn tensors in and out: what training differentiates. `batch` samples are stacked
    /// along axis 0; more than one only if [`Self::batches`].
    pub fn forward(
        &self,
        inputs: Vec<Array>,
        batch: usize,
        observe: &mut dyn FnMut(ValueId, &Array),
    ) -> Result<Vec<Array>, ExecuteError> {
        self.walk(inputs, batch, observe, None)
    }

    /// As [`Self::forward`], but batch normalization uses the batch's statistics, dropout drops, and roundings pass
    /// gradients on.
    pub fn forward_training(
        &self,
        inputs: Vec<Array>,
        batch: usize,
        training: &mut Training<'_>,
        observe: &mut dyn FnMut(ValueId, &Array),
    ) -> Result<Vec<Array>, ExecuteError> {
        self.walk(inputs, batch, observe, Some(training))
    }

    fn walk(
        &self,
        inputs: Vec<Array>,
        batch: usize,
        observe: &mut dyn FnMut(ValueId, &Array),
        mut training: Option<&mut Training<'_>>,
    ) -> Result<Vec<Array>, ExecuteError> {
        if inputs.len() != self.graph.inputs.len() {
            return Err(ExecuteError::InputCount { expected: self.graph.inputs.len(), got: inputs.len() });
        }
        let mut values: Vec<Option<Array>> = vec![None; self.graph.values.len()];
        for (port, array) in self.graph.inputs.iter().zip(inputs) {
            observe(port.value, &array);
            values[port.value.0] = Some(array);
        }
        for &state in &self.graph.state {
            let shape = self.shape(state, batch);
            values[state.0] = Some(Array::new(vec![0.0; shape.iter().product()], &shape, &self.target));
        }
        for (index, dead) in self.dead_after.iter().enumerate() {
            let node = &self.graph.nodes[index];
            let result = self.node(index, &values, batch, training.as_deref_mut())?;
            observe(node.output, &result);
            values[node.output.0] = Some(result);
            for value in dead {
                values[value.0] = None;
            }
        }
        let output = |port: &crate::ir::Port| {
            self.value(&values, port.value).cloned().ok_or_else(|| ExecuteError::Node {
                node: port.name.clone(),
                op: "output",
                reason: "no node computes it".into(),
            })
        };
        self.graph.outputs.iter().map(output).collect()
    }

    /// True if several samples can be stacked along axis 0.
    pub fn batches(&self) -> bool {
        self.batches
    }

    fn value<'a>(&'a self, values: &'a [Option<Array>], id: ValueId) -> Option<&'a Array> {
        values[id.0].as_ref().or(self.constants[id.0].as_ref())
    }

    /// The shape of a value when `batch` samples run at once.
    fn shape(&self, value: ValueId, batch: usize) -> Vec<usize> {
        let mut shape = self.graph.value(value).shape.clone();
        if let (true, Some(first)) = (self.batches, shape.first_mut()) {
            *first = batch;
        }
        shape
    }

    fn node(
        &self,
        index: usize,
        values: &[Option<Array>],
        batch: usize,
        training: Option<&mut Training<'_>>,
    ) -> Result<Array, ExecuteError> {
        let node = &self.graph.nodes[index];
        let fail = |reason: String| ExecuteError::Node { node: node.name.clone(), op: node.op.name(), reason };
        let operands: Vec<&Array> = node
            .inputs
            .iter()
            .map(|&i| {
                let name = &self.graph.value(i).name;
                self.value(values, i).ok_or_else(|| fail(format!("operand `{name}` is not a float tensor that exists")))
            })
            .collect::<Result<_, _>>()?;
        let operand = |i: usize| operands.get(i).copied().ok_or_else(|| fail(format!("operand {i} is missing")));
        let shape = self.shape(node.output, batch);
        let out_hw = || match shape[..] {
            [_, h, w, _] if h > 0 && w > 0 => Ok([h, w]),
            _ => Err(fail(format!("the output must be [1, h, w, c], got {shape:?}"))),
        };
        let result = match &node.op {
            Op::Conv2d { stride, dilation, pads, groups, activation } => {
                let (stride, dilation, pads, groups, activation) = (*stride, *dilation, *pads, *groups, *activation);
                let op = Conv2d { stride, dilation, pads, groups, activation };
                conv2d(&op, operand(0)?, operand(1)?, operand(2).ok(), out_hw()?)
            }
            Op::FullyConnected { activation } => {
                fully_connected(*activation, operand(0)?, operand(1)?, operand(2).ok())
            }
            Op::Add { activation } => add(*activation, operand(0)?, operand(1)?),
            Op::Sub { activation } => sub(*activation, operand(0)?, operand(1)?),
            Op::Mul { activation } => mul(*activation, operand(0)?, operand(1)?),
            Op::ScaleShift => scale_shift(operand(0)?, operand(1)?, operand(2)?),
            Op::BatchNorm { epsilon, .. } => {
                let [x, scale, shift] = [operand(0)?, operand(1)?, operand(2)?];
                match training.filter(|t| !t.fixed.contains(&index)) {
                    Some(training) => {
                        let (y, statistics) = batch_norm_training(*epsilon, [x, scale, shift], index);
                        training.statistics.push(statistics);
                        y
                    }
                    None => batch_norm(*epsilon, [x, scale, shift, operand(3)?, operand(4)?]),
                }
            }
            Op::Dropout { rate } => match training {
                Some(training) => {
                    let x = operand(0)?;
                    dropout(*rate, x, &(training.random)(x.shape().iter().product()), &self.target)
                }
                None => operand(0)?.clone(),
            },
            Op::AveragePool2d { kernel, stride, dilation, pads, count_include_pad } => {
                let op = Pool2d { kernel: *kernel, stride: *stride, dilation: *dilation, pads: *pads };
                average_pool2d(&op, *count_include_pad, operand(0)?, out_hw()?, &self.target)
            }
            Op::MaxPool2d { kernel, stride, dilation, pads } => {
                let op = Pool2d { kernel: *kernel, stride: *stride, dilation: *dilation, pads: *pads };
                max_pool2d(&op, operand(0)?, out_hw()?)
            }
            Op::Mean { axes, .. } => reduce::mean(operand(0)?, axes, &shape),
            Op::Pad { before, after, value } => shape::pad(operand(0)?, before, after, *value),
            Op::Softmax { axis } => softmax::softmax(operand(0)?, *axis),
            Op::Unary(function) => unary::apply(*function, operand(0)?),
            Op::FakeQuantize { scale, zero_point, dtype } => {
                let rounding = Rounding { scale: *scale, zero_point: *zero_point, dtype: *dtype };
                match training {
                    Some(training) => rounding.straight_through(operand(0)?, (training.stored)(index)),
                    None => rounding.apply(operand(0)?),
                }
            }
            Op::Concat { axis } => shape::concat(&operands, *axis),
            Op::Slice { start, end, step } => {
                let mut end = end.clone();
                if self.batches {
                    end[0] = batch;
                }
                shape::slice(operand(0)?, start, &end, step)
            }
            Op::Reshape => operand(0)?.reshaped(&shape),
            Op::Transpose { perm } => shape::transpose(operand(0)?, perm),
            Op::Lstm { cell_clip } => {
                lstm(*cell_clip, &operands).ok_or_else(|| fail(format!("takes 15 operands, not {}", operands.len())))?
            }
            Op::Quantize | Op::Dequantize | Op::Requantize | Op::Table { .. } => {
                return Err(fail("exists only after quantization and has no float meaning".into()));
            }
        };
        if result.shape() == shape {
            Ok(result)
        } else {
            Err(fail(format!("computed shape {:?}, but the graph says {shape:?}", result.shape())))
        }
    }

    /// One array per input, the samples stacked along axis 0.
    fn stack(&self, samples: &[&[Tensor]]) -> Result<Vec<Array>, ExecuteError> {
        let expected = self.graph.inputs.len();
        if let Some(sample) = samples.iter().find(|s| s.len() != expected) {
            return Err(ExecuteError::InputCount { expected, got: sample.len() });
        }
        let stack_one = |(i, port): (usize, &crate::ir::Port)| {
            let expected = &self.graph.value(port.value).shape;
            let mut data = Vec::with_capacity(samples.len() * self.graph.value(port.value).elements());
            for tensor in samples.iter().map(|s| &s[i]) {
                match tensor.as_f32() {
                    Some(elements) if tensor.shape() == expected => data.extend_from_slice(elements),
                    _ => {
                        return Err(ExecuteError::Input {
                            input: port.name.clone(),
                            expected: expected.clone(),
                            got: tensor.shape().to_vec(),
                            dtype: tensor.dtype(),
                        });
                    }
                }
            }
            Ok(Array::new(data, &self.shape(port.value, samples.len()), &self.target))
        };
        self.graph.inputs.iter().enumerate().map(stack_one).collect()
    }

    /// Inverse of [`Self::stack`], for outputs.
    fn unstack(&self, outputs: &[Array], batch: usize) -> Vec<Vec<Tensor>> {
        let mut samples = vec![Vec::with_capacity(outputs.len()); batch];
        for (port, array) in self.graph.outputs.iter().zip(outputs) {
            let value = self.graph.value(port.value);
            let data = array.to_vec();
            for (i, sample) in samples.iter_mut().enumerate() {
                // A constant output is the same for every sample.
                let start = if value.constant.is_some() { 0 } else { i * value.elements() };
                sample.push(Tensor::f32(value.shape.clone(), data[start..start + value.elements()].to_vec()));
            }
        }
        samples
    }
}

/// Per node, the values it reads last.
fn dead_after(graph: &Graph) -> Vec<Vec<ValueId>> {
    let mut last = vec![None; graph.values.len()];
    for (i, node) in graph.nodes.iter().enumerate() {
        for value in node.inputs.iter().chain([&node.output]) {
            last[value.0] = Some(i);
        }
    }
    let mut dead = vec![Vec::new(); graph.nodes.len()];
    for (value, last) in last.into_iter().enumerate() {
        if let (Some(node), false) = (last, graph.is_output(ValueId(value))) {
            dead[node].push(ValueId(value));
        }
    }
    dead
}
