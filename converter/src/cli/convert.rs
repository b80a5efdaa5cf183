//! `mote convert`: a trained network in, a `.mote` file out.

use super::check::ops_table;
use super::convert_report::Report;
use super::data_args::DataArgs;
use super::model_file::{parse_input_shape, read};
use super::out::print_json;
use super::progress::Bar;
use super::whole_file::{folder_of, write_whole};
use super::{Hinted, Progress, Verdict, print};
use crate::data::{self, Dataset, InputSpec, LoadOptions};
use crate::emit::{EmitOptions, MetaOptions, emit};
use crate::import::onnx::{self, ImportOptions};
use crate::inspect::Summary;
use crate::ir::{DType, Graph, Port};
use crate::plan::PortLayout;
use crate::quantize::{CalibrateOptions, Method, PortType, QuantizeOptions};
use crate::validate::Session;
use crate::validate::accuracy::class_count;
use crate::validate::evaluate::{Evaluation, run_float, run_stored};
use crate::{BuildOptions, Built, Event, build, passes};
use anyhow::Context;
use std::path::{Path, PathBuf};

/// Convert a trained network to a model file: import, optimise, calibrate, quantize, plan memory, write.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mote convert model.onnx --calibrate train.csv --scale 1/16 -o net.mote
  mote convert model.onnx --calibrate images.npy --normalize unit --data-layout nhwc -o net.mote
  mote convert model.onnx --calibrate train/ --normalize imagenet --resize --eval test/ -o net.mote
  mote convert model.onnx --calibrate x.npy --method percentile:99.99 --keep-float '/head/*' -o net.mote
  mote convert model.onnx --precision f16 -o net.mote          float kernels, half-size weights, no calibration

