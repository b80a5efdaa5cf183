//! What a recipe names, loaded and checked before training begins.

use super::build::must_exist;
use super::convert_args::parse_method;
use super::model_file::read;
use super::{Hinted, Progress};
use crate::data::{self, Dataset, InputSpec, LoadOptions};
use crate::import::{self, Format, ImportOptions};
use crate::ir::Graph;
use crate::passes;
use crate::quantize::CalibrateOptions;
use crate::recipe::{DataSource, Loaded};
use crate::train::{self, Network, Samples, Target, Teacher, Training, split};
use anyhow::Context;
use sha2::{Digest, Sha256};
use std::path::Path;

/// A recipe's network and data.
pub(super) struct Setup {
    pub training: Training,
    pub network: Network,
    pub data: Samples,
    pub validation: Option<Samples>,
    /// The part of the training data that was kept for the end.
    pub test: Option<Dataset>,
    /// Raw 0 in the network's units, per channel.
    pub background: Vec<f32>,
    /// The teacher, if it is asked during training.
    pub teacher: Option<Graph>,
    /// How ranges are chosen, where training rounds.
    pub calibrate: CalibrateOptions,
    /// Hashes of the recipe with its checkpoint, and of the data.
    pub identity: [String; 2],
}

impl Setup {
    pub fn new(loaded: &Loaded, folder: &Path, progress: &Progress) -> anyhow::Result<Self> {
        let recipe = &loaded.recipe;
        let training = recipe.train.clone().context("the recipe has no [train] table")?;
        let mut identity = Sha256::new();
        identity.update(&loaded.text);
        identity.update(training.epochs.to_le_bytes());
        identity.update(training.seed.to_le_bytes());
        let network = network(loaded, &training, &mut identity, progress)?;

        let inputs = InputSpec::of_graph(&network.graph);
        let class_names = match &recipe.labels_file {
            Some(file) => data::load_text_lines(&loaded.folder.join(file))?,
            None => Vec::new(),
        };
        let reading = LoadOptions {
            normalization: recipe.normalize.parse().context("the recipe's `normalize`")?,
            class_names,
            ..LoadOptions::default()
        };
        let load = |source: &DataSource| -> anyhow::Result<Dataset> {
            let path = folder.join(&source.path);
            must_exist(loaded, &path)?;
            let labels = source.labels.as_ref().map(|file| folder.join(file));
            let options = LoadOptions { labels, limit: source.samples, ..reading.clone() };
            Ok(data::load(&path, &inputs, &options)?)
        };
        let all = load(&training.data)?;
        let total = all.len();
        let [learn, held, test] = split(all, &training.split, training.seed)?;
        let held = match &training.validation {
            Some(_) if training.split.validation > 0.0 => {
                let hint = "leave out one of them";
                return Err(Hinted::new("the recipe has `validation` and `split.validation`", hint).into());
            }
            Some(source) => load(source)?,
            None => held,
        };
        let mut hash = Sha256::new();
        for part in [&learn, &held] {
            hash.update(part.sha256());
            part.labels.iter().flatten().for_each(|label| hash.update(label.to_le_bytes()));
        }
        let samples = |data: &Dataset| Samples::new(&network.graph, data, &training);
        let mut data = samples(&learn)?;
        let teacher = match &training.teacher {
            Some(settings) => {
                settings.check()?;
                let (teacher, scores) = teacher(loaded, folder, settings, &mut identity, progress)?;
                if let Some(scores) = scores {
                    let parts = train::parts(total, &training.split, training.seed)?;
                    let learned = scores.into_iter().zip(parts).filter(|(_, part)| *part == 0);
                    data = data.with_teacher(learned.map(|(row, _)| row).collect())?;
                }
                teacher
            }
            None => None,
        };
        let method = recipe.method.as_deref().map(parse_method).transpose();
        let method = method.map_err(|e| anyhow::anyhow!("the recipe's `method`: {e}"))?.unwrap_or_default();
        let validation = if held.is_empty() { None } else { Some(samples(&held)?) };
        Ok(Self {
            test: (!test.is_empty() && training.target == Target::Labels).then_some(test),
            background: background(&network, &inputs, &reading),
            teacher,
            calibrate: CalibrateOptions { method },
            identity: [hex(identity), hex(hash)],
            data,
            validation,
            network,
            training,
        })
    }
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One list of scores a sample.
type Rows = Vec<Vec<f32>>;

/// The network that teaches, or its scores for all samples of the training data.
fn teacher(
    loaded: &Loaded,
    folder: &Path,
    settings: &Teacher,
    identity: &mut Sha256,
    progress: &Progress,
) -> anyhow::Result<(Option<Graph>, Option<Rows>)> {
    if let Some(file) = &settings.checkpoint {
        let path = loaded.folder.join(file);
        let bytes = read(&path)?;
        identity.update(&bytes);
        let mut graph = imported(&path, &bytes, progress)?.graph;
        passes::run_default(&mut graph).with_context(|| format!("cannot use `{}`", path.display()))?;
        return Ok((Some(graph), None));
    }
    let Some(file) = &settings.logits else { return Ok((None, None)) };
    let path = folder.join(file);
    must_exist(loaded, &path)?;
    let rows = data::load_rows(&path)?;
    rows.iter().flatten().for_each(|score| identity.update(score.to_le_bytes()));
    Ok((None, Some(rows)))
}

/// What black is after normalization, in the stored order of one pixel.
fn background(network: &Network, inputs: &[InputSpec], reading: &LoadOptions) -> Vec<f32> {
    let (Some(spec), Some(port)) = (inputs.first(), network.graph.inputs.first()) else { return Vec::new() };
    let mut zeros = vec![0.0; spec.elements()];
    reading.normalization.apply(spec, &mut zeros);
    let channels = port.stored_shape().last().copied().unwrap_or(1);
    port.to_stored(&zeros).into_iter().take(channels).collect()
}

/// The network of a recipe with its first weights.
fn network(
    loaded: &Loaded,
    training: &Training,
    identity: &mut Sha256,
    progress: &Progress,
) -> anyhow::Result<Network> {
    let recipe = &loaded.recipe;
    let checkpoint = recipe.checkpoint.as_ref().map(|file| loaded.folder.join(file));
    let bytes = checkpoint.as_deref().map(read).transpose()?;
    bytes.iter().for_each(|bytes| identity.update(bytes));
    if recipe.layers.is_empty() {
        let (Some(path), Some(bytes)) = (&checkpoint, bytes) else {
            let hint = "add [[layers]] to train from scratch, or `checkpoint` to go on from a trained network";
            return Err(Hinted::new("the recipe has no network", hint).into());
        };
        return imported(path, &bytes, progress);
    }
    let Some(input) = &recipe.input else {
        let hint = "add it, as in input = [28, 28, 1]: rows, columns, channels";
        return Err(Hinted::new("the recipe has layers but no `input`", hint).into());
    };
    let mut network = train::build(&recipe.name, input, &recipe.layers, training.seed)?;
    if let (Some(path), Some(bytes)) = (&checkpoint, bytes) {
        let cannot = || format!("cannot use `{}`", path.display());
        let report = train::load_weights(&mut network, &bytes).with_context(cannot)?;
        let text = format!("{} of {} parameters are those of `{}`", report.loaded, network.slots.len(), path.display());
        let details = report.lines().iter().map(|line| format!("\n  {line}")).collect::<String>();
        if !report.is_complete() && !recipe.partial_checkpoint {
            let hint = "name the layers as the file does, or allow the others to start at random with partial_checkpoint = true";
            return Err(Hinted::new(format!("only {text}{details}"), hint).into());
        }
        progress.note(format!("{text}{details}"));
    }
    Ok(network)
}

/// A network of any format, its weights to be trained further.
fn imported(path: &Path, bytes: &[u8], progress: &Progress) -> anyhow::Result<Network> {
    let cannot = || format!("cannot import `{}`", path.display());
    let imported = import::import(bytes, &ImportOptions::default()).with_context(cannot)?;
    imported.info.warnings.iter().for_each(|warning| progress.warn(warning));
    if imported.network.is_quantized() {
        progress.warn("the network came quantized: training starts from the real numbers that its integers stand for");
    }
    let mut graph = imported.network.into_float();
    // Those of our own keep batch normalization and dropout, which the passes would remove.
    if imported.info.format != Format::Checkpoint {
        passes::run_default(&mut graph).with_context(cannot)?;
    }
    Ok(Network { graph, slots: Vec::new() })
}
