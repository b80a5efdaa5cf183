//! `mote eval`: accuracy of a model file, beside that of the float network.

use super::data_args::DataArgs;
use super::model_file::{ModelFile, float_network, parse_input_shape};
use super::out::print_json;
use super::table::{Table, count, facts, percent, real};
use super::{Hinted, Progress, Verdict, print};
use crate::data::{self, InputSpec};
use crate::import::ImportOptions;
use crate::validate::accuracy::{Confusion, class_count, share};
use crate::validate::evaluate::{Evaluation, run_float, run_stored};
use serde_json::json;
use std::path::PathBuf;

/// Measure a model file on labelled data: top-1, confusion matrix, and the float network beside it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mote eval net.mote --data test.csv
  mote eval net.mote --data images.npy --labels labels.npy --float model.onnx
  mote eval net.mote --data test/ --float model.onnx --max-drop 0.5     exit 1 if int8 loses more than 0.5 points
  mote eval net.mote --data windows.npy --float model.onnx              no labels: agreement and output error")]
pub(super) struct Args {
    /// A .mote file.
    file: PathBuf,
    /// A .npy, .npz, .csv or IDX file, or a folder of pictures with one sub-folder per class.
    #[arg(long, value_name = "DATA")]
    data: PathBuf,
    /// The float network to put beside it.
    #[arg(long, value_name = "MODEL")]
    float: Option<PathBuf>,
    /// Shapes of inputs that the float network leaves open.
    #[arg(long, value_name = "NAME=SIZES", value_parser = parse_input_shape, requires = "float")]
    input_shape: Vec<(String, Vec<usize>)>,
    /// Fail if int8 is more than this many percentage points below float.
    #[arg(long, value_name = "POINTS", requires = "float", allow_negative_numbers = true)]
    max_drop: Option<f64>,
    /// Fail if the model file's accuracy is below this percentage.
    #[arg(long, value_name = "PERCENT")]
    min_accuracy: Option<f64>,
    /// One JSON object instead of tables.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reading: DataArgs,
}

/// Up to this many classes the whole confusion matrix is printed.
const MAX_MATRIX: usize = 16;

pub(super) fn run(args: Args, progress: &Progress) -> anyhow::Result<Verdict> {
    let model = ModelFile::open(&args.file)?;
    let options =
        args.reading.options_with_record(&model.summary.provenance.normalization, model.labels(), progress)?;
    let float = args.float.as_deref().map(|path| {
        let import = ImportOptions { input_shapes: args.input_shape.iter().cloned().collect(), ..Default::default() };
        let graph = float_network(path, &import, progress)?;
        model.check_same_inputs(&graph, path).map(|()| graph)
    });
    let float = float.transpose()?;
    let inputs = float.as_ref().map_or_else(|| model.inputs.clone(), InputSpec::of_graph);
    let data = data::load(&args.data, &inputs, &options)?;
    let scores: usize = model.outputs()?.first().map_or(0, |o| o.shape.iter().product());
    let must_have_labels = float.is_none() || args.max_drop.is_some() || args.min_accuracy.is_some();
    let labels = match &data.labels {
        None if !must_have_labels => None,
        _ => Some(data.check_labels(class_count(scores))?),
    };
    let bar = progress.bar(data.len(), "int8");
    let stored = run_stored(&model.session, &data.samples, &|| bar.step())?;
    drop(bar);
    let float_outputs = float.as_ref().map(|graph| {
        let bar = progress.bar(data.len(), "float");
        run_float(graph, &data.samples, &mut |done| bar.set(done))
    });
    let evaluation = Evaluation::of(labels, &stored, float_outputs.transpose()?.as_ref());
    let verdict = verdict(&args, &evaluation)?;
    if args.json {
        print_json(&json_of(&evaluation, &data.origin, verdict.as_deref()))?;
    } else {
        let names = if model.labels().is_empty() { &data.class_names } else { model.labels() };
        print(text(&evaluation, &data.origin, names))?;
        if let Some(why) = &verdict {
            print(format!("\nFAILED: {why}"))?;
        }
    }
    Ok(Verdict::of(verdict.is_none()))
}

/// What does not hold, if something does not.
fn verdict(args: &Args, e: &Evaluation) -> anyhow::Result<Option<String>> {
    let not_a_number = |v: &&f64| v.is_nan();
    if args.max_drop.iter().chain(&args.min_accuracy).find(not_a_number).is_some() {
        return Err(Hinted::new("a limit is not a number", "give points as in --max-drop 0.5").into());
    }
    let stored = e.stored.as_ref().map_or(0.0, Confusion::top1) * 100.0;
    if let (Some(limit), Some(drop)) = (args.max_drop, e.drop_points())
        && drop > limit
    {
        return Ok(Some(format!("int8 is {drop:.2} points below float, {limit} are allowed")));
    }
    match args.min_accuracy {
        Some(limit) if stored < limit => Ok(Some(format!("accuracy is {stored:.2} %, {limit} % are required"))),
        _ => Ok(None),
    }
}

