//! A whole run: epochs, validation, checkpoints, early stopping.

use super::TrainError;
use super::augment::Layout;
use super::batch::{Batch, Gradients, Tally};
use super::checkpoint::{Epoch, Progress, SCHEMA, State};
use super::compress::{Rounded, SAMPLES};
use super::config::Training;
use super::network::Network;
use super::random::{Purpose, Random};
use super::samples::Samples;
use super::sparse::{Sparse, settled};
use super::trainer::Trainer;
use crate::ir::io::Floats;
use crate::ir::{Graph, Tensor};
use crate::passes;
use crate::prune::weights::Sparsity;
use crate::quantize::{self, CalibrateOptions};

/// Samples per step of validation, which records nothing and can take more at once.
const EVALUATION_BATCH: usize = 64;

/// What is trained, how and on what.
#[derive(Clone)]
pub struct Job<'a> {
    /// The graph with its first weights.
    pub network: &'a Network,
    /// How.
    pub training: &'a Training,
    /// On what.
    pub data: &'a Samples,
    /// What tells which epoch is best, if there is any.
    pub validation: Option<&'a Samples>,
    /// What the background of a picture is in the network's units, per channel: raw 0 after normalization.
    pub background: &'a [f32],
    /// The network of `training.teacher`, unless its scores come with the samples.
    pub teacher: Option<&'a Graph>,
    /// Weights that become zero.
    pub sparsity: Option<&'a Sparsity>,
    /// Weights that are zero at the beginning stay it.
    pub keep_zeros: bool,
    /// Train with the integers of the device.
    pub quantize: Option<&'a Rounded>,
    /// How their ranges are chosen.
    pub calibrate: CalibrateOptions,
    /// Identifies the recipe with everything it names, and the data: a checkpoint of others is refused.
    pub identity: [String; 2],
    /// A checkpoint to go on from.
    pub resume: Option<&'a [u8]>,
}

/// What happens during [`train`].
#[derive(Debug)]
pub enum Event<'a> {
    /// Training begins, at this epoch (from 0), with so many elements to train.
    Start {
        /// Epochs done before.
        done: usize,
        /// Elements of all parameters that are not frozen.
        elements: usize,
    },
    /// Samples that ranges are chosen from: done, and in all.
    Calibrating(usize, usize),
    /// Batches done in this epoch, and in all.
    Step(usize, usize),
    /// An epoch is over. The second tells whether it is the best so far.
    Epoch(&'a Epoch, bool),
    /// To be kept: the state of the run after that epoch, and the figures of all.
    Checkpoint(&'a [u8], &'a [Epoch]),
}

/// What came out.
#[derive(Debug)]
pub struct Outcome {
    /// The graph with the best weights (the last ones without validation), training ops included.
    pub graph: Graph,
    /// Figures of all epochs.
    pub history: Vec<Epoch>,
    /// The epoch of the weights, from 1.
    pub best_epoch: usize,
    /// True if early stopping ended the run.
    pub stopped_early: bool,
}

impl Outcome {
    /// Of no epochs.
    pub fn untrained(graph: Graph) -> Self {
        Self { graph, history: Vec::new(), best_epoch: 0, stopped_early: false }
    }
}

/// Trains. `events` keeps checkpoints; an error of it ends the run.
///
/// The same job gives the same weights, bit for bit, on the same machine, whether it runs at once or goes on from the last
/// checkpoint after any interruption.
pub fn train(job: &Job, events: &mut dyn FnMut(Event) -> Result<(), TrainError>) -> Result<Outcome, TrainError> {
    let training = job.training;
    check(job)?;
    let rounded = job.quantize.map(|settings| with_roundings(job, settings, events)).transpose()?;
    let mut trainer = Trainer::new(job, rounded.as_ref().unwrap_or(job.network))?;
    let [recipe, data] = job.identity.clone();
    let mut progress = Progress { schema: SCHEMA, recipe, data, ..Progress::default() };
    let mut best = Floats::new();
    if let Some(bytes) = job.resume {
        let state = State::from_bytes(bytes)?;
        for (what, a, b) in
            [("recipe", &state.progress.recipe, &progress.recipe), ("data set", &state.progress.data, &progress.data)]
        {
            if a != b {
                return Err(TrainError::OtherRun { what });
            }
        }
        trainer.restore(&state)?;
        (progress, best) = (state.progress, state.best);
    }
    if job.keep_zeros || trainer.step > 0 && job.sparsity.is_some() {
        let sparse = Sparse::of_zeros(&mut trainer);
        trainer.set_sparse(sparse);
    }
    if let (Some(sparsity), 0) = (job.sparsity, trainer.step) {
        trainer.choose_zeros(sparsity, steps(job))?;
    }
    events(Event::Start { done: progress.history.len(), elements: trainer.trained_elements() })?;
    let mut stopped_early = is_over(training, &progress);
    while progress.history.len() < training.epochs && !stopped_early {
        let figures = epoch(job, &mut trainer, progress.history.len(), events)?;
        // Weights that are not all zero yet tell nothing about those that will be.
        let counts = job.sparsity.is_none_or(|sparsity| trainer.step >= settled(sparsity, steps(job)));
        let better = !counts || note(training, &mut progress, &figures);
        if !counts {
            progress.best_epoch = figures.epoch;
        }
        if better {
            best = weights(&trainer.graph());
        }
        events(Event::Epoch(&figures, better))?;
        progress.history.push(figures);
        let state = trainer.state(&best, &progress).to_bytes()?;
        events(Event::Checkpoint(&state, &progress.history))?;
        stopped_early = is_over(training, &progress);
    }
    let mut graph = trainer.graph();
    set_weights(&mut graph, &best);
    if let Some(settings) = job.quantize {
        graph = quantize::with_stored_weights(&graph, &settings.int4)?;
    }
    let stopped_early = stopped_early && progress.history.len() < training.epochs;
    Ok(Outcome { graph, best_epoch: progress.best_epoch, history: progress.history, stopped_early })
}

