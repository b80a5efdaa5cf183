//! A graph whose weights follow the gradients of a loss.

use super::TrainError;
use super::batch::{Batch, Gradients, Tally, number, tally, target_rows};
use super::checkpoint::{Progress, State};
use super::config::Training;
use super::freeze::frozen;
use super::integer::Integer;
use super::loss::loss;
use super::network::Network;
use super::optimizer::{Moments, Penalties};
use super::random::{Purpose, Random};
use super::run::Job;
use super::samples::Samples;
use super::scores::{rows, scores_graph};
use super::sparse::Sparse;
use super::teacher::Teacher;
use crate::execute::{Array, Executor, Precision, RANK, Statistics, Target, Training as Mode};
use crate::ir::io::Floats;
use crate::ir::{Graph, Op, Tensor, ValueId};
use crate::prune::weights::{Prunable, layers};
use burn_tensor::Tensor as Burn;

type Full = Burn<RANK>;

/// A constant that is trained.
struct Parameter {
    value: ValueId,
    name: String,
    /// Weights are kept small where that is asked for, biases and normalizations are not.
    is_weight: bool,
}

/// A batch normalization whose statistics follow the batches.
struct Norm {
    mean: ValueId,
    variance: ValueId,
    momentum: f64,
}

/// A pass over the graph that gradients can be asked of.
struct Recorded {
    #[cfg_attr(not(test), allow(dead_code, reason = "tests compare them with the device's"))]
    scores: Burn<2>,
    tally: Tally,
    loss: Burn<1>,
    statistics: Vec<Statistics>,
}

/// The graph, the optimizer's memory, and where everything is computed.
pub(super) struct Trainer<'a> {
    training: &'a Training,
    /// As it will be converted.
    graph: Graph,
    /// Computes the loss's scores and records; its constants are the present weights.
    executor: Executor,
    /// The same without a record, for validation.
    evaluator: Executor,
    target: Target,
    parameters: Vec<Parameter>,
    moments: Vec<Moments>,
    /// By index of the node; `None` for those that are frozen.
    norms: Vec<(usize, Option<Norm>)>,
    fixed: Vec<usize>,
    penalties: Penalties,
    teacher: Option<Teacher<'a>>,
    /// Names of the nodes whose weights have four bits, if training rounds.
    rounds: Option<&'a [String]>,
    /// The device's form of the present weights, once it is needed.
    integer: Option<Integer>,
    sparse: Sparse,
    /// Optimizer steps done.
    pub step: u64,
}

impl<'a> Trainer<'a> {
    /// `network` is what is trained, as it is: with roundings if `job` wants them.
    pub fn new(job: &Job<'a>, network: &Network) -> Result<Self, TrainError> {
        let training = job.training;
        let graph = network.graph.clone();
        let scores = scores_graph(&graph, training.loss)?;
        let frozen = frozen(network, training)?;
        let target = Target::accelerator(Precision::Single);
        let mut executor = Executor::on(&scores, target.clone().recording())?;
        let mut parameters = Vec::new();
        let mut norms = Vec::new();
        for (index, node) in scores.nodes.iter().enumerate() {
            let trained = match node.op {
                Op::Conv2d { .. } | Op::FullyConnected { .. } => 1..node.inputs.len(),
                Op::ScaleShift | Op::BatchNorm { .. } => 1..3,
                Op::Lstm { .. } => 3..node.inputs.len(),
                _ => continue,
            };
            if let (Op::BatchNorm { momentum, .. }, &[_, _, _, mean, variance]) = (&node.op, node.inputs.as_slice()) {
                let norm = Norm { mean, variance, momentum: f64::from(*momentum) };
                norms.push((index, (!frozen[mean.0]).then_some(norm)));
            }
            let is_matrix = !matches!(node.op, Op::ScaleShift | Op::BatchNorm { .. });
            for &value in node.inputs.get(trained).unwrap_or_default() {
                let is_constant = scores.constant(value).is_some_and(|c| c.as_f32().is_some());
                if is_constant && !frozen[value.0] && !parameters.iter().any(|p: &Parameter| p.value == value) {
                    let is_weight = is_matrix && scores.value(value).shape.len() > 1;
                    parameters.push(Parameter { value, name: scores.value(value).name.clone(), is_weight });
                }
            }
        }
        if parameters.is_empty() {
            return Err(TrainError::NothingToTrain);
        }
        for parameter in &parameters {
            let slot = &mut executor.constants_mut()[parameter.value.0];
            *slot = slot.as_ref().map(Array::as_parameter);
        }
        let teacher = match &training.teacher {
            Some(settings) => Some(Teacher::new(settings, job.teacher, &executor, training.loss, &target)?),
            None => None,
        };
        let fixed = norms.iter().filter(|n| n.1.is_none()).map(|n| n.0).collect();
        Ok(Self {
            evaluator: Executor::on(&scores, target.clone())?,
            moments: vec![Moments::default(); parameters.len()],
            penalties: Penalties::of(training),
            teacher,
            rounds: job.quantize.map(|q| q.int4.as_slice()),
            integer: None,
            sparse: Sparse::default(),
            step: 0,
            training,
            graph,
            executor,
            target,
            parameters,
            norms,
            fixed,
        })
    }