Calibrate on a hundred or more typical samples, other than those that accuracy is measured on: --skip and --limit
choose among the calibration data, --eval-skip and --eval-limit among those of --eval, whose labels --labels gives.
How inputs are normalised is recorded in the file, and `mote run` and `mote eval` do the same.")]
pub(super) struct Args {
    /// An .onnx network.
    model: PathBuf,
    /// Typical inputs: a .npy, .npz, .csv or IDX file, a folder of pictures, or `random` to learn sizes and speed only.
    #[arg(long, value_name = "DATA")]
    calibrate: Option<PathBuf>,
    /// The file to write.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// How ranges are chosen: mse, minmax, percentile:P, entropy.
    #[arg(long, value_name = "METHOD", default_value = "mse", value_parser = parse_method)]
    method: Method,
    /// Calibrate on N samples, spread evenly over the data.
    #[arg(long, value_name = "N", default_value_t = 256)]
    samples: usize,
    /// int8; or f32 or f16 to keep the arithmetic float (weights of 4 or 2 bytes).
    #[arg(long, value_name = "PRECISION", value_enum, default_value = "int8")]
    precision: Precision,
    /// Element type of inputs and outputs in the arena.
    #[arg(long, value_name = "TYPE", value_enum, default_value = "int8")]
    io_dtype: IoType,
    /// Order of inputs and outputs in the arena; tools take the network's own order in any case.
    #[arg(long, value_name = "LAYOUT", value_enum, default_value = "nhwc")]
    io_layout: IoLayout,
    /// Keep nodes of this name in float; `*` matches anything. May be given several times.
    #[arg(long, value_name = "PATTERN")]
    keep_float: Vec<String>,
    /// Shapes of inputs that the network leaves open.
    #[arg(long, value_name = "NAME=SIZES", value_parser = parse_input_shape)]
    input_shape: Vec<(String, Vec<usize>)>,
    /// Names of the classes, one per line; stored in the file.
    #[arg(long, visible_alias = "class-names", value_name = "FILE")]
    labels_file: Option<PathBuf>,
    /// Labelled data, other than the calibration data: measure accuracy, float and int8, and store it in the file.
    #[arg(long, value_name = "DATA")]
    eval: Option<PathBuf>,
    /// As --skip, for --eval.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "eval")]
    eval_skip: usize,
    /// As --limit, for --eval.
    #[arg(long, value_name = "N", requires = "eval")]
    eval_limit: Option<usize>,
    /// Store N samples with their outputs in the file, for the device to test itself.
    #[arg(long, value_name = "N", default_value_t = 2)]
    self_test: usize,
    /// Name of the network [default: that in the file, else the file's name].
    #[arg(long)]
    name: Option<String>,
    /// Number of this model for refusing downgrades on the device.
    #[arg(long, value_name = "N", default_value_t = 0)]
    model_version: u32,
    /// Leave out names and provenance: the smallest file.
    #[arg(long)]
    strip: bool,
    /// Convert without comparing the imported network with a second implementation (tract).
    #[arg(long)]
    no_cross_check: bool,
    /// Print the graph to stderr after this pass, each time it changed something; `import` and `all` work too.
    #[arg(long, value_name = "PASS")]
    dump_after: Option<String>,
    /// One JSON object instead of tables.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Precision {
    Int8,
    F32,
    F16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum IoType {
    /// As the source network declares them
    Source,
    /// Quantized: no conversion on the device
    Int8,
    /// Converted on the device
    F32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum IoLayout {
    /// As the source network declares them: a transpose on the device where the two differ
    Source,
    /// Channels last, as the kernels want it
    Nhwc,
}

fn parse_method(text: &str) -> Result<Method, String> {
    let wrong = || format!("`{text}` is not mse, minmax, entropy or percentile:P with P above 50, up to 100");
    match text.split_once(':') {
        None if text == "mse" => Ok(Method::Mse),
        None if text == "minmax" => Ok(Method::MinMax),
        None if text == "entropy" => Ok(Method::Entropy),
        None if text == "percentile" => Ok(Method::Percentile(99.9)),
        Some(("percentile", p)) => {
            let p: f32 = p.parse().map_err(|_| wrong())?;
            if p > 50.0 && p <= 100.0 { Ok(Method::Percentile(p)) } else { Err(wrong()) }
        }
        _ => Err(wrong()),
    }
}

pub(super) fn method_text(method: Method) -> String {
    match method {
        Method::Mse => "mse".into(),
        Method::MinMax => "minmax".into(),
        Method::Entropy => "entropy".into(),
        Method::Percentile(p) => format!("percentile:{p}"),
    }
}

/// A network converted and written.
pub(super) struct Converted {
    pub built: Built,
    pub summary: Summary,
    /// Where the labelled data came from, and what they gave.
    pub evaluation: Option<(String, Evaluation)>,
}

impl Args {
    pub fn method(&self) -> Method {
        self.method
    }
}

pub(super) fn run(args: Args, progress: &Progress) -> anyhow::Result<Verdict> {
    let converted = convert(&args, progress)?;
    let report = Report { output: &args.output, converted: &converted, method: args.method };
    if args.json {
        print_json(&report.json())?;
    } else {
        print(report.text())?;
        print(format!("\n{}", ops_table(&converted.summary)))?;
    }
    Ok(Verdict::Pass)
}

/// Everything but the printing.
pub(super) fn convert(args: &Args, progress: &Progress) -> anyhow::Result<Converted> {
    let source = read(&args.model)?;
    check_usage(args)?;
    let labels = args.labels_file.as_deref().map(data::load_text_lines).transpose()?.unwrap_or_default();
    let reading = LoadOptions { labels: None, ..args.data.options(&labels)? };
    let options = options(args, &source, &labels, &reading)?;

    let mut built = build_with_progress(args, &source, &options, &reading, progress)?;
    name(args, &mut built);
    check_class_names(args, &labels, &built.graph)?;
    built.emitted = emit(&built.plan, &built.emit)?;
    let evaluation = match &args.eval {
        Some(path) => Some(evaluate(args, path, &reading, &built, progress)?),
        None => None,
    };
    if let (Some((_, e)), Some(meta)) = (&evaluation, &mut built.emit.meta) {
        let ppm = |c: &crate::validate::accuracy::Confusion| (c.top1() * 1e6).round() as u32;
        meta.accuracy_ppm = e.float.as_ref().map(ppm).zip(e.stored.as_ref().map(ppm));
        built.emitted = emit(&built.plan, &built.emit)?;
    }
    let summary = Summary::from_blob(&built.emitted.bytes).context("the new file cannot be read back")?;
    write_whole(&args.output, &built.emitted.bytes)?;
    Ok(Converted { built, summary, evaluation })
}

/// What clap cannot check, before the work starts.
fn check_usage(args: &Args) -> anyhow::Result<()> {
    let fail = |what: String, hint: &str| Err(Hinted::new(what, hint).into());
    if args.calibrate.is_none() && args.precision == Precision::Int8 {
        let hint = "add --calibrate DATA with typical inputs, or keep the network in float with --precision f32";
        return fail("int8 needs data to choose its scales from".into(), hint);
    }
    if args.samples == 0 {
        return fail("--samples 0 leaves nothing to calibrate on".into(), "give 1 or more");
    }
    if args.output.is_dir() {
        let what = format!("`{}` is a folder", args.output.display());
        return fail(what, "name the file to write, as in -o net.mote");
    }
    let folder = folder_of(&args.output);
    if !folder.is_dir() {
        return fail(format!("there is no folder `{}`", folder.display()), "make it first");
    }
    let same = |a: &Path, b: &Path| a.canonicalize().ok().zip(b.canonicalize().ok()).is_some_and(|(a, b)| a == b);
    if same(&args.model, &args.output) {
        return fail("the output would overwrite the network".into(), "name another file with -o");
    }
    if let Some(pass) = &args.dump_after {
        let names: Vec<&str> = ["import", "all"].into_iter().chain(passes::DEFAULT.iter().map(|p| p.name())).collect();
        if !names.contains(&pass.as_str()) {
            return fail(format!("there is no pass `{pass}`"), &format!("the passes are {}", names.join(", ")));
        }
    }
    Ok(())
}

fn options(args: &Args, source: &[u8], labels: &[String], reading: &LoadOptions) -> anyhow::Result<BuildOptions> {
    let import = ImportOptions { input_shapes: args.input_shape.iter().cloned().collect(), ..Default::default() };
    let (inputs, outputs) = port_types(args, source, &import)?;
    let float = args.precision != Precision::Int8;
    let meta = MetaOptions {
        labels: labels.to_vec(),
        normalization: reading.normalization.to_string(),
        ..MetaOptions::default()
    };
    Ok(BuildOptions {
        import,
        cross_check: !args.no_cross_check,
        keep_float: float,
        calibrate: CalibrateOptions { method: args.method },
        quantize: QuantizeOptions {
            inputs,
            outputs,
            float_nodes: args.keep_float.clone(),
            ..QuantizeOptions::default()
        },
        layout: match args.io_layout {
            IoLayout::Source => PortLayout::Source,
            IoLayout::Nhwc => PortLayout::Stored,
        },
        emit: EmitOptions {
            model_version: args.model_version,
            half_weights: args.precision == Precision::F16,
            meta: (!args.strip).then_some(meta),
            ..EmitOptions::default()
        },
        self_test_vectors: args.self_test,
    })
}

/// Types of the inputs and of the outputs in the arena. Integers of the source are int8 there.
fn port_types(args: &Args, source: &[u8], import: &ImportOptions) -> anyhow::Result<(PortType, PortType)> {
    match args.io_dtype {
        IoType::Int8 => Ok((PortType::I8, PortType::I8)),
        IoType::F32 => Ok((PortType::F32, PortType::F32)),
        IoType::Source => {
            let graph = onnx::import(source, import).with_context(|| cannot_convert(args))?.graph;
            let of = |ports: &[Port]| {
                let float = |p: &Port| matches!(p.source_dtype, DType::F32 | DType::F16);
                if ports.iter().any(float) { PortType::F32 } else { PortType::I8 }
            };
            Ok((of(&graph.inputs), of(&graph.outputs)))
        }
    }
}

fn cannot_convert(args: &Args) -> String {
    format!("cannot convert `{}`", args.model.display())
}

/// Loads the calibration data for the graph's inputs.
fn calibration(
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

fn build_with_progress(
    args: &Args,
    source: &[u8],
    options: &BuildOptions,
    reading: &LoadOptions,
    progress: &Progress,
) -> anyhow::Result<Built> {
    let mut bar: Option<Bar> = None;
    let dump = |name: &str, graph: &Graph| {
        if args.dump_after.as_deref().is_some_and(|wanted| wanted == name || wanted == "all") {
            progress.text(&format!("--- after {name}\n{graph}"));
        }
    };
    let mut events = |event: Event| match event {
        Event::Imported(imported) => {
            imported.warnings.iter().for_each(|w| progress.warn(w));
            dump("import", &imported.graph);
        }
        Event::Pass { name, graph } => dump(name, graph),
        Event::CrossChecked(check) => {
            if let Some(why) = &check.not_checked {
                progress.warn(format!("not compared with tract: {why}"));
            }
        }
        Event::Calibrating { done, total } => bar.get_or_insert_with(|| progress.bar(total, "calibrating")).set(done),
        _ => {}
    };
    let mut data = |graph: &Graph| calibration(args, graph, reading, progress);
    build(source, options, &mut data, &mut events).with_context(|| cannot_convert(args))
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
fn overlaps(args: &Args, eval: &Path) -> bool {
    let same = args.calibrate.as_deref() == Some(eval);
    let end = |skip: usize, limit: Option<usize>| skip.saturating_add(limit.unwrap_or(usize::MAX));
    let (a, b) = (&args.data, (args.eval_skip, args.eval_limit));
    same && a.skip < end(b.0, b.1) && b.0 < end(a.skip, a.limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_parse_and_print_alike() {
        for text in ["mse", "minmax", "entropy", "percentile:99.99"] {
            assert_eq!(method_text(parse_method(text).unwrap()), text);
        }
        for text in ["max", "percentile:", "percentile:10", "percentile:101", "mse:1"] {
            assert!(parse_method(text).is_err(), "{text}");
        }
    }
}
