//! `mote run`: a user's arrays through a model file.

use super::data_args::DataArgs;
use super::model_file::{ModelFile, OutputSpec};
use super::on_device::OnDevice;
use super::out::print_json;
use super::table::{Table, count, real, sizes};
use super::{Hinted, Progress, Verdict, print};
use crate::data::{self, Dataset, LoadOptions, write_npy};
use crate::ir::DType;
use crate::validate::evaluate::{Outputs, run_stored};
use serde_json::json;
use std::path::PathBuf;

/// Run a model file on arrays or pictures; the first axis of an array counts the samples.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mote run net.mote --input x.npy                          print the best classes of every sample
  mote run net.mote --input x.npy --output y.npy           arrays in, arrays out, as the source network's
  mote run net.mote --input pictures/ --resize             a folder of PNG or JPEG files
  mote run net.mote --input a=a.npy --input b=b.npy        one array per input
  mote run net.mote --input q.npy --raw --output r.npy     stored int8 values on both sides, as on the device")]
pub(super) struct Args {
    /// A .mote file.
    pub(super) file: PathBuf,
    /// Data: a .npy, .npz, .csv or IDX file or a picture folder; or NAME=FILE for each input.
    #[arg(long, short, value_name = "[NAME=]DATA", required = true)]
    input: Vec<String>,
    /// Where the outputs go: a .npy file; for several outputs NAME=FILE each.
    #[arg(long, short, value_name = "[NAME=]FILE")]
    output: Vec<String>,
    /// Inputs and outputs are what the device sees: stored type and order, nothing converted.
    #[arg(long, conflicts_with_all = ["json", "normalize", "scale", "mean", "std", "dequantize", "resize"])]
    raw: bool,
    /// How many classes to print per sample.
    #[arg(long, value_name = "K", default_value_t = 3)]
    top: usize,
    /// One JSON object instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataArgs,
}

/// Outputs with more elements than this are summed up, not listed.
pub(super) const MAX_CLASSES: usize = 4096;

pub(super) fn run(args: Args, progress: &Progress) -> anyhow::Result<Verdict> {
    let model = ModelFile::open(&args.file)?;
    run_model(&args, &model, progress, None)
}

/// Runs the samples on the host, or on a device too, which has to give the same bytes.
pub(super) fn run_model(
    args: &Args,
    model: &ModelFile,
    progress: &Progress,
    mut device: Option<&mut OnDevice>,
) -> anyhow::Result<Verdict> {
    let targets = targets(args, model)?;
    let files: Vec<_> = args.input.iter().map(|text| named(text)).collect();
    if args.raw {
        let window = LoadOptions { skip: args.data.skip, limit: args.data.limit, ..LoadOptions::default() };
        return super::run_raw::run(model, &files, &window, &targets, progress, device);
    }
    let options = args.data.options_with_record(&model.summary.provenance.normalization, model.labels(), progress)?;
    let data = data::load_each(&files, &model.inputs, &options)?;
    let bar = progress.bar(data.len(), "running");
    let outputs = match &mut device {
        None => run_stored(&model.session, &data.samples, &|| bar.step())?,
        Some(device) => device.run_all(&model.session, &data, &|| bar.step())?,
    };
    drop(bar);
    let specs = model.outputs()?;
    for (index, path) in &targets {
        if let Some(spec) = specs.get(*index) {
            let rows: Vec<Vec<f32>> = outputs.iter().map(|o| o.get(*index).cloned().unwrap_or_default()).collect();
            write_as_source(path, spec, rows)?;
            let shape = std::iter::once(outputs.len()).chain(spec.shape.iter().copied()).collect::<Vec<_>>();
            progress.note(format!("wrote {}: {:?} {}", path.display(), spec.dtype, sizes(&shape)));
        }
    }
    if args.json {
        print_json(&json!({
            "schema": 1,
            "samples": outputs.len(),
            "outputs": samples_json(&specs, &data, &outputs),
            "device": device.as_ref().map(|device| device.json()),
        }))?;
    } else if targets.is_empty() {
        print(table(model, &specs, &data, &outputs, args.top).to_string())?;
    }
    Ok(device.map_or(Verdict::Pass, |device| device.verdict(progress)))
}

/// `name=path`, or a path alone.
fn named(text: &str) -> (Option<String>, PathBuf) {
    match text.split_once('=') {
        Some((name, path)) if !PathBuf::from(text).exists() => (Some(name.into()), path.into()),
        _ => (None, text.into()),
    }
}