    /// The weights that can be sparse.
    pub fn sparse_layers(&self) -> Vec<Prunable> {
        let trained = |layer: &Prunable| self.parameters.iter().any(|p| p.value == layer.0);
        layers(&self.graph).into_iter().filter(trained).collect()
    }

    /// From now on, weights stay zero where these say so.
    pub fn set_sparse(&mut self, sparse: Sparse) {
        self.sparse = sparse;
        self.integer = None;
    }

    /// Shape of a constant.
    pub fn shape(&self, value: ValueId) -> &[usize] {
        &self.graph.value(value).shape
    }

    /// Present elements of a constant.
    pub fn elements(&mut self, value: ValueId) -> Vec<f32> {
        self.executor.constants_mut()[value.0].as_ref().map(Array::to_vec).unwrap_or_default()
    }

    /// Makes weights zero.
    pub fn zero(&mut self, value: ValueId, keep: &[bool]) {
        let data = self.elements(value).iter().zip(keep).map(|(&w, keep)| if *keep { w } else { 0.0 }).collect();
        let recording = self.executor.target().clone();
        let array = Array::new(data, self.shape(value), &recording);
        self.executor.constants_mut()[value.0] = Some(array.as_parameter());
        self.integer = None;
    }

    /// Number of elements that are trained.
    pub fn trained_elements(&self) -> usize {
        self.parameters.iter().map(|p| self.graph.value(p.value).elements()).sum()
    }

    /// The present weights in the graph, training ops included.
    pub fn graph(&mut self) -> Graph {
        let graph = self.graph.clone();
        with_constants(graph, self.executor.constants_mut())
    }

    /// Adds the gradient of the mean loss over `batch`, times `share`, to `gradients`.
    pub fn accumulate(&mut self, batch: &Batch, share: f64, gradients: &mut Gradients) -> Result<Tally, TrainError> {
        if self.rounds.is_some() && batch.samples > 1 && !self.executor.batches() {
            let mut sum = Tally::default();
            for i in 0..batch.samples {
                sum.add(self.accumulate(&batch.one(i), share / batch.samples as f64, gradients)?);
            }
            return Ok(sum);
        }
        let leaves = self.round_weights()?;
        let recorded = self.forward(batch);
        if let Some(leaves) = leaves {
            leaves.into_iter().for_each(|(value, leaf)| self.executor.constants_mut()[value] = Some(leaf));
        }
        let Recorded { tally, loss, statistics, .. } = recorded?;
        if !tally.loss.is_finite() {
            return Ok(tally);
        }
        let mut recorded = loss.mul_scalar(share).backward();
        let constants = self.executor.constants_mut();
        for (index, parameter) in self.parameters.iter().enumerate() {
            let array = constants[parameter.value.0].as_ref();
            if let Some(gradient) = array.and_then(|a| a.full().grad_remove(&mut recorded)) {
                gradients.add(index, gradient);
            }
        }
        self.follow(&statistics);
        Ok(tally)
    }

    /// Loss of a batch, recorded.
    fn forward(&mut self, batch: &Batch) -> Result<Recorded, TrainError> {
        let (seed, step) = (self.training.seed, self.step);
        let mut drawn = 0;
        let mut random = |n: usize| {
            drawn += 1;
            let mut stream = Random::new(seed, Purpose::Dropout, &[step, drawn]);
            (0..n).map(|_| stream.unit()).collect()
        };
        let computed = self.integer.as_ref().map(|integer| integer.run(batch, &self.target)).transpose()?;
        let stored = |node: usize| {
            let mut roundings = computed.iter().flat_map(|computed| &computed.roundings);
            roundings.find(|(at, _)| *at == node).map(|(_, array)| array.clone())
        };
        let mut mode = Mode { random: &mut random, fixed: &self.fixed, stored: &stored, statistics: Vec::new() };
        let recording = self.executor.target().clone();
        let mut seen = Vec::new();
        let mut observe = |value: ValueId, array: &Array| {
            if self.teacher.as_ref().is_some_and(|t| t.watches(value)) {
                seen.push((value, array.clone()));
            }
        };
        let y = rows(&self.executor, batch, &recording, Some(&mut mode), &mut observe)?;
        let statistics = mode.statistics;
        let t = target_rows(batch, &recording);
        let mut loss = loss(self.training.loss, y.clone(), t);
        if let Some(teacher) = &self.teacher {
            loss = teacher.join(loss, y.clone(), batch, &seen, &recording)?;
        }
        let tally = tally(self.training.loss, &y, &loss, batch);
        Ok(Recorded { scores: y, tally, loss, statistics })
    }

