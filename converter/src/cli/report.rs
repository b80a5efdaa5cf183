//! `mote report`: one page about model files.

use super::data_args::DataArgs;
use super::model_file::{ModelFile, float_network, parse_input_shape, read};
use super::validate::{Loaded, hinted};
use super::whole_file::write_whole;
use super::{Hinted, Progress, Verdict, kib, print};
use crate::data::{self, Dataset, InputSpec};
use crate::import::ImportOptions;
use crate::ir::Graph;
use crate::recording::{Recording, is_recording};
use crate::report::{Evaluated, History, Latency, ModelPage, ReportError, Sources, render};
use crate::validate::EQUALIZED;
use crate::validate::accuracy::class_count;
use crate::validate::evaluate::run_stored;
use crate::validate::reference::{ReferenceOptions, Validation, validate};
use anyhow::Context;
use std::path::{Path, PathBuf};

/// Write one self-contained page about model files: layers, RAM over time, flash, latency, accuracy, samples.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mote report net.mote -o net.html
  mote report net.mote --reference run.safetensors -o net.html            with accuracy per layer
  mote report net.mote --data test/ --float model.onnx -o net.html        and confusion matrix, ROC, samples
  mote bench net.mote --target m4 --json > m4.json
  mote report net.mote --bench m4.json --bench m7.json -o net.html        with latency per layer
  mote train models/digits-compressed --json > train.json
  mote report net.mote --history train.json -o net.html                   with what each step of compression left
  mote report small.mote large.mote --data test/ -o both.html             several files, compared

The page works offline, on a telephone, in light and in dark; beside every chart is a table.")]
pub(super) struct Args {
    /// .mote files, one section each.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The page to write.
    #[arg(short, long, value_name = "PAGE")]
    output: PathBuf,
    /// A recording of the full-precision run, as for `mote validate`.
    #[arg(long, value_name = "REF")]
    reference: Option<PathBuf>,
    /// The float network that the files were converted from [default: the ONNX file beside the recording].
    #[arg(long, value_name = "MODEL")]
    float: Option<PathBuf>,
    /// Samples, best with labels: for confusion matrix, ROC and sample predictions; with --float, for accuracy per layer.
    #[arg(long, value_name = "DATA")]
    data: Option<PathBuf>,
    /// Latency per layer: what `mote bench FILE --json` printed. May be given several times.
    #[arg(long, value_name = "JSON")]
    bench: Vec<PathBuf>,
    /// What `mote train --json` or `mote quantize --auto --json` printed. May be given several times.
    #[arg(long, value_name = "JSON")]
    history: Vec<PathBuf>,
    /// Heading of the page [default: the names of the models].
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// Shapes of inputs that the float network leaves open.
    #[arg(long, value_name = "NAME=SIZES", value_parser = parse_input_shape)]
    input_shape: Vec<(String, Vec<usize>)>,
    #[command(flatten)]
    reading: DataArgs,
}

/// Samples on which layers are compared, if there is no recording.
const LAYER_SAMPLES: usize = 16;
/// Samples that the grid is chosen from.
const SHOWN: usize = 2000;

pub(super) fn run(args: Args, progress: &Progress) -> anyhow::Result<Verdict> {
    let latencies = args.bench.iter().map(|path| read_json(path, Latency::read)).collect::<Result<Vec<_>, _>>()?;
    let histories = args.history.iter().map(|path| read_json(path, History::read)).collect::<Result<Vec<_>, _>>()?;
    let recording = args.reference.as_deref().map(open_recording).transpose()?;
    let models = args.files.iter().map(|path| ModelFile::open(path)).collect::<Result<Vec<_>, _>>()?;
    for (latency, path) in latencies.iter().zip(&args.bench) {
        if !models.iter().any(|model| latency.is_of(&model.summary)) {
            progress.warn(format!("`{}` measures none of these files, and is left out", path.display()));
        }
    }
    let mut pages = Vec::new();
    for (number, (model, path)) in models.iter().zip(&args.files).enumerate() {
        let network = network(&args, recording.as_ref(), model, progress)?;
        let data = samples(&args, recording.as_ref(), model, network.as_ref(), progress)?;
        let validation = compare(&args, recording.as_ref(), model, network.as_ref(), data.as_ref(), progress)?;
        let evaluated = data.as_ref().map(|data| evaluate(model, data, progress)).transpose()?;
        let from = Sources {
            session: &model.session,
            path: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            validation: validation.as_ref().map(|(v, reference)| (v, reference.clone())),
            evaluated: evaluated.as_ref(),
            latencies: &latencies,
            histories: if number == 0 { &histories } else { &[] },
        };
        pages.push(ModelPage::new(number, &from)?);
    }
    let names: Vec<&str> = models.iter().map(|m| m.summary.name.as_str()).collect();
    let title = args.title.clone().unwrap_or_else(|| format!("Report on {}", names.join(", ")));
    let page = render(&title, &pages)?;
    write_whole(&args.output, page.as_bytes())?;
    print(format!("{}: {}", args.output.display(), kib(page.len() as u64)))?;
    Ok(Verdict::Pass)
}

