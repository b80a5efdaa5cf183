//! `mote train`: a recipe from layers or a checkpoint to a trained network and its model file.

use super::budget::Shortfall;
use super::build::{calibration, conversion, must_exist};
use super::convert;
use super::convert_report::Report;
use super::out::print_json;
use super::table::facts;
use super::train_setup::Setup;
use super::train_steps::{Steps, Trained};
use super::whole_file::write_whole;
use super::{Hinted, Progress, Verdict, print, report_error};
use crate::ir::io;
use crate::recipe::Loaded;
use crate::validate::Session;
use crate::validate::evaluate::{Evaluation, run_float, run_stored};
use anyhow::Context;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Train a recipe's network, from scratch or from a checkpoint, and convert it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mote train models/digits-scratch                   train, quantize, accuracy of both
  mote train models/mnist-scratch --data ~/mnist     data from elsewhere
  mote train models/digits-scratch --resume          go on after an interruption, with the same result
  mote train my-recipe.toml --out run7 --seed 7
  mote train models/digits-mobile --data models/digits-cnn    train, then train on the device's integers

The folder of the run holds checkpoint.safetensors (replaced after every epoch, enough to go on), metrics.jsonl,
curves.svg, and at the end weights.safetensors (a float network that every verb takes) and the .mote file. A recipe with
[[compress]] steps leaves step-N.safetensors after each of them.
Exit code 1 if the loss is no longer a number, the accuracy is below the recipe's `min_accuracy`, or the model needs more than
its [budget].")]
pub(super) struct Args {
    /// A recipe with a [train] table, or the folder with its recipe.toml.
    recipe: PathBuf,
    /// Where the recipe's data lie [default: beside the recipe].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Folder of the run [default: the recipe's name with .train, in the current folder].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on from the checkpoint in the folder of the run.
    #[arg(long, conflicts_with = "fresh")]
    resume: bool,
    /// Start over although the folder of the run has a checkpoint.
    #[arg(long)]
    fresh: bool,
    /// Epochs, instead of the recipe's.
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Seed of all random numbers, instead of the recipe's.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// One JSON object instead of tables.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args, progress: &Progress) -> anyhow::Result<Verdict> {
    let mut loaded = Loaded::read(&args.recipe).with_context(|| {
        let hint = "give a folder with a recipe.toml, such as models/digits-scratch";
        Hinted::new(format!("cannot use the recipe `{}`", args.recipe.display()), hint)
    })?;
    let Some(training) = &mut loaded.recipe.train else {
        let hint = "add one, as in models/digits-scratch/recipe.toml, or use `mote build`";
        return Err(Hinted::new("the recipe has no [train] table", hint).into());
    };
    training.epochs = args.epochs.unwrap_or(training.epochs);
    training.seed = args.seed.unwrap_or(training.seed);
    let data = args.data.clone().unwrap_or_else(|| loaded.folder.clone());
    for source in [loaded.recipe.evaluate.as_ref(), loaded.recipe.calibrate.as_ref()].into_iter().flatten() {
        must_exist(&loaded, &data.join(&source.path))?;
    }
    let setup = Setup::new(&loaded, &data, progress)?;

    let folder = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{}.train", loaded.recipe.name)));
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    let files = Files::of(&folder, &loaded.recipe.name);
    let resume = checkpoint(&args, &files)?;
    let steps = Steps { setup: &setup, compress: &loaded.recipe.compress, files: &files, quiet: args.json };
    let trained = match steps.run(resume.as_deref(), args.resume, progress) {
        Ok(trained) => trained,
        // The run itself went wrong, which is no mistake of the caller: as a check that failed.
        Err(error) if error.is_divergence() => {
            report_error(&error.into());
            return Ok(Verdict::Fail);
        }
        Err(error) => return Err(anyhow::Error::new(error).context("cannot train")),
    };
    let bytes = io::save(&trained.graph, &io::Floats::new(), None)?;
    write_whole(&files.weights, &bytes)?;
    finish(&args, &loaded, &data, &setup, &files, &trained, progress)
}

/// What lies in the folder of a run.
pub(super) struct Files {
    pub folder: PathBuf,
    pub checkpoint: PathBuf,
    pub metrics: PathBuf,
    pub curves: PathBuf,
    pub weights: PathBuf,
    pub model: PathBuf,
}

impl Files {
    fn of(folder: &Path, name: &str) -> Self {
        Self {
            folder: folder.into(),
            checkpoint: folder.join("checkpoint.safetensors"),
            metrics: folder.join("metrics.jsonl"),
            curves: folder.join("curves.svg"),
            weights: folder.join("weights.safetensors"),
            model: folder.join(format!("{name}.mote")),
        }
    }
}

