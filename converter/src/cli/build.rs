//! `mote build`: a recipe from checkpoint to measured model file.

use super::convert::{self, Converted};
use super::convert_report::Report;
use super::model_file::ModelFile;
use super::out::print_json;
use super::table::{Table, facts};
use super::whole_file::write_whole;
use super::{Cli, Command, Hinted, Progress, Verdict, print};
use crate::recipe::{Expected, Loaded, Miss, Recipe};
use anyhow::Context;
use clap::Parser;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Run a recipe: convert its checkpoint, measure accuracy, size and arena, and compare with the expected figures.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mote build models/digits-cnn                       everything it needs ships with it
  mote build models/mnist-cnn --data ~/mnist         data from elsewhere
  mote build models/digits-cnn --accept              these figures are the expected ones from now on

Exit code 1 if accuracy is lower, or file or arena larger, than `expected.toml` beside the recipe says, if the model needs
more than the recipe's [budget], or if the file has another SHA-256: the same version of mote writes the same bytes on
every machine.")]
pub(super) struct Args {
    /// A recipe, or the folder with its recipe.toml.
    recipe: PathBuf,
    /// The file to write [default: the recipe's name with .mote, in the current folder].
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Where the recipe's data lie [default: beside the recipe].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Write the figures measured now to expected.toml.
    #[arg(long)]
    accept: bool,
    /// One JSON object instead of tables.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args, progress: &Progress) -> anyhow::Result<Verdict> {
    let loaded = Loaded::read(&args.recipe).with_context(|| {
        let hint = "give a folder with a recipe.toml, such as models/digits-cnn";
        Hinted::new(format!("cannot use the recipe `{}`", args.recipe.display()), hint)
    })?;
    let output = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("{}.mote", loaded.recipe.name)));
    let convert = convert_args(&loaded, args.data.as_deref(), &output)?;
    let converted = convert::convert(&convert, progress)?;
    let report = Report { output: &output, converted: &converted, method: convert.method() };
    if !converted.shortfalls.is_empty() {
        return too_large(&args, &loaded, &report);
    }
    let measured = figures(&converted, &output)?;
    let misses = loaded.expected.as_ref().map_or_else(Vec::new, |e| e.misses(&measured));
    // The file as a device would get it: read back, checked, run.
    let self_tests = ModelFile::open(&output)?.session.runner()?.self_test()?;

    if args.json {
        let misses: Vec<_> = misses
            .iter()
            .map(|m| json!({ "figure": m.figure, "expected": m.expected, "measured": m.measured }))
            .collect();
        print_json(&json!({
            "schema": 1,
            "recipe": loaded.recipe.name,
            "convert": report.json(),
            "expected": loaded.expected,
            "measured": measured,
            "misses": misses,
            "held": misses.is_empty(),
        }))?;
    } else {
        print(report.text())?;
        print(format!("\n{}", comparison(loaded.expected.as_ref(), &measured, &misses)))?;
        let tested = format!("the file was read back and gave the expected bytes for {self_tests} vectors");
        let next = format!("mote inspect {0}; mote bench {0} --target qemu-cortex-m4", output.display());
        print(format!("\n{}", facts(&[("self-test", tested), ("next", next)])))?;
    }
    if args.accept {
        accept(&loaded, &measured)?;
        return Ok(Verdict::Pass);
    }
    Ok(Verdict::of(misses.is_empty()))
}

/// What is told of a model that does not fit its budget; there is no file.
fn too_large(args: &Args, loaded: &Loaded, report: &Report<'_>) -> anyhow::Result<Verdict> {
    if args.json {
        let (recipe, convert) = (&loaded.recipe.name, report.json());
        print_json(&json!({ "schema": 1, "recipe": recipe, "convert": convert, "held": false }))?;
    } else {
        print(report.text())?;
        for shortfall in &report.converted.shortfalls {
            print(format!("\n{}", shortfall.text()))?;
        }
    }
    Ok(Verdict::Fail)
}

/// The recipe as options of `mote convert`, so that there is one meaning of each.
fn convert_args(loaded: &Loaded, data: Option<&Path>, output: &Path) -> anyhow::Result<convert::Args> {
    let recipe = &loaded.recipe;
    let data = data.unwrap_or(&loaded.folder);
    let Some(checkpoint) = &recipe.checkpoint else {
        let hint = "train its layers with `mote train`, which converts them too";
        return Err(Hinted::new("the recipe has no `checkpoint`", hint).into());
    };
    if recipe.evaluate.is_none() {
        let hint = "add [evaluate] with labelled data, or use `mote convert`";
        return Err(Hinted::new("the recipe has no data to measure accuracy on", hint).into());
    }
    let (calibrate, samples) = calibration(recipe)?;
    conversion(loaded, data, &loaded.folder.join(checkpoint), calibrate, samples, output)
}

/// What ranges are chosen from, and from how many samples.
pub(super) fn calibration(recipe: &Recipe) -> anyhow::Result<(&Path, Option<usize>)> {
    match (&recipe.calibrate, &recipe.train) {
        (Some(calibrate), _) => Ok((&calibrate.path, calibrate.samples)),
        (None, Some(training)) => Ok((&training.data.path, Some(DEFAULT_CALIBRATION))),
        (None, None) => Err(Hinted::new("the recipe has no data to calibrate on", "add [calibrate]").into()),
    }
}

