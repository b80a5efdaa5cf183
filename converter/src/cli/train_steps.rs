//! The steps of `mote train`: training, then what makes the network smaller.

use super::Progress;
use super::out::print;
use super::progress::Bar;
use super::table::{Table, count, facts, percent};
use super::train::Files;
use super::train_setup::Setup;
use super::whole_file::write_whole;
use crate::ir::io::{self, Floats};
use crate::ir::{Graph, Tensor};
use crate::prune::channels::{self, Narrowed};
use crate::train::{self, Epoch, Event, Job, Network, Outcome, Step, TrainError, Training};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What the steps have in common.
pub(super) struct Steps<'a> {
    pub setup: &'a Setup,
    pub compress: &'a [Step],
    pub files: &'a Files,
    /// No tables.
    pub quiet: bool,
}

/// What is told of a step that is done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Done {
    pub name: String,
    pub best_epoch: usize,
    pub stopped_early: bool,
    /// Multiplications of one inference.
    pub macs: u64,
    /// Weights and biases.
    pub parameters: u64,
    /// Those of them that are zero.
    pub zeros: u64,
    pub history: Vec<Epoch>,
}

/// What came out of all steps.
pub(super) struct Trained {
    pub graph: Graph,
    pub done: Vec<Done>,
}

impl Trained {
    pub fn last(&self) -> Option<&Done> {
        self.done.last()
    }

    pub fn history(&self) -> Vec<&Epoch> {
        self.done.iter().flat_map(|step| &step.history).collect()
    }

    pub fn table(&self) -> Table {
        let mut table = Table::new(&["step", ">epochs", ">MACs", ">parameters", ">zeros", ">validation"]);
        for step in &self.done {
            let best = step.history.iter().find(|e| e.epoch == step.best_epoch);
            let accuracy = best.and_then(|e| e.validation_accuracy).map_or("-".into(), |a| percent(f64::from(a)));
            let zeros = percent(step.zeros as f64 / step.parameters.max(1) as f64);
            let epochs = step.history.len().to_string();
            table.row(&[&step.name, &epochs, &count(step.macs), &count(step.parameters), &zeros, &accuracy]);
        }
        table
    }
}

/// What a file says about the step that wrote it.
#[derive(Serialize, Deserialize)]
struct Note {
    identity: [String; 2],
    done: Done,
}