    /// The scores that training sees for a batch, one row a sample.
    #[cfg(test)]
    pub fn scores(&mut self, batch: &Batch) -> Result<Vec<f32>, TrainError> {
        let leaves = self.round_weights()?;
        let recorded = self.forward(batch)?;
        for (value, leaf) in leaves.into_iter().flatten() {
            self.executor.constants_mut()[value] = Some(leaf);
        }
        Ok(recorded.scores.try_to_vec_as::<f32>().unwrap_or_default())
    }

    /// If training rounds, puts what the integer weights stand for in the place of the weights, with their gradients; gives
    /// the weights to put back.
    fn round_weights(&mut self) -> Result<Option<Vec<(usize, Array)>>, TrainError> {
        let Some(int4) = self.rounds else { return Ok(None) };
        self.present_integer(int4)?;
        let Some(integer) = &self.integer else { return Ok(None) };
        let constants = self.executor.constants_mut();
        let mut leaves = Vec::with_capacity(integer.constants.len());
        for (value, stored) in &integer.constants {
            let Some(leaf) = constants[value.0].take() else { continue };
            // The difference is exactly 0, and carries the gradient.
            let rounded = leaf.map(|w| stored.with_record().full().add(w.clone().sub(w.detach())));
            constants[value.0] = Some(rounded);
            leaves.push((value.0, leaf));
        }
        Ok(Some(leaves))
    }

    /// Makes [`Self::integer`] that of the present weights.
    fn present_integer(&mut self, int4: &[String]) -> Result<(), TrainError> {
        if self.integer.is_none() {
            let graph = self.executor.graph().clone();
            let graph = with_constants(graph, self.executor.constants_mut());
            self.integer = Some(Integer::new(graph, int4, &self.target)?);
        }
        Ok(())
    }

    /// Running statistics move towards those of a batch.
    fn follow(&mut self, statistics: &[Statistics]) {
        let constants = self.executor.constants_mut();
        for found in statistics {
            let Some((_, Some(norm))) = self.norms.iter().find(|n| n.0 == found.node) else { continue };
            for (value, new) in [(norm.mean, &found.mean), (norm.variance, &found.variance)] {
                let mixed = |old: &Array| {
                    let new = new.without_record().full().mul_scalar(norm.momentum);
                    old.without_record().map(|old| old.mul_scalar(1.0 - norm.momentum).add(new)).with_record()
                };
                constants[value.0] = constants[value.0].as_ref().map(mixed);
            }
        }
    }

    /// One step of the optimizer at `rate`.
    pub fn descend(&mut self, gradients: Gradients, rate: f64) {
        self.step += 1;
        let scale = self.training.clip_norm.map_or(1.0, |most| {
            let squares = gradients.0.iter().flatten().map(|g| number(g.clone().mul(g.clone()).sum()));
            let length = squares.sum::<f64>().sqrt();
            if length > f64::from(most) { f64::from(most) / length } else { 1.0 }
        });
        let constants = self.executor.constants_mut();
        let all = self.parameters.iter().zip(&mut self.moments).zip(gradients.0);
        for ((parameter, moments), gradient) in all {
            let (Some(gradient), Some(old)) = (gradient, &constants[parameter.value.0]) else { continue };
            let gradient = if scale == 1.0 { gradient } else { gradient.mul_scalar(scale) };
            let penalties = if parameter.is_weight { self.penalties } else { Penalties::default() };
            let new = old
                .without_record()
                .map(|weight| self.training.optimizer.step(weight, gradient, moments, rate, self.step, penalties));
            let new = match self.sparse.mask(parameter.value) {
                Some(mask) => new.map(|weight| weight.mul(mask)),
                None => new,
            };
            constants[parameter.value.0] = Some(new.with_record().as_parameter());
        }
        self.integer = None;
    }

