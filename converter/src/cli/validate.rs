//! `mote validate`: a model file against the full-precision run of the network, layer by layer.

use super::data_args::DataArgs;
use super::model_file::{ModelFile, float_network, parse_input_shape};
use super::out::print_json;
use super::validate_fix::{Advice, advise};
use super::{Hinted, Progress, Verdict, print, validate_text};
use crate::data::{self, Dataset, InputSpec};
use crate::import::ImportOptions;
use crate::ir::Graph;
use crate::recording::{Recording, Task, is_recording};
use crate::validate::EQUALIZED;
use crate::validate::reference::{ReferenceError, ReferenceOptions, Source, Validation, validate};
use anyhow::Context;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Compare a model file with what the network computed in full precision: layer by layer, and as a whole.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mote validate net.mote --reference run.safetensors                  a recording of the PyTorch run
  mote validate net.mote --reference run.safetensors --floor-db 20 --min-agreement 99
  mote validate net.mote --reference net_float.tflite --data test.npy float network of Keras or TensorFlow Lite
  mote validate net.mote --reference run.safetensors --map /conv1/Conv=features.0.conv
  mote validate net.mote --reference run.safetensors --json > validation.json

A recording holds inputs, outputs and the result of every module, as a GPU computed them; make it with the
recorder in converter/python. The network that the file was converted from says which of them is which value of
the file: it is the ONNX file beside the recording, unless --float names another one.

SQNR is the power of a layer's values over that of their error. `own` is the share of the error that arises in the
layer itself; the rest came with its inputs. `saturated` is the share of values beyond what the layer can store.

Exit code 0 if every bound held, 1 if one did not, 2 on errors.")]
pub(super) struct Args {
    /// A .mote file.
    file: PathBuf,
    /// A recording (.safetensors, or .safetensors.index.json of a sharded one), or a float network to run on --data.
    #[arg(long, value_name = "REF")]
    reference: PathBuf,
    /// The float network that the file was converted from [default: the ONNX file beside the recording, or REF].
    #[arg(long, value_name = "MODEL")]
    float: Option<PathBuf>,
    /// Samples, if the reference is a network and brings none.
    #[arg(long, value_name = "DATA")]
    data: Option<PathBuf>,
    /// Compare node NODE with recorded layer LAYER, whatever their names; an empty LAYER compares it with the float network.
    /// May be given several times.
    #[arg(long, value_name = "NODE=LAYER", value_parser = parse_pair)]
    map: Vec<(String, String)>,
    /// Fail if a layer's SQNR is below this many decibel.
    #[arg(long, value_name = "DB", default_value_t = 15.0, allow_negative_numbers = true)]
    floor_db: f64,
    /// Fail if fewer percent of the samples get the class of the reference.
    #[arg(long, value_name = "PERCENT")]
    min_agreement: Option<f64>,
    /// Fail if the file loses more than this many percentage points of accuracy against the reference; needs labels.
    #[arg(long, value_name = "POINTS", allow_negative_numbers = true)]
    max_drop: Option<f64>,
    /// What the outputs are for [default: as recorded, or as the last layer and labels suggest].
    #[arg(long, value_name = "TASK", value_enum)]
    task: Option<Task>,
    /// Use N samples, spread evenly over the reference [default: all].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    samples: Option<u32>,
    /// Do not look for a fix when a bound does not hold.
    #[arg(long)]
    no_fix: bool,
    /// Shapes of inputs that the network leaves open.
    #[arg(long, value_name = "NAME=SIZES", value_parser = parse_input_shape)]
    input_shape: Vec<(String, Vec<usize>)>,
    /// One JSON object instead of tables.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reading: DataArgs,
}

/// `NODE=LAYER`.
fn parse_pair(text: &str) -> Result<(String, String), String> {
    let wrong = || format!("`{text}` is not NODE=LAYER, as in /conv1/Conv=features.0.conv");
    let (node, layer) = text.rsplit_once('=').ok_or_else(wrong)?;
    if node.is_empty() { Err(wrong()) } else { Ok((node.into(), layer.into())) }
}