impl Steps<'_> {
    /// Runs all steps; `checkpoint` is that of an interrupted run, which `resume` goes on with.
    pub fn run(&self, checkpoint: Option<&[u8]>, resume: bool, progress: &Progress) -> Result<Trained, TrainError> {
        train::check_steps(self.compress)?;
        let base = &self.setup.training;
        let only_compress = base.epochs == 0 && !self.compress.is_empty();
        let mut steps: Vec<(Option<&Step>, Training)> = Vec::new();
        if !only_compress {
            steps.push((None, base.clone()));
        }
        steps.extend(self.compress.iter().map(|step| (Some(step), step.training(base))));
        let identities: Vec<[String; 2]> = (0..steps.len()).map(|at| self.identity(at, steps.len())).collect();
        let known = checkpoint.is_none_or(|bytes| identities.iter().any(|id| train::belongs(bytes, id)));

        let mut network = self.setup.network.clone();
        let mut all: Vec<Done> = Vec::new();
        let mut keep_zeros = false;
        for (at, (step, training)) in steps.iter().enumerate() {
            let name = step.map_or("train", Step::name);
            let file = self.file(at);
            if steps.len() > 1 {
                if let Some((graph, done)) = resume.then(|| finished(&file, &identities[at])).flatten() {
                    network.graph = graph;
                    all.push(done);
                    keep_zeros |= step.is_some_and(|s| s.weights.is_some());
                    continue;
                }
                self.say(format!("\nstep {} of {}: {name}", at + 1, steps.len()));
            }
            if let Some(options) = step.and_then(|step| step.channels.as_ref()) {
                let samples = self.setup.data.spread(channels::SAMPLES);
                let (graph, narrowed) = channels::prune(&network.graph, options, &samples)?;
                self.say(narrowed_table(&narrowed).to_string());
                network.graph = graph;
            }
            // One that belongs to nothing here is the trainer's to refuse.
            let own = checkpoint.filter(|bytes| !known || train::belongs(bytes, &identities[at]));
            let outcome = match training.epochs {
                0 if step.is_some() => Outcome::untrained(network.graph.clone()),
                _ => self.train(&network, (*step, training), keep_zeros, &identities[at], own, &all, progress)?,
            };
            network.graph = outcome.graph;
            keep_zeros |= step.is_some_and(|s| s.weights.is_some());
            let (parameters, zeros) = parameters(&network.graph);
            let done = Done {
                name: name.into(),
                best_epoch: outcome.best_epoch,
                stopped_early: outcome.stopped_early,
                macs: network.graph.nodes.iter().map(|n| network.graph.macs(n)).sum(),
                parameters,
                zeros,
                history: outcome.history,
            };
            if steps.len() > 1 {
                let note = Note { identity: identities[at].clone(), done: done.clone() };
                let note = serde_json::to_string(&note).map_err(|e| TrainError::Damaged(e.to_string()))?;
                write(&file, &io::save(&network.graph, &Floats::new(), Some(&note))?)?;
            }
            all.push(done);
        }
        Ok(Trained { graph: network.graph, done: all })
    }

    fn file(&self, step: usize) -> PathBuf {
        self.files.folder.join(format!("step-{}.safetensors", step + 1))
    }

    /// What a checkpoint of the step is told by.
    fn identity(&self, step: usize, steps: usize) -> [String; 2] {
        let [recipe, data] = self.setup.identity.clone();
        if steps == 1 {
            return [recipe, data];
        }
        let hash = Sha256::digest(format!("{recipe}, step {step}"));
        [hash.iter().map(|byte| format!("{byte:02x}")).collect(), data]
    }

    fn say(&self, text: String) {
        if !self.quiet {
            // A reader that has gone away does not end the run.
            let _ = print(text);
        }
    }

    #[allow(clippy::too_many_arguments, reason = "each is another thing, and there is one caller")]
    fn train(
        &self,
        network: &Network,
        (step, training): (Option<&Step>, &Training),
        keep_zeros: bool,
        identity: &[String; 2],
        resume: Option<&[u8]>,
        before: &[Done],
        progress: &Progress,
    ) -> Result<Outcome, TrainError> {
        let setup = self.setup;
        let job = Job {
            network,
            training,
            data: &setup.data,
            validation: setup.validation.as_ref(),
            background: &setup.background,
            teacher: setup.teacher.as_ref(),
            sparsity: step.and_then(|step| step.weights.as_ref()),
            keep_zeros,
            quantize: step.and_then(|step| step.quantize.as_ref()),
            calibrate: setup.calibrate.clone(),
            identity: identity.clone(),
            resume,
        };
        let mut bar: Option<Bar> = None;
        let mut begun = Instant::now();
        let mut events = |event: Event| {
            match event {
                Event::Start { done, elements } => {
                    bar = None;
                    let samples = |s: &train::Samples| count(s.len() as u64);
                    let validation = setup.validation.as_ref().map_or_else(|| "none".into(), samples);
                    let start = if done > 0 { format!(", going on after epoch {done}") } else { String::new() };
                    let (all, _) = parameters(&network.graph);
                    self.say(facts(&[
                        ("network", format!("{} of {} parameters trained", count(elements as u64), count(all))),
                        ("data", format!("{} samples, validation {validation}{start}", samples(&setup.data))),
                    ]));
                    self.say("\n epoch      rate   loss    acc   val loss  val acc     time".to_string());
                }
                Event::Calibrating(done, total) => bar.get_or_insert_with(|| progress.bar(total, "ranges")).set(done),
                Event::Step(done, total) => bar.get_or_insert_with(|| progress.bar(total, "training")).set(done),
                Event::Epoch(epoch, best) => {
                    bar = None;
                    self.say(row(epoch, best, begun.elapsed().as_secs_f64()));
                    begun = Instant::now();
                }
                Event::Checkpoint(state, history) => {
                    // The state comes last: what is beside it can be made from it again.
                    write(&self.files.metrics, metrics(before, history).as_bytes())?;
                    write(&self.files.curves, train::curves(&in_a_row(before, history)).as_bytes())?;
                    write(&self.files.checkpoint, state)?;
                }
            }
            Ok(())
        };
        train::train(&job, &mut events)
    }
}