/// The bytes to go on from, if that is wanted.
fn checkpoint(args: &Args, files: &Files) -> anyhow::Result<Option<Vec<u8>>> {
    let path = &files.checkpoint;
    match (args.resume, path.exists()) {
        (true, true) => Ok(Some(std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?)),
        // Interrupted before its first epoch was over: nothing is lost by starting over.
        (true, false) => Ok(None),
        (false, true) if !args.fresh => {
            let what = format!("`{}` is the checkpoint of an earlier run", path.display());
            Err(Hinted::new(what, "go on with --resume, start over with --fresh, or name another folder with --out")
                .into())
        }
        (false, _) => Ok(None),
    }
}

/// Conversion, accuracy, and what is told at the end.
fn finish(
    args: &Args,
    loaded: &Loaded,
    data: &Path,
    setup: &Setup,
    files: &Files,
    trained: &Trained,
    progress: &Progress,
) -> anyhow::Result<Verdict> {
    let training = &setup.training;
    let converted = match training.convert {
        true => {
            let (calibrate, samples) = calibration(&loaded.recipe)?;
            let convert = conversion(loaded, data, &files.weights, calibrate, samples, &files.model)?;
            Some((convert::convert(&convert, progress)?, convert.method()))
        }
        false => None,
    };
    let evaluated = converted.as_ref().and_then(|(c, _)| c.evaluation.as_ref()).map(|(_, e)| e.clone());
    let evaluation = match (evaluated, &setup.test) {
        (Some(evaluation), _) => Some(evaluation),
        (None, Some(test)) => {
            let graph = &mut trained.graph.clone();
            graph.drop_fake_quantization();
            crate::passes::run_default(graph)?;
            let float = run_float(graph, &test.samples, &mut |_| {})?;
            let labels = test.labels.as_deref();
            Some(match &converted {
                Some((converted, _)) => {
                    let session = Session::load(converted.built.emitted.bytes.clone())?;
                    Evaluation::of(labels, &run_stored(&session, &test.samples, &|| {})?, Some(&float))
                }
                None => Evaluation::of(labels, &float, Some(&float)),
            })
        }
        (None, None) => None,
    };
    let accuracy = evaluation.as_ref().and_then(|e| e.float.as_ref()).map(|c| c.top1() * 100.0);
    let stored =
        evaluation.as_ref().filter(|_| converted.is_some()).and_then(|e| e.stored.as_ref()).map(|c| c.top1() * 100.0);
    let missed = match (training.min_accuracy, accuracy) {
        (Some(needed), Some(got)) if got < needed => {
            Some(format!("float accuracy is {got:.2} %, the recipe requires {needed} %"))
        }
        (Some(needed), None) => Some(format!("the recipe requires {needed} %, but has no labelled data to measure on")),
        _ => None,
    };
    let shortfalls = converted.iter().flat_map(|(c, _)| &c.shortfalls).map(Shortfall::text);
    let missed: Vec<String> = missed.into_iter().chain(shortfalls).collect();
    let report = converted.as_ref().map(|(c, method)| Report { output: &files.model, converted: c, method: *method });
    if args.json {
        print_json(&json!({
            "schema": 1,
            "recipe": loaded.recipe.name,
            "epochs": trained.done.iter().map(|step| step.history.len()).sum::<usize>(),
            "best_epoch": trained.last().map(|step| step.best_epoch),
            "stopped_early": trained.last().map(|step| step.stopped_early),
            "history": trained.history(),
            "steps": trained.done,
            "weights": files.weights.display().to_string(),
            "float_accuracy": accuracy,
            "int8_accuracy": stored,
            "convert": report.as_ref().map(Report::json),
            "held": missed.is_empty(),
            "failed": (!missed.is_empty()).then(|| missed.join("\n")),
        }))?;
    } else {
        if trained.done.len() > 1 {
            print(format!("\n{}", trained.table()))?;
        }
        let epochs = trained.last().map_or_else(String::new, |step| {
            let stopped = if step.stopped_early { ", stopped early" } else { "" };
            format!("{}{stopped}; weights of epoch {}", step.history.len(), step.best_epoch)
        });
        let mut lines = vec![("epochs", epochs), ("float", files.weights.display().to_string())];
        if let Some(accuracy) = accuracy {
            let int8 = stored.map_or_else(String::new, |s| format!(", int8 {s:.2} %"));
            lines.push(("accuracy", format!("float {accuracy:.2} %{int8}")));
        }
        print(format!("\n{}", facts(&lines)))?;
        if let Some(report) = report {
            print(format!("\n{}", report.text()))?;
        }
        for missed in &missed {
            print(format!("\nFAILED: {missed}"))?;
        }
    }
    Ok(Verdict::of(missed.is_empty()))
}