/// What a file is compared with, in memory.
pub(super) enum Loaded {
    Recording(Box<Recording>),
    Data(Dataset),
}

impl Loaded {
    pub fn source(&self) -> Source<'_> {
        match self {
            Self::Recording(recording) => Source::Recording(recording),
            Self::Data(data) => Source::Data(data),
        }
    }
}

/// A bound, and whether it held.
pub(super) struct Check {
    pub what: String,
    pub held: bool,
}

pub(super) fn run(args: Args, progress: &Progress) -> anyhow::Result<Verdict> {
    check_limits(&args)?;
    let model = ModelFile::open(&args.file)?;
    let import = ImportOptions { input_shapes: args.input_shape.iter().cloned().collect(), ..Default::default() };
    let (network, loaded, graph) = load(&args, &model, &import, progress)?;
    let equalized = model.summary.provenance.converter.contains(EQUALIZED);
    if equalized {
        progress.note("channels of the file are equalized: they are compared up to a factor each");
    }
    let options = ReferenceOptions {
        given: args.map.clone(),
        samples: args.samples.map(|n| n as usize),
        equalized,
        task: args.task,
    };
    let source = loaded.source();
    let bar = progress.bar(options.samples.unwrap_or(usize::MAX).min(source.len()), "comparing");
    let validation = validate(&graph, &model.session, &source, &options, &mut |done| bar.set(done)).map_err(hinted)?;
    drop(bar);
    let checks = checks(&args, &validation)?;
    let held = checks.iter().all(|check| check.held);
    let advice = match validation.first_below(args.floor_db) {
        Some(layer) if !args.no_fix => {
            let least = args.min_agreement.map_or(0.0, |percent| percent / 100.0);
            let fault = (layer.node.as_str(), args.floor_db, least.max(validation.whole.top1_agreement.unwrap_or(0.0)));
            Some(advise(&network, &graph, &source, fault, progress)?)
        }
        _ => None,
    };
    if args.json {
        print_json(&json_of(&args, &model, &loaded, &validation, &checks, advice.as_ref())?)?;
    } else {
        let data = args.data.as_ref().unwrap_or(&args.reference).display().to_string();
        print(validate_text::text(&loaded, &validation, args.floor_db))?;
        print(validate_text::verdict(&validation, &checks, advice.as_ref(), args.floor_db, (&network, &data)))?;
    }
    Ok(Verdict::of(held))
}

fn check_limits(args: &Args) -> anyhow::Result<()> {
    let limits = [Some(args.floor_db), args.min_agreement, args.max_drop];
    if limits.into_iter().flatten().any(f64::is_nan) {
        return Err(Hinted::new("a limit is not a number", "give a number as in --floor-db 15").into());
    }
    Ok(())
}

/// The float network's path, the reference, and the network.
fn load(
    args: &Args,
    model: &ModelFile,
    import: &ImportOptions,
    progress: &Progress,
) -> anyhow::Result<(PathBuf, Loaded, Graph)> {
    let network = |path: &Path| -> anyhow::Result<Graph> {
        let graph = float_network(path, import, progress)?;
        model.check_same_inputs(&graph, path)?;
        Ok(graph)
    };
    if is_recording(&args.reference) {
        if let Some(data) = &args.data {
            let what = format!("a recording brings its samples, `{}` would be others", data.display());
            return Err(Hinted::new(what, "leave --data out, or give a float network as --reference").into());
        }
        let recording = Recording::open(&args.reference).map_err(|e| hinted(e.into()))?;
        let Some(path) = args.float.clone().or_else(|| recording.network()) else {
            let what = format!("there is no ONNX file of the network beside `{}`", args.reference.display());
            return Err(Hinted::new(what, "name the network that the file was converted from with --float").into());
        };
        let graph = network(&path)?;
        return Ok((path, Loaded::Recording(Box::new(recording)), graph));
    }
    let Some(data) = &args.data else {
        let what = format!("`{}` is no recording, so that it brings no samples", args.reference.display());
        return Err(Hinted::new(what, "add --data with inputs for the network").into());
    };
    let path = args.float.clone().unwrap_or_else(|| args.reference.clone());
    let graph = network(&path)?;
    let options =
        args.reading.options_with_record(&model.summary.provenance.normalization, model.labels(), progress)?;
    let data = data::load(data, &InputSpec::of_graph(&graph), &options)?;
    Ok((path, Loaded::Data(data), graph))
}

