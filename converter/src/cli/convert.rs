//! `mote convert`: a trained network in, a `.mote` file out.

use super::budget::Shortfall;
use super::check::ops_table;
pub(super) use super::convert_args::Args;
use super::convert_args::{Emit, Precision, cannot_convert, import_options, options};
use super::convert_report::Report;
use super::model_file::read;
use super::out::print_json;
use super::progress::Bar;
use super::whole_file::{folder_of, write_whole};
use super::{Hinted, Progress, Verdict, print};
use crate::data::{self, Dataset, InputSpec, LoadOptions};
use crate::emit::{crate_name, emit, rust_crate};
use crate::import;
use crate::inspect::Summary;
use crate::ir::Graph;
use crate::validate::Session;
use crate::validate::accuracy::class_count;
use crate::validate::evaluate::{Evaluation, run_float, run_stored};
use crate::{BuildOptions, Built, Event, bench, build, passes};
use anyhow::Context;
use std::path::Path;

/// A network converted and written.
pub(super) struct Converted {
    pub built: Built,
    pub summary: Summary,
    /// Where the labelled data came from, and what they gave.
    pub evaluation: Option<(String, Evaluation)>,
    /// Budgets that are not met. If there are any, nothing was written.
    pub shortfalls: Vec<Shortfall>,
}

pub(super) fn run(args: Args, progress: &Progress) -> anyhow::Result<Verdict> {
    let converted = convert(&args, progress)?;
    let report = Report { output: &args.output, converted: &converted, method: args.method };
    if args.json {
        print_json(&report.json())?;
    } else {
        print(report.text())?;
        print(format!("\n{}", ops_table(&converted.summary)))?;
        for shortfall in &converted.shortfalls {
            print(format!("\n{}", shortfall.text()))?;
        }
    }
    Ok(Verdict::of(converted.shortfalls.is_empty()))
}

/// Everything but the printing.
pub(super) fn convert(args: &Args, progress: &Progress) -> anyhow::Result<Converted> {
    let setup = Setup::new(args)?;
    let built = build_with_progress(args, &setup, progress)?;
    finish(args, &setup, built, None, progress)
}

/// What the options say, before the work starts.
pub(super) struct Setup {
    pub source: Vec<u8>,
    labels: Vec<String>,
    pub reading: LoadOptions,
    pub options: BuildOptions,
}

impl Setup {
    pub fn new(args: &Args) -> anyhow::Result<Self> {
        let source = read(&args.model)?;
        check_usage(args)?;
        check_calibration(args, &source)?;
        let labels = args.labels_file.as_deref().map(data::load_text_lines).transpose()?.unwrap_or_default();
        let reading = LoadOptions { labels: None, ..args.data.options(&labels)? };
        let options = options(args, &source, &labels, &reading)?;
        Ok(Self { source, labels, reading, options })
    }
}

/// Names, evaluation (unless `evaluated` has it) and budgets; then the file.
pub(super) fn finish(
    args: &Args,
    setup: &Setup,
    mut built: Built,
    evaluated: Option<(String, Evaluation)>,
    progress: &Progress,
) -> anyhow::Result<Converted> {
    name(args, &mut built);
    check_class_names(args, &setup.labels, &built.graph)?;
    built.emitted = emit(&built.plan, &built.emit)?;
    let evaluation = match (evaluated, &args.eval) {
        (None, Some(path)) => Some(evaluate(args, path, &setup.reading, &built, progress)?),
        (evaluated, _) => evaluated,
    };
    if let (Some((_, e)), Some(meta)) = (&evaluation, &mut built.emit.meta) {
        let ppm = |c: &crate::validate::accuracy::Confusion| (c.top1() * 1e6).round() as u32;
        meta.accuracy_ppm = e.float.as_ref().map(ppm).zip(e.stored.as_ref().map(ppm));
        built.emitted = emit(&built.plan, &built.emit)?;
    }
    let target = setup.options.plan.target;
    let summary = Summary::for_target(&built.emitted.bytes, target).context("the new file cannot be read back")?;
    let shortfalls = args.budget.shortfalls(&built, &summary);
    if shortfalls.is_empty() {
        match args.emit {
            Emit::Mote => write_whole(&args.output, &built.emitted.bytes)?,
            Emit::Rust => write_crate(&args.output, &built.emitted.bytes)?,
        }
    }
    Ok(Converted { built, summary, evaluation, shortfalls })
}