    /// Loss and recognised samples of a set, as the converted network would see it.
    pub fn evaluate(&mut self, samples: &Samples, batch: usize) -> Result<Tally, TrainError> {
        if let Some(int4) = self.rounds {
            self.present_integer(int4)?;
        }
        for (to, from) in self.evaluator.constants_mut().iter_mut().zip(self.executor.constants_mut()) {
            *to = from.as_ref().map(Array::without_record);
        }
        let all: Vec<usize> = (0..samples.len()).collect();
        let mut sum = Tally::default();
        for which in all.chunks(batch) {
            let batch = Batch::of(samples, which, |_, x| x.to_vec());
            let y = match &self.integer {
                Some(integer) => {
                    let outputs = integer.run(&batch, &self.target)?.outputs;
                    let columns = outputs.shape().last().copied().unwrap_or(1);
                    outputs.full().reshape([batch.samples, columns])
                }
                None => rows(&self.evaluator, &batch, &self.target, None, &mut |_, _| {})?,
            };
            let loss = loss(self.training.loss, y.clone(), target_rows(&batch, &self.target));
            sum.add(tally(self.training.loss, &y, &loss, &batch));
        }
        Ok(sum)
    }

    /// The first parameter that holds something else than numbers.
    pub fn not_finite(&mut self) -> Option<String> {
        let constants = self.executor.constants_mut();
        let bad =
            |p: &&Parameter| constants[p.value.0].as_ref().is_some_and(|a| a.to_vec().iter().any(|v| !v.is_finite()));
        self.parameters.iter().find(bad).map(|p| p.name.clone())
    }

    /// Everything that a run needs to go on.
    pub fn state(&mut self, best: &Floats, progress: &Progress) -> State {
        let memory = |pick: fn(&Moments) -> &Option<Full>| -> Floats {
            let all = self.parameters.iter().zip(&self.moments).enumerate();
            let stored = all.filter_map(|(index, (parameter, moments))| {
                let array = Array::from_full(pick(moments).clone()?, self.graph.value(parameter.value).shape.len());
                // Names alone may repeat in imported graphs.
                Some((format!("{index}/{}", parameter.name), (array.shape(), array.to_vec())))
            });
            stored.collect()
        };
        let (first, second) = (memory(|m| &m.first), memory(|m| &m.second));
        let progress = Progress { step: self.step, ..progress.clone() };
        State { graph: self.graph(), best: best.clone(), first, second, progress }
    }

    /// Goes back to a state of the same run.
    pub fn restore(&mut self, state: &State) -> Result<(), TrainError> {
        let same = state.graph.values.len() == self.graph.values.len()
            && state.graph.values.iter().zip(&self.graph.values).all(|(a, b)| a.shape == b.shape && a.name == b.name);
        if !same {
            return Err(TrainError::OtherRun { what: "network" });
        }
        self.set_weights(&state.graph);
        self.step = state.progress.step;
        for (index, (parameter, moments)) in self.parameters.iter().zip(&mut self.moments).enumerate() {
            let key = format!("{index}/{}", parameter.name);
            let shape = &self.graph.value(parameter.value).shape;
            let load = |floats: &Floats| -> Result<Option<Full>, TrainError> {
                match floats.get(&key) {
                    Some((got, data)) if got == shape => Ok(Some(Array::new(data.clone(), shape, &self.target).full())),
                    Some(_) => Err(TrainError::Damaged(format!("`{key}` has another shape than its parameter"))),
                    None => Ok(None),
                }
            };
            *moments = Moments { first: load(&state.first)?, second: load(&state.second)? };
        }
        Ok(())
    }

    /// Takes the constants of a graph with the same values.
    pub fn set_weights(&mut self, graph: &Graph) {
        let recording = self.executor.target().clone();
        let constants = self.executor.constants_mut();
        for (to, from) in constants.iter_mut().zip(&graph.values) {
            if let (Some(to), Some(data)) = (to, from.constant.as_ref().and_then(Tensor::as_f32)) {
                *to = Array::new(data.to_vec(), &from.shape, &recording);
            }
        }
        for parameter in &self.parameters {
            let slot = &mut constants[parameter.value.0];
            *slot = slot.as_ref().map(Array::as_parameter);
        }
        self.integer = None;
    }
}

/// The graph with these elements in its float constants.
fn with_constants(mut graph: Graph, constants: &[Option<Array>]) -> Graph {
    for (value, constant) in graph.values.iter_mut().zip(constants) {
        if let (Some(Tensor::F32 { data, .. }), Some(array)) = (&mut value.constant, constant) {
            *data = array.to_vec();
        }
    }
    graph
}