/// An error of the comparison with what to do next.
pub(super) fn hinted(error: ReferenceError) -> anyhow::Error {
    let hint = error.hint();
    anyhow::Error::new(error).context(Hinted::new("cannot validate", hint))
}

/// Every bound that was asked for.
fn checks(args: &Args, v: &Validation) -> anyhow::Result<Vec<Check>> {
    let float = v.first_float_difference();
    let mut checks = vec![Check {
        what: match float {
            Some(layer) => format!(
                "float32 differs from the recording at `{}`: {:.1e} of its largest value, {:.1e} are allowed",
                layer.node,
                layer.float_difference.unwrap_or(f64::NAN),
                v.float_tolerance
            ),
            None => format!("float32 is within {:.1e} of the recording at every layer", v.float_tolerance),
        },
        held: float.is_none(),
    }];
    let below = v.first_below(args.floor_db);
    checks.push(Check {
        what: match below {
            Some(layer) => format!("the first layer below {} dB is `{}`", args.floor_db, layer.node),
            None => format!("every layer has {} dB or more", args.floor_db),
        },
        held: below.is_none(),
    });
    if let Some(limit) = args.min_agreement {
        let Some(share) = v.whole.top1_agreement else {
            return Err(Hinted::new("the outputs are no classes", "leave --min-agreement out, or name a --task").into());
        };
        let what =
            format!("{:.2} % of the samples get the class of the reference, {limit} % are required", share * 100.0);
        checks.push(Check { what, held: share * 100.0 >= limit });
    }
    if let Some(limit) = args.max_drop {
        let Some(accuracy) = v.whole.accuracy else {
            return Err(Hinted::new("there are no labels", "record with labels, or leave --max-drop out").into());
        };
        let drop = (accuracy.reference - accuracy.int8) * 100.0;
        let what = format!("{drop:.2} points of accuracy are lost, {limit} are allowed");
        // A count of samples over their number is not exact.
        checks.push(Check { what, held: drop <= limit + 1e-9 });
    }
    Ok(checks)
}

fn json_of(
    args: &Args,
    model: &ModelFile,
    loaded: &Loaded,
    v: &Validation,
    checks: &[Check],
    advice: Option<&Advice>,
) -> anyhow::Result<serde_json::Value> {
    let reference = match loaded {
        Loaded::Recording(r) => json!({
            "kind": "recording", "name": r.manifest.name, "device": r.manifest.device, "versions": r.manifest.versions,
            "seed": r.manifest.seed, "samples": r.len(),
        }),
        Loaded::Data(data) => json!({ "kind": "network", "data": data.origin, "samples": data.len() }),
    };
    Ok(json!({
        "schema": 1,
        "model": model.summary.name,
        "file": args.file,
        "reference": reference,
        "floor_db": args.floor_db,
        "validation": serde_json::to_value(v).context("cannot write the result")?,
        "first_below_floor": v.first_below(args.floor_db).map(|l| &l.node),
        "checks": checks.iter().map(|c| json!({"what": c.what, "held": c.held})).collect::<Vec<_>>(),
        "advice": advice.map(Advice::json),
        "held": checks.iter().all(|c| c.held),
    }))
}