fn read_json<T>(path: &Path, parse: fn(&Path, &[u8]) -> Result<T, ReportError>) -> anyhow::Result<T> {
    let hint = "give the object that the command printed with --json, as in `mote bench FILE --json > FILE.json`";
    parse(path, &read(path)?).with_context(|| Hinted::new("cannot use a file of figures", hint))
}

fn open_recording(path: &Path) -> anyhow::Result<Recording> {
    if !is_recording(path) {
        let hint = "give a float network with --float, and samples with --data";
        return Err(Hinted::new(format!("`{}` is no recording", path.display()), hint).into());
    }
    Recording::open(path).map_err(|e| hinted(e.into()))
}

/// The float network, if there is one.
fn network(
    args: &Args,
    recording: Option<&Recording>,
    model: &ModelFile,
    progress: &Progress,
) -> anyhow::Result<Option<Graph>> {
    let Some(path) = args.float.clone().or_else(|| recording.and_then(Recording::network)) else {
        if let Some(path) = args.reference.as_ref() {
            let what = format!("there is no ONNX file of the network beside `{}`", path.display());
            return Err(Hinted::new(what, "name the network that the file was converted from with --float").into());
        }
        return Ok(None);
    };
    let import = ImportOptions { input_shapes: args.input_shape.iter().cloned().collect(), ..Default::default() };
    let graph = float_network(&path, &import, progress)?;
    model.check_same_inputs(&graph, &path)?;
    Ok(Some(graph))
}

/// The samples of --data, else those of the recording.
fn samples(
    args: &Args,
    recording: Option<&Recording>,
    model: &ModelFile,
    network: Option<&Graph>,
    progress: &Progress,
) -> anyhow::Result<Option<Dataset>> {
    let path = args.data.as_ref().or(recording.and(args.reference.as_ref()));
    let Some(path) = path else { return Ok(None) };
    let options =
        args.reading.options_with_record(&model.summary.provenance.normalization, model.labels(), progress)?;
    let inputs = network.map_or_else(|| model.inputs.clone(), InputSpec::of_graph);
    Ok(Some(data::load(path, &inputs, &options)?))
}

/// Every layer against the recording, or against the float network on some of the data.
fn compare(
    args: &Args,
    recording: Option<&Recording>,
    model: &ModelFile,
    network: Option<&Graph>,
    data: Option<&Dataset>,
    progress: &Progress,
) -> anyhow::Result<Option<(Validation, String)>> {
    let (loaded, reference) = match (recording, data) {
        (Some(recording), _) => {
            let reference = format!("the recording of {} on {}", recording.manifest.name, recording.manifest.device);
            (Loaded::Recording(Box::new(recording.clone())), reference)
        }
        (None, Some(data)) if args.float.is_some() => {
            let mut some = data.clone();
            some.keep_spread(LAYER_SAMPLES);
            (Loaded::Data(some), "the float network".into())
        }
        _ => return Ok(None),
    };
    let Some(graph) = network else { return Ok(None) };
    let equalized = model.summary.provenance.converter.contains(EQUALIZED);
    let options = ReferenceOptions { equalized, ..ReferenceOptions::default() };
    let source = loaded.source();
    let bar = progress.bar(source.len(), "comparing");
    let validation = validate(graph, &model.session, &source, &options, &mut |done| bar.set(done)).map_err(hinted)?;
    Ok(Some((validation, reference)))
}

fn evaluate(model: &ModelFile, data: &Dataset, progress: &Progress) -> anyhow::Result<Evaluated> {
    let scores: usize = model.outputs()?.first().map_or(0, |o| o.shape.iter().product());
    let labels = match &data.labels {
        Some(_) => data.check_labels(class_count(scores))?.to_vec(),
        None => Vec::new(),
    };
    let bar = progress.bar(data.len(), "running");
    let outputs = run_stored(&model.session, &data.samples, &|| bar.step())?;
    let first_input = |sample: &Vec<Vec<f32>>| sample.first().cloned().unwrap_or_default();
    let input = model.inputs.first();
    Ok(Evaluated {
        inputs: data.samples.iter().take(SHOWN).map(first_input).collect(),
        input_shape: input.map(|i| i.shape.clone()).unwrap_or_default(),
        channel_axis: input.and_then(|i| i.channel_axis),
        outputs: Evaluated::first_outputs(&outputs),
        labels,
        sample_names: data.sample_names.clone(),
        class_names: if model.labels().is_empty() { data.class_names.clone() } else { model.labels().to_vec() },
        origin: data.origin.clone(),
    })
}