/// The network with roundings where its integer form will have them.
fn with_roundings(
    job: &Job,
    settings: &Rounded,
    events: &mut dyn FnMut(Event) -> Result<(), TrainError>,
) -> Result<Network, TrainError> {
    let mut graph = job.network.graph.clone();
    graph.drop_fake_quantization();
    passes::run_default(&mut graph)?;
    let samples = job.data.spread(settings.samples.unwrap_or(SAMPLES));
    let total = samples.len();
    let mut told = Ok(());
    let mut progress = |done| {
        if told.is_ok() {
            told = events(Event::Calibrating(done, total));
        }
    };
    let ranges = quantize::calibrate(&graph, &samples, &job.calibrate, &mut progress)?;
    told?;
    let graph = quantize::with_roundings(&graph, &ranges, &settings.options())?;
    Ok(Network { graph, slots: Vec::new() })
}

/// Optimizer steps of the whole run.
fn steps(job: &Job) -> u64 {
    let per_epoch =
        if job.training.optimizer.is_full_batch() { 1 } else { job.data.len().div_ceil(job.training.batch) };
    per_epoch as u64 * job.training.epochs as u64
}

/// True if patience is at its end.
fn is_over(training: &Training, progress: &Progress) -> bool {
    training.early_stopping.is_some_and(|stop| progress.stale >= stop.patience)
}

/// One pass over the training samples, and validation.
fn epoch(
    job: &Job,
    trainer: &mut Trainer,
    epoch: usize,
    events: &mut dyn FnMut(Event) -> Result<(), TrainError>,
) -> Result<Epoch, TrainError> {
    let training = job.training;
    let order = Random::new(training.seed, Purpose::Order, &[epoch as u64]).permutation(job.data.len());
    let layout = layout(job);
    let full = training.optimizer.is_full_batch();
    let batches = job.data.len().div_ceil(training.batch);
    let per_epoch = if full { 1 } else { batches as u64 };
    let mut tally = Tally::default();
    let mut rate = 0.0;
    let mut gradients = Gradients::default();
    for (index, which) in order.chunks(training.batch).enumerate() {
        let batch = Batch::of(job.data, which, |sample, x| match training.augment.is_none() {
            true => x.to_vec(),
            false => {
                let place = [epoch as u64, sample as u64];
                training.augment.apply(x, &layout, &mut Random::new(training.seed, Purpose::Augment, &place))
            }
        });
        let share = if full { which.len() as f64 / job.data.len() as f64 } else { 1.0 };
        let part = trainer.accumulate(&batch, share, &mut gradients)?;
        if !part.loss.is_finite() {
            return Err(TrainError::Diverged { epoch: epoch + 1, step: index + 1, loss: part.loss });
        }
        tally.add(part);
        if !full || index + 1 == batches {
            rate = training.optimizer.rate() * training.schedule.factor(trainer.step, per_epoch, training.epochs);
            trainer.descend(std::mem::take(&mut gradients), rate);
            if let Some(sparsity) = job.sparsity {
                trainer.choose_zeros(sparsity, steps(job))?;
            }
        }
        events(Event::Step(index + 1, batches))?;
    }
    if let Some(name) = trainer.not_finite() {
        return Err(TrainError::NotFinite { epoch: epoch + 1, name });
    }
    let validation = job.validation.map(|samples| trainer.evaluate(samples, EVALUATION_BATCH)).transpose()?;
    let accuracy = |t: &Tally| job.data.labels.is_some().then(|| t.accuracy());
    Ok(Epoch {
        epoch: epoch + 1,
        rate: rate as f32,
        train_loss: tally.mean_loss(),
        train_accuracy: accuracy(&tally),
        validation_loss: validation.as_ref().map(Tally::mean_loss),
        validation_accuracy: validation.as_ref().and_then(accuracy),
    })
}