/// Writes the model as a crate into `folder`.
fn write_crate(folder: &Path, blob: &[u8]) -> anyhow::Result<()> {
    // Beside the firmware lies the runtime, if there is a source tree.
    let runtime = bench::firmware_folder().ok().and_then(|folder| folder.join("../runtime").canonicalize().ok());
    let files = rust_crate(blob, &crate_name(folder), runtime.as_deref())?;
    let sources = folder.join("src");
    std::fs::create_dir_all(&sources).with_context(|| format!("cannot make `{}`", sources.display()))?;
    files.iter().try_for_each(|(path, bytes)| write_whole(&folder.join(path), bytes))
}

/// What clap cannot check, before the work starts.
fn check_usage(args: &Args) -> anyhow::Result<()> {
    let fail = |what: String, hint: &str| Err(Hinted::new(what, hint).into());
    if args.samples == 0 {
        return fail("--samples 0 leaves nothing to calibrate on".into(), "give 1 or more");
    }
    if args.emit == Emit::Rust && args.output.is_file() {
        let what = format!("`{}` is a file", args.output.display());
        return fail(what, "name a folder for the crate, as in -o net/");
    }
    if args.emit == Emit::Mote && args.output.is_dir() {
        let what = format!("`{}` is a folder", args.output.display());
        return fail(what, "name the file to write, as in -o net.mote, or write a crate with --emit rust");
    }
    let folder = folder_of(&args.output);
    if !folder.is_dir() {
        return fail(format!("there is no folder `{}`", folder.display()), "make it first");
    }
    let same = |a: &Path, b: &Path| a.canonicalize().ok().zip(b.canonicalize().ok()).is_some_and(|(a, b)| a == b);
    if same(&args.model, &args.output) {
        return fail("the output would overwrite the network".into(), "name another file with -o");
    }
    if let Some(option) = args.improve.asked().filter(|_| args.precision != Precision::Int8) {
        let what = format!("{option} is about quantization, --precision keeps the network in float");
        return fail(what, "leave one of the two out");
    }
    if args.improve.adaround.is_some_and(|k| k > 0) && args.compress.palette().is_some() {
        let what = "--palette chooses the values of weights anew after --adaround rounded them".into();
        return fail(what, "leave one of the two out");
    }
    if let Some(pass) = &args.dump_after {
        let names: Vec<&str> = ["import", "all"].into_iter().chain(passes::DEFAULT.iter().map(|p| p.name())).collect();
        if !names.contains(&pass.as_str()) {
            return fail(format!("there is no pass `{pass}`"), &format!("the passes are {}", names.join(", ")));
        }
    }
    Ok(())
}

/// A float network needs data, one that came quantized does not.
fn check_calibration(args: &Args, source: &[u8]) -> anyhow::Result<()> {
    if args.calibrate.is_some() || args.precision != Precision::Int8 {
        return Ok(());
    }
    let imported = import::import(source, &import_options(args)).with_context(|| cannot_convert(args))?;
    if imported.network.is_quantized() {
        return Ok(());
    }
    let hint = "add --calibrate DATA with typical inputs, or keep the network in float with --precision f32";
    Err(Hinted::new("int8 needs data to choose its scales from", hint).into())
}

/// Loads the calibration data for the graph's inputs.
pub(super) fn calibration(
    args: &Args,
    graph: &Graph,
    reading: &LoadOptions,
    progress: &Progress,
) -> Result<Dataset, data::DataError> {
    let inputs = InputSpec::of_graph(graph);
    let Some(path) = &args.calibrate else { return Ok(Dataset::default()) };
    if path.as_os_str() == "random" && !path.exists() {
        progress.warn("calibrated on noise: sizes and speed will be right, results will not");
        return Ok(Dataset::random(&inputs, args.samples.min(16)));
    }
    let mut data = data::load(path, &inputs, reading)?;
    data.keep_spread(args.samples);
    Ok(data)
}

fn build_with_progress(args: &Args, setup: &Setup, progress: &Progress) -> anyhow::Result<Built> {
    let mut events = Events::new(args, progress);
    let mut data = |graph: &Graph| calibration(args, graph, &setup.reading, progress);
    build(&setup.source, &setup.options, &mut data, &mut |event| events.show(event))
        .with_context(|| cannot_convert(args))
}

/// Shows what happens while a network is built.
pub(super) struct Events<'a> {
    args: &'a Args,
    progress: &'a Progress,
    bar: Option<(&'static str, Bar)>,
}