/// Samples for calibration, if a recipe does not say.
const DEFAULT_CALIBRATION: usize = 256;

/// Refuses data that are not there.
pub(super) fn must_exist(loaded: &Loaded, path: &Path) -> anyhow::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let what = format!("the recipe's data `{}` are not there", path.display());
    let hint = format!(
        "give their folder with --data DIR; `{}` says what they are",
        loaded.folder.join("README.md").display()
    );
    Err(Hinted::new(what, &hint).into())
}

/// The options of `mote convert` for this recipe and the network in `network`.
pub(super) fn conversion(
    loaded: &Loaded,
    data: &Path,
    network: &Path,
    calibrate: &Path,
    samples: Option<usize>,
    output: &Path,
) -> anyhow::Result<convert::Args> {
    let recipe = &loaded.recipe;
    let evaluate = recipe.evaluate.as_ref();
    for path in std::iter::once(calibrate).chain(evaluate.map(|e| e.path.as_path())).map(|path| data.join(path)) {
        must_exist(loaded, &path)?;
    }
    let mut words: Vec<OsString> = ["mote", "convert"].map(Into::into).into();
    words.push(network.into());
    let mut option = |name: &str, value: OsString| words.extend([OsString::from(name), value]);
    option("--calibrate", data.join(calibrate).into());
    if let Some(evaluate) = evaluate {
        option("--eval", data.join(&evaluate.path).into());
    }
    option("--output", output.into());
    option("--name", (&recipe.name).into());
    option("--normalize", (&recipe.normalize).into());
    if let Some(method) = &recipe.method {
        option("--method", method.into());
    }
    let budget = &recipe.budget;
    for (name, value) in [("--ram", &budget.ram), ("--flash", &budget.flash), ("--target", &budget.target)] {
        if let Some(value) = value {
            option(name, value.into());
        }
    }
    if let Some(file) = &recipe.labels_file {
        option("--labels-file", loaded.folder.join(file).into());
    }
    if let Some(file) = evaluate.and_then(|e| e.labels.as_ref()) {
        option("--labels", data.join(file).into());
    }
    if let Some(n) = samples {
        option("--samples", n.to_string().into());
    }
    if let Some(n) = evaluate.and_then(|e| e.samples) {
        option("--eval-limit", n.to_string().into());
    }
    let cli = Cli::try_parse_from(words).map_err(|e| anyhow::anyhow!("{}", e.render().to_string().trim_end()));
    match cli.context("the recipe holds a value that `mote convert` refuses")?.command {
        Command::Convert(args) => Ok(args),
        other => anyhow::bail!("the recipe turned into {other:?}"),
    }
}

fn figures(converted: &Converted, output: &Path) -> anyhow::Result<Expected> {
    let top1 = |confusion: &Option<crate::validate::accuracy::Confusion>| {
        // Two digits are what people compare; more would make `expected.toml` depend on the sum of the test set.
        confusion.as_ref().map(|c| (c.top1() * 1e4).round() / 1e2)
    };
    let evaluation = converted.evaluation.as_ref().map(|(_, e)| e);
    let accuracies = evaluation.and_then(|e| top1(&e.float).zip(top1(&e.stored)));
    let (float_accuracy, int8_accuracy) = accuracies.context("the recipe's `evaluate` data have no labels")?;
    let summary = &converted.summary;
    let written = std::fs::read(output).with_context(|| format!("cannot read back `{}`", output.display()))?;
    let hash: String = Sha256::digest(&written).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Expected {
        float_accuracy,
        int8_accuracy,
        file_bytes: summary.file_bytes,
        arena_bytes: summary.arena_bytes,
        file_sha256: Some(hash),
    })
}

fn comparison(expected: Option<&Expected>, measured: &Expected, misses: &[Miss]) -> Table {
    let mut table = Table::new(&["figure", ">measured", ">expected", ""]);
    let mut row = |figure: &str, measured: String, expected: Option<String>| {
        let missed = misses.iter().any(|m| m.figure == figure);
        let verdict = match (&expected, missed) {
            (None, _) => "nothing expected yet",
            (_, true) => "MISSED",
            _ => "held",
        };
        table.row(&[figure, &measured, &expected.unwrap_or_else(|| "-".into()), verdict]);
    };
    let percent = |v: f64| format!("{v:.2} %");
    row("float accuracy", percent(measured.float_accuracy), expected.map(|e| percent(e.float_accuracy)));
    row("int8 accuracy", percent(measured.int8_accuracy), expected.map(|e| percent(e.int8_accuracy)));
    row("file bytes", measured.file_bytes.to_string(), expected.map(|e| e.file_bytes.to_string()));
    row("arena bytes", measured.arena_bytes.to_string(), expected.map(|e| e.arena_bytes.to_string()));
    let short = |e: &Expected| e.file_sha256.as_ref().map(|hash| hash.chars().take(16).collect::<String>());
    row("file SHA-256", short(measured).unwrap_or_default(), expected.and_then(short));
    table
}

fn accept(loaded: &Loaded, measured: &Expected) -> anyhow::Result<()> {
    let head = "# Written by `mote build --accept`; `mote build` fails when a figure gets worse than this, or the file has other bytes.\n";
    let text = head.to_string() + &toml::to_string(measured)?;
    let path = loaded.folder.join("expected.toml");
    write_whole(&path, text.as_bytes())
}