/// Keeps count of the best epoch and of stale ones. True if this one is the best.
fn note(training: &Training, progress: &mut Progress, figures: &Epoch) -> bool {
    let merit = figures.merit();
    // Without validation the last epoch is the one that counts.
    let better = match (merit, progress.best_merit) {
        (Some(new), Some(old)) => new > old,
        _ => true,
    };
    if better {
        progress.best_epoch = figures.epoch;
        progress.best_merit = merit;
    }
    let delta = training.early_stopping.map_or(0.0, |stop| stop.min_delta);
    let passes = match (merit, progress.mark) {
        (Some(new), Some(mark)) => f64::from(new) - f64::from(mark) >= delta && new > mark,
        _ => true,
    };
    if passes {
        progress.mark = merit;
        progress.stale = 0;
    } else {
        progress.stale += 1;
    }
    better
}

/// All float constants by position and name: names alone may repeat.
fn weights(graph: &Graph) -> Floats {
    let constant = |(index, value): (usize, &crate::ir::Value)| {
        let data = value.constant.as_ref()?.as_f32()?.to_vec();
        Some((format!("{index}/{}", value.name), (value.shape.clone(), data)))
    };
    graph.values.iter().enumerate().filter_map(constant).collect()
}

/// Inverse of [`weights`].
fn set_weights(graph: &mut Graph, weights: &Floats) {
    for (index, value) in graph.values.iter_mut().enumerate() {
        if let (Some(Tensor::F32 { data, .. }), Some((shape, new))) =
            (&mut value.constant, weights.get(&format!("{index}/{}", value.name)))
            && *shape == value.shape
        {
            data.clone_from(new);
        }
    }
}

fn layout(job: &Job) -> Layout {
    let graph = &job.network.graph;
    let shape = graph.inputs.first().map(|p| graph.value(p.value).shape.clone()).unwrap_or_default();
    let picture = match shape[..] {
        [_, h, w, c] => Some([h, w, c]),
        _ => None,
    };
    Layout { picture, steps: shape.get(1).copied().unwrap_or(1), background: job.background.to_vec() }
}

/// Numbers that no training can use.
fn check(job: &Job) -> Result<(), TrainError> {
    let t = job.training;
    let setting = |key, value: String, expected| Err(TrainError::Setting { key, value, expected });
    if t.epochs == 0 {
        return setting("epochs", "0".into(), "give 1 or more");
    }
    if t.batch == 0 {
        return setting("batch", "0".into(), "give 1 or more");
    }
    if !(0.0..1.0).contains(&t.label_smoothing) {
        return setting("label_smoothing", t.label_smoothing.to_string(), "it is at least 0 and below 1");
    }
    let rate = t.optimizer.rate();
    if !(rate > 0.0 && rate.is_finite()) {
        return setting("rate", rate.to_string(), "it is above 0");
    }
    let not_negative = [
        ("l1", f64::from(t.l1)),
        ("l2", f64::from(t.l2)),
        ("weight_decay", t.weight_decay.map_or(0.0, f64::from)),
        ("warm_up", t.schedule.warm_up),
        ("floor", t.schedule.floor),
        ("rotate", f64::from(t.augment.rotate)),
        ("noise", f64::from(t.augment.noise)),
    ];
    for (key, value) in not_negative {
        if !(value >= 0.0 && value.is_finite()) {
            return setting(key, value.to_string(), "it is 0 or more");
        }
    }
    if let Some(clip) = t.clip_norm.filter(|c| c.is_nan() || *c <= 0.0) {
        return setting("clip_norm", clip.to_string(), "it is above 0");
    }
    if let Some(crop) = t.augment.crop.filter(|c| !(*c > 0.0 && *c <= 1.0)) {
        return setting("crop", crop.to_string(), "it is above 0, up to 1");
    }
    if let Some(every) = t.schedule.every.filter(|e| e.is_nan() || *e <= 0.0) {
        return setting("every", every.to_string(), "it is above 0");
    }
    if t.schedule.kind == super::ScheduleKind::Step && t.schedule.every.is_none() {
        return setting("every", "missing".into(), "a schedule of kind `step` needs it");
    }
    if t.early_stopping.is_some() && job.validation.is_none() {
        return setting("early_stopping", "given".into(), "it needs `validation` data or a `split.validation`");
    }
    if job.data.is_empty() {
        return Err(TrainError::EmptySplit { purpose: "train" });
    }
    Samples::check_augment(&job.network.graph, &t.augment)
}