/// The network and figures of a step that was done before, if the file is of this very step.
fn finished(file: &Path, identity: &[String; 2]) -> Option<(Graph, Done)> {
    let bytes = std::fs::read(file).ok()?;
    let note: Note = serde_json::from_str(&io::note(&bytes).ok()??).ok()?;
    let graph = io::load(&bytes).ok().filter(|graph| crate::ir::verify(graph).is_ok())?;
    (note.identity == *identity).then_some((graph, note.done))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    write_whole(path, bytes).map_err(|error| {
        let source = std::io::Error::other(error.root_cause().to_string());
        TrainError::Write { path: path.display().to_string(), source }
    })
}

/// One JSON object a line, one line an epoch; with the step, if there are several.
fn metrics(before: &[Done], history: &[Epoch]) -> String {
    let mut text = String::new();
    let steps = before.iter().map(|step| step.history.as_slice()).chain([history]);
    for (at, epoch) in steps.enumerate().flat_map(|(at, history)| history.iter().map(move |epoch| (at, epoch))) {
        let line = match (before.is_empty(), serde_json::to_value(epoch)) {
            (false, Ok(serde_json::Value::Object(mut line))) => {
                line.insert("step".into(), json!(at + 1));
                serde_json::to_string(&line)
            }
            _ => serde_json::to_string(epoch),
        };
        text += &line.unwrap_or_default();
        text.push('\n');
    }
    text
}

/// All epochs, counted through.
fn in_a_row(before: &[Done], history: &[Epoch]) -> Vec<Epoch> {
    let all = before.iter().flat_map(|step| &step.history).chain(history);
    all.enumerate().map(|(at, epoch)| Epoch { epoch: at + 1, ..epoch.clone() }).collect()
}

/// Elements of all constants of layers, and how many of them are zero.
fn parameters(graph: &Graph) -> (u64, u64) {
    let read = |id: &crate::ir::ValueId| graph.nodes.iter().any(|n| n.inputs.contains(id));
    let ids = (0..graph.values.len()).map(crate::ir::ValueId).filter(read);
    let all = ids.filter_map(|id| graph.constant(id).and_then(Tensor::as_f32));
    all.fold((0, 0), |(n, zeros), data| {
        (n + data.len() as u64, zeros + data.iter().filter(|w| **w == 0.0).count() as u64)
    })
}

fn narrowed_table(narrowed: &[Narrowed]) -> Table {
    let mut table = Table::new(&["layer", ">channels", ">before"]);
    for layer in narrowed {
        table.row(&[&layer.node, &layer.after.to_string(), &layer.before.to_string()]);
    }
    table
}

fn row(e: &Epoch, best: bool, seconds: f64) -> String {
    let loss = |v: Option<f32>| v.map_or_else(|| "-".into(), |v| format!("{v:.4}"));
    let share = |v: Option<f32>| v.map_or_else(|| "-".into(), |v| percent(f64::from(v)));
    format!(
        " {:>5} {:>9.2e} {:>6} {:>8} {:>8} {:>8} {:>7.1} s{}",
        e.epoch,
        e.rate,
        loss(Some(e.train_loss)),
        share(e.train_accuracy),
        loss(e.validation_loss),
        share(e.validation_accuracy),
        seconds,
        if best && e.merit().is_some() { "  best" } else { "" }
    )
}