fn json_of(e: &Evaluation, origin: &str, failed: Option<&str>) -> serde_json::Value {
    let side = |c: &Option<Confusion>, auc: &Option<Vec<Option<f64>>>| {
        c.as_ref().map(|c| {
            json!({
                "top1": c.top1(),
                "correct": c.correct(),
                "confusion": c.counts,
                "classes": c.metrics(),
                "macro": c.macro_metrics(),
                "roc_auc": auc,
                "macro_roc_auc": auc.as_deref().and_then(mean_auc),
            })
        })
    };
    json!({
        "schema": 1,
        "data": origin,
        "samples": e.samples,
        "classes": e.classes,
        "int8": side(&e.stored, &e.stored_auc),
        "float": side(&e.float, &e.float_auc),
        "agreement": e.agreement,
        "drop_points": e.drop_points(),
        "output_error": e.output_error,
        "held": failed.is_none(),
        "failed": failed,
    })
}

fn text(e: &Evaluation, origin: &str, names: &[String]) -> String {
    let mut lines = vec![("data", origin.to_string())];
    if let Some(float) = &e.float {
        lines.push(("float", accuracy(float)));
    }
    if let Some(stored) = &e.stored {
        let drop = e.drop_points().map_or_else(String::new, |d| format!(", {:+.2} points", 0.0 - d));
        lines.push(("int8", accuracy(stored) + &drop));
    }
    let sides = [("float means", &e.float, &e.float_auc), ("int8 means", &e.stored, &e.stored_auc)];
    for (name, confusion, auc) in sides {
        if let Some(confusion) = confusion {
            lines.push((name, means(confusion, auc.as_deref())));
        }
    }
    if let Some(agreement) = e.agreement {
        lines.push(("agreement", format!("{} of samples get the same class", percent(agreement))));
    }
    if let Some(error) = &e.output_error {
        let text = format!("{:.1} dB SQNR, at most {} off", error.sqnr_db, real(error.max_abs));
        lines.push(("first output", text));
    }
    let name = |c: usize| names.get(c).cloned().unwrap_or_else(|| c.to_string());
    let mut parts = vec![facts(&lines)];
    if let Some(stored) = &e.stored {
        parts.push(classes(stored, e.float.as_ref(), e.stored_auc.as_deref(), &name).to_string());
        if e.classes <= MAX_MATRIX {
            parts.push(format!("Confusion, int8 (rows are labels, columns predictions)\n{}", matrix(stored, &name)));
            if let Some(float) = &e.float {
                parts.push(format!("Confusion, float\n{}", matrix(float, &name)));
            }
        } else {
            parts.push(format!("Commonest mistakes, int8\n{}", mistakes(stored, &name)));
        }
    }
    parts.join("\n\n")
}

fn accuracy(c: &Confusion) -> String {
    format!("{} top-1 ({} of {})", percent(c.top1()), count(c.correct()), count(c.samples()))
}

/// Means over the classes that have samples.
fn means(c: &Confusion, auc: Option<&[Option<f64>]>) -> String {
    let m = c.macro_metrics();
    let auc = auc.and_then(mean_auc).map_or_else(String::new, |auc| format!(", ROC AUC {auc:.4}"));
    format!("precision {}, recall {}, F1 {:.4}{auc}", percent(m.precision), percent(m.recall), m.f1)
}

/// Mean over the classes that have one.
fn mean_auc(auc: &[Option<f64>]) -> Option<f64> {
    let known: Vec<f64> = auc.iter().flatten().copied().collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}

/// One line per class that has samples; the shares under `int8` and `float` are recall.
fn classes(
    stored: &Confusion,
    float: Option<&Confusion>,
    auc: Option<&[Option<f64>]>,
    name: &dyn Fn(usize) -> String,
) -> Table {
    let mut headings = vec!["class", ">samples"];
    if float.is_some() {
        headings.push(">float");
    }
    headings.extend([">int8", ">precision", ">F1", ">ROC AUC"]);
    let metrics = stored.metrics();
    let mut table = Table::new(&headings);
    for (class, metrics) in metrics.iter().enumerate() {
        let (samples, correct) = stored.class(class);
        if samples == 0 {
            continue;
        }
        let mut cells = vec![name(class), count(samples)];
        if let Some(float) = float {
            cells.push(percent(share(float.class(class).1, samples)));
        }
        cells.push(percent(share(correct, samples)));
        cells.push(percent(metrics.precision));
        cells.push(format!("{:.4}", metrics.f1));
        let auc = auc.and_then(|auc| auc.get(class).copied().flatten());
        cells.push(auc.map_or_else(|| "-".into(), |auc| format!("{auc:.4}")));
        table.row(&cells);
    }
    table
}

fn matrix(c: &Confusion, name: &dyn Fn(usize) -> String) -> Table {
    let columns: Vec<String> = (0..c.counts.len()).map(|i| format!(">{}", name(i))).collect();
    let headings: Vec<&str> = std::iter::once("").chain(columns.iter().map(String::as_str)).collect();
    let mut table = Table::new(&headings);
    for (label, row) in c.counts.iter().enumerate() {
        let cell = |&n: &u64| if n == 0 { "·".to_string() } else { count(n) };
        table.row(&std::iter::once(name(label)).chain(row.iter().map(cell)).collect::<Vec<_>>());
    }
    table
}

fn mistakes(c: &Confusion, name: &dyn Fn(usize) -> String) -> Table {
    let mut table = Table::new(&["label", "taken for", ">times"]);
    for (label, prediction, n) in c.mistakes().into_iter().take(10) {
        table.row(&[name(label), name(prediction), count(n)]);
    }
    table
}