/// Which output goes where.
fn targets(args: &Args, model: &ModelFile) -> anyhow::Result<Vec<(usize, PathBuf)>> {
    let names: Vec<String> = model.summary.outputs.iter().map(|o| o.name.clone()).collect();
    let target = |text: &String| -> anyhow::Result<(usize, PathBuf)> {
        let (name, path) = text.split_once('=').map_or((None, text.as_str()), |(n, p)| (Some(n), p));
        let index = match name {
            None if names.len() == 1 => Some(0),
            None => None,
            Some(name) => names.iter().position(|n| n == name),
        };
        let index = index.ok_or_else(|| {
            let what = format!("`{text}` does not say which output; the model has {}", names.join(", "));
            Hinted::new(what, "use --output NAME=FILE.npy")
        })?;
        if !path.ends_with(".npy") {
            return Err(Hinted::new(format!("cannot write `{path}`"), "outputs are written as .npy files").into());
        }
        Ok((index, path.into()))
    };
    args.output.iter().map(target).collect()
}

/// Writes rows in the source network's element type.
fn write_as_source(path: &std::path::Path, spec: &OutputSpec, rows: Vec<Vec<f32>>) -> anyhow::Result<()> {
    macro_rules! write {
        ($t:ty, $convert:expr) => {{
            let convert = $convert;
            let rows: Vec<Vec<$t>> = rows.iter().map(|row| row.iter().map(|&v| convert(v)).collect()).collect();
            write_npy(path, &spec.shape, &rows)?;
        }};
    }
    match spec.dtype {
        DType::F32 => write_npy(path, &spec.shape, &rows)?,
        DType::F16 => write!(half::f16, half::f16::from_f32),
        DType::I8 => write!(i8, |v: f32| v.round() as i8),
        DType::U8 => write!(u8, |v: f32| v.round() as u8),
        DType::I16 => write!(i16, |v: f32| v.round() as i16),
        DType::I32 => write!(i32, |v: f32| v.round() as i32),
        DType::I64 => write!(i64, |v: f32| v.round() as i64),
    }
    Ok(())
}

fn samples_json(specs: &[OutputSpec], data: &Dataset, outputs: &Outputs) -> Vec<serde_json::Value> {
    let sample = |(i, o): (usize, &Vec<Vec<f32>>)| {
        let named = specs.iter().zip(o).map(|(s, values)| (s.name.clone(), json!(values)));
        json!({ "name": data.sample_name(i), "values": named.collect::<serde_json::Map<_, _>>() })
    };
    outputs.iter().enumerate().map(sample).collect()
}

/// One line per sample: the best classes, or the range of values where there are none.
fn table(model: &ModelFile, specs: &[OutputSpec], data: &Dataset, outputs: &Outputs, top: usize) -> Table {
    let several = specs.len() > 1;
    let mut headings = vec!["sample"];
    if several {
        headings.push("output");
    }
    if data.labels.is_some() {
        headings.push("label");
    }
    headings.push("best classes (score), or range");
    let mut table = Table::new(&headings);
    let class = |c: usize| model.labels().get(c).cloned().unwrap_or_else(|| c.to_string());
    for (i, sample) in outputs.iter().enumerate() {
        for (spec, values) in specs.iter().zip(sample) {
            let mut cells = vec![data.sample_name(i).trim_start_matches("sample ").to_string()];
            if several {
                cells.push(spec.name.clone());
            }
            if let Some(labels) = &data.labels {
                cells.push(labels.get(i).map_or_else(String::new, |&l| class(l)));
            }
            let is_scores = spec.shape.iter().filter(|&&d| d != 1).count() <= 1 && values.len() <= MAX_CLASSES;
            cells.push(if is_scores { best(values, top, &class) } else { range(values) });
            table.row(&cells);
        }
    }
    table
}

pub(super) fn best(values: &[f32], top: usize, class: &dyn Fn(usize) -> String) -> String {
    if let [one] = values {
        return real(f64::from(*one));
    }
    let mut order: Vec<usize> = (0..values.len()).collect();
    let score = |i: usize| values.get(i).copied().unwrap_or(f32::NEG_INFINITY);
    order.sort_by(|&a, &b| score(b).total_cmp(&score(a)).then(a.cmp(&b)));
    let shown = order.into_iter().take(top).map(|i| format!("{} ({})", class(i), real(score(i).into())));
    shown.collect::<Vec<_>>().join("  ")
}

pub(super) fn range(values: &[f32]) -> String {
    let min = values.iter().copied().fold(f32::INFINITY, f32::min);
    let max = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    format!("{} values, {} to {}", count(values.len() as u64), real(min.into()), real(max.into()))
}