impl<'a> Events<'a> {
    pub fn new(args: &'a Args, progress: &'a Progress) -> Self {
        Self { args, progress, bar: None }
    }

    fn dump(&self, name: &str, graph: &Graph) {
        if self.args.dump_after.as_deref().is_some_and(|wanted| wanted == name || wanted == "all") {
            self.progress.text(&format!("--- after {name}\n{graph}"));
        }
    }

    fn set(&mut self, what: &'static str, done: usize, total: usize) {
        if self.bar.as_ref().is_none_or(|bar| bar.0 != what) {
            self.bar = Some((what, self.progress.bar(total, what)));
        }
        if let Some((_, bar)) = &self.bar {
            bar.set(done);
        }
        if done >= total {
            self.bar = None;
        }
    }

    pub fn show(&mut self, event: Event) {
        let progress = self.progress;
        match event {
            Event::Imported(imported) => {
                imported.info.warnings.iter().for_each(|w| progress.warn(w));
                self.dump("import", imported.network.graph());
            }
            Event::Pass { name, graph } => self.dump(name, graph),
            Event::FloatIslands(nodes) => {
                let (first, count) = (nodes.first().map_or("", String::as_str), nodes.len());
                progress.warn(format!(
                    "{count} nodes compute in float32, the first is `{first}`: the file does not quantize all their operands and results"
                ));
            }
            Event::CrossChecked(check) => {
                if let Some(why) = &check.not_checked {
                    progress.warn(format!("not compared with tract: {why}"));
                }
            }
            Event::Calibrating { done, total } => self.set("calibrating", done, total),
            Event::Watching { done, total } => self.set("watching inputs", done, total),
            _ => {}
        }
    }
}

/// Exporters name every graph alike; the file's name says more.
fn name(args: &Args, built: &mut Built) {
    let graph = &mut built.plan.quant.graph;
    let generic =
        matches!(graph.name.as_str(), "" | "main_graph" | "torch_jit" | "torch-jit-export" | "tf2onnx" | "main");
    let stem = || args.model.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    if let Some(name) = args.name.clone().or_else(|| generic.then(stem)) {
        graph.name = name;
    }
}

/// As many names as the first output has scores.
fn check_class_names(args: &Args, labels: &[String], graph: &Graph) -> anyhow::Result<()> {
    let (Some(file), Some(output)) = (&args.labels_file, graph.outputs.first()) else { return Ok(()) };
    let classes = class_count(output.source_shape.iter().product());
    if labels.len() == classes {
        return Ok(());
    }
    let what = format!("`{}` names {} classes, output `{}` has {classes}", file.display(), labels.len(), output.name);
    Err(Hinted::new(what, "give one name per line, in the order of the scores").into())
}

/// Float and stored model on labelled data.
fn evaluate(
    args: &Args,
    path: &Path,
    reading: &LoadOptions,
    built: &Built,
    progress: &Progress,
) -> anyhow::Result<(String, Evaluation)> {
    let reading = LoadOptions {
        labels: args.data.labels.clone(),
        skip: args.eval_skip,
        limit: args.eval_limit,
        ..reading.clone()
    };
    if overlaps(args, path) {
        progress.warn("accuracy is measured on samples that calibration saw as well: use --limit and --eval-skip");
    }
    let data = data::load(path, &InputSpec::of_graph(&built.graph), &reading)?;
    let scores = built.graph.outputs.first().map_or(0, |o| o.source_shape.iter().skip(1).product());
    let labels = data.check_labels(class_count(scores))?;
    let session = Session::load(built.emitted.bytes.clone())?;
    let bar = progress.bar(data.len(), "evaluating int8");
    let stored = run_stored(&session, &data.samples, &|| bar.step())?;
    drop(bar);
    let bar = progress.bar(data.len(), "evaluating float");
    let float = run_float(&built.graph, &data.samples, &mut |done| bar.set(done))?;
    drop(bar);
    Ok((data.origin.clone(), Evaluation::of(Some(labels), &stored, Some(&float))))
}

/// True if `--calibrate` and `--eval` name the same data and the chosen parts have samples in common.
pub(super) fn overlaps(args: &Args, eval: &Path) -> bool {
    let same = args.calibrate.as_deref() == Some(eval);
    let end = |skip: usize, limit: Option<usize>| skip.saturating_add(limit.unwrap_or(usize::MAX));
    let (a, b) = (&args.data, (args.eval_skip, args.eval_limit));
    same && a.skip < end(b.0, b.1) && b.0 < end(a.skip, a.limit)
}
