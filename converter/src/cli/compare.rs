//! `mote compare`: where a model file departs from the float network, layer by layer.

use super::data_args::DataArgs;
use super::model_file::{ModelFile, float_network, parse_input_shape};
use super::out::print_json;
use super::table::{Table, real};
use super::{Hinted, Progress, Verdict, compare_golden, print};
use crate::data::{self, InputSpec};
use crate::import::ImportOptions;
use crate::validate::{EQUALIZED, LayerError, LayersError, compare_file};
use serde_json::json;
use std::path::PathBuf;

/// Compare a model file with its float network, layer by layer: signal-to-quantization-noise ratio (SQNR) of each.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mote compare model.onnx net.mote --data samples.npy
  mote compare model.onnx net.mote --data samples.npy --worst 5
  mote compare model.onnx net.mote --data samples.npy --floor-db 15     exit 1 if a layer is below 15 dB
  mote compare model.tflite net.mote --golden dump/                     exit 1 if a byte differs

Below some 10 dB a layer loses much of its information. Keep such layers in float with
`mote convert --keep-float NODE`, or calibrate with more, or more typical, data.")]
pub(super) struct Args {
    /// The network that the file was converted from.
    model: PathBuf,
    /// A .mote file.
    file: PathBuf,
    /// Samples to compare on; labels are not needed.
    #[arg(long, value_name = "DATA", required_unless_present = "golden")]
    data: Option<PathBuf>,
    /// Compare byte for byte with what TensorFlow Lite computed: a dump of its tensors (safetensors, keys like s31.t22), or
    /// the folder with its layers.safetensors; inputs.npy lies beside it.
    #[arg(long, value_name = "DUMP", conflicts_with_all = ["data", "worst", "floor_db"])]
    golden: Option<PathBuf>,
    /// Only the N worst layers, worst first.
    #[arg(long, value_name = "N")]
    worst: Option<usize>,
    /// Fail if a layer's SQNR is below this many decibel.
    #[arg(long, value_name = "DB", allow_negative_numbers = true)]
    floor_db: Option<f64>,
    /// Use N samples, spread evenly over the data.
    #[arg(long, value_name = "N", default_value_t = 16)]
    samples: usize,
    /// Shapes of inputs that the network leaves open.
    #[arg(long, value_name = "NAME=SIZES", value_parser = parse_input_shape)]
    input_shape: Vec<(String, Vec<usize>)>,
    /// One JSON object instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reading: DataArgs,
}

pub(super) fn run(args: Args, progress: &Progress) -> anyhow::Result<Verdict> {
    let model = ModelFile::open(&args.file)?;
    if let Some(golden) = &args.golden {
        return compare_golden::run(&args.model, &model, golden, args.json);
    }
    let Some(path) = &args.data else { anyhow::bail!("neither --data nor --golden is given") };
    let import = ImportOptions { input_shapes: args.input_shape.iter().cloned().collect(), ..Default::default() };
    let graph = float_network(&args.model, &import, progress)?;
    model.check_same_inputs(&graph, &args.model)?;
    let options =
        args.reading.options_with_record(&model.summary.provenance.normalization, model.labels(), progress)?;
    let mut data = data::load(path, &InputSpec::of_graph(&graph), &options)?;
    data.keep_spread(args.samples.max(1));
    let equalized = model.summary.provenance.converter.contains(EQUALIZED);
    if equalized {
        progress.note("channels of the file are equalized: they are compared up to a factor each");
    }
    let bar = progress.bar(data.len(), "comparing");
    let layers = compare_file(&graph, &model.session, &data.samples, equalized, &mut |done| bar.set(done)).map_err(
        |e| match e {
            LayersError::Stripped => {
                anyhow::Error::new(e).context(Hinted::new("cannot compare", "convert without --strip"))
            }
            LayersError::NothingInCommon => anyhow::Error::new(e)
                .context(Hinted::new("cannot compare", "give the network that the file was converted from")),
            other => other.into(),
        },
    )?;
    drop(bar);

    let mut ranked: Vec<&LayerError> = layers.iter().collect();
    ranked.sort_by(|a, b| a.similarity.sqnr_db.total_cmp(&b.similarity.sqnr_db));
    let below = |l: &&LayerError| args.floor_db.is_some_and(|floor| l.similarity.sqnr_db < floor);
    let first_below = layers.iter().find(below);
    if args.json {
        let worst: Vec<&str> = ranked.iter().take(args.worst.unwrap_or(3)).map(|l| l.node.as_str()).collect();
        print_json(&json!({
            "schema": 1,
            "data": data.origin,
            "samples": data.len(),
            "layers": layers.iter().map(layer_json).collect::<Vec<_>>(),
            "worst": worst,
            "floor_db": args.floor_db,
            "first_below_floor": first_below.map(|l| &l.node),
            "held": first_below.is_none(),
        }))?;
    } else {
        let shown = match args.worst {
            Some(n) => ranked.iter().copied().take(n).collect(),
            None => layers.iter().collect::<Vec<_>>(),
        };
        print(table(&shown).to_string())?;
        print(advice(&ranked, args.floor_db, first_below, data.len()))?;
    }
    Ok(Verdict::of(first_below.is_none()))
}

/// JSON has no infinity: equal layers have no SQNR.
fn layer_json(l: &LayerError) -> serde_json::Value {
    json!({
        "instruction": l.instruction,
        "node": l.node,
        "op": l.op,
        "scale": l.scale,
        "sqnr_db": l.similarity.sqnr_db.is_finite().then_some(l.similarity.sqnr_db),
        "max_abs": l.similarity.max_abs,
        "mean_abs": l.similarity.mean_abs,
        "cosine": l.similarity.cosine,
    })
}

fn table(layers: &[&LayerError]) -> Table {
    let mut table = Table::new(&["#", "op", "node", ">SQNR dB", ">max error", ">mean error", ">in steps", ">cosine"]);
    for l in layers {
        let s = &l.similarity;
        let steps = if l.scale > 0.0 { format!("{:.1}", s.max_abs / f64::from(l.scale)) } else { String::new() };
        table.row(&[
            l.instruction.to_string(),
            l.op.clone(),
            l.node.clone(),
            if s.sqnr_db.is_finite() { format!("{:.1}", s.sqnr_db) } else { "equal".into() },
            real(s.max_abs),
            real(s.mean_abs),
            steps,
            format!("{:.5}", s.cosine),
        ]);
    }
    table
}

fn advice(ranked: &[&LayerError], floor: Option<f64>, first_below: Option<&LayerError>, samples: usize) -> String {
    let Some(worst) = ranked.first() else { return String::new() };
    let names: Vec<String> =
        ranked.iter().take(3).map(|l| format!("`{}` ({:.1} dB)", l.node, l.similarity.sqnr_db)).collect();
    let mut text = format!("\n{samples} samples. Worst: {}.", names.join(", "));
    if let (Some(first), Some(floor)) = (first_below, floor) {
        text += &format!("\nFAILED: the first layer below {floor} dB is `{}`.", first.node);
    }
    if first_below.is_some() || worst.similarity.sqnr_db < 10.0 {
        text += &format!("\nTo keep it in float: mote convert … --keep-float '{}'", worst.node);
    }
    text
}
