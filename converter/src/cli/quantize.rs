//! `mote quantize`: as `convert`, and a search for the least that keeps the network accurate.

use super::convert::{self, Events, Setup};
use super::convert_args::{self, Precision, cannot_convert};
use super::convert_report::Report;
use super::out::print_json;
use super::quantize_report::Found;
use super::{Hinted, Progress, Verdict, print};
use crate::auto::{self, AutoEvent, AutoOptions};
use crate::data::{self, DataError, Dataset, InputSpec, LoadOptions};
use crate::ir::Graph;
use anyhow::Context;

/// Quantize a trained network after training, with as little as keeps it accurate.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Try one technique after the other until the network is accurate enough: methods of choosing ranges, equalization,
    /// rounding of weights, int16 around the worst layers, float around what remains.
    #[arg(long)]
    auto: bool,
    /// Percentage points of top-1 accuracy that may be lost against float; without labels, of samples with another class
    /// than in float.
    #[arg(long, value_name = "POINTS", default_value_t = 0.5, requires = "auto", allow_negative_numbers = true, value_parser = parse_points)]
    max_drop: f64,
    #[command(flatten)]
    convert: convert_args::Args,
}

pub(super) const EXAMPLES: &str = "\
Examples:
  mote quantize model.onnx --calibrate train/ --evaluate test/ --auto --max-drop 0.5 -o net.mote
  mote quantize model.onnx --calibrate x.npy --evaluate y.npy --labels labels.npy --auto -o net.mote
  mote quantize model.onnx --calibrate x.npy --auto --max-drop 2 -o net.mote    one set, halved; no labels
  mote quantize model.onnx --calibrate x.npy --equalize --adaround 4 -o net.mote
  mote quantize model.onnx --calibrate x.npy --int16-below 20 -o net.mote
  mote quantize model.onnx --calibrate x.npy --int4 '*' --adaround 100 -o net.mote

All options of `mote convert` work. With --auto, techniques are tried in this order, each on top
of those before it that helped: ranges by mse, percentile, entropy and minmax; --equalize;
--adaround; int16 in the last layer, with outputs in float32, then around layers below the floor
(--int16-below), the one that gains most first, then everywhere; float around layers that are
still below it. The search stops at the first step that loses no more than --max-drop; each step
is a line of the table.

Ranges, rounding and layers follow from the calibration data alone. Data given with --evaluate
only decide when to stop. If there are none, the calibration data are halved, the same way every
time: one half chooses, the other measures.

Exit code 0 if the network is accurate enough, 1 if it is not (the most accurate file is written
all the same), 2 on errors.";

fn parse_points(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|points| (0.0..=100.0).contains(points));
    number.ok_or_else(|| format!("`{text}` is not a number of points between 0 and 100, such as 0.5"))
}

pub(super) fn run(args: Args, progress: &Progress) -> anyhow::Result<Verdict> {
    if !args.auto {
        return convert::run(args.convert, progress);
    }
    let convert = &args.convert;
    check_usage(convert)?;
    let setup = Setup::new(convert)?;
    let options = AutoOptions {
        max_drop: args.max_drop,
        adaround: convert.improve.adaround.unwrap_or(AutoOptions::default().adaround),
        floor_db: convert.improve.int16_below.unwrap_or(AutoOptions::default().floor_db),
    };
    let mut data = |graph: &Graph| load(convert, &setup.reading, graph, progress);
    let mut shown = Events::new(convert, progress);
    let mut events = |event: AutoEvent| match event {
        AutoEvent::Build(event) => shown.show(event),
        AutoEvent::Step(step) => progress.note(format!(
            "{}, {}: {:.2} points lost, output {:.1} dB",
            step.technique, step.changed, step.drop_points, step.output_db
        )),
        _ => {}
    };
    let outcome = auto::search(&setup.source, &setup.options, &options, &mut data, &mut events)
        .with_context(|| cannot_convert(convert))?;
    let auto::Outcome { built, method, evaluation, evaluated_on, mut steps, chosen } = outcome;
    let converted = convert::finish(convert, &setup, built, Some((evaluated_on, evaluation)), progress)?;
    // The name and the accuracy are written last.
    steps[chosen].file_bytes = converted.built.emitted.bytes.len();
    let held = steps[chosen].held;
    let file = Report { output: &convert.output, converted: &converted, method };
    let found = Found { file, steps: &steps, chosen, options: &options };
    if convert.json {
        print_json(&found.json())?;
    } else {
        print(found.text())?;
    }
    Ok(Verdict::of(held && converted.shortfalls.is_empty()))
}

/// What cannot go together with a search.
fn check_usage(args: &convert_args::Args) -> anyhow::Result<()> {
    let fail = |what: &str, hint: &str| Err(Hinted::new(what, hint).into());
    if args.precision != Precision::Int8 {
        return fail("--auto quantizes, --precision keeps the network in float", "leave one of the two out");
    }
    match &args.calibrate {
        None => fail("--auto needs data to choose scales from", "add --calibrate DATA with typical inputs"),
        Some(path) if path.as_os_str() == "random" && !path.exists() => {
            fail("--auto measures accuracy, which noise has none of", "add --calibrate DATA with typical inputs")
        }
        Some(_) if args.improve.equalize() => {
            fail("--auto tries --equalize by itself", "leave --equalize out, or --auto")
        }
        Some(_) => Ok(()),
    }
}

/// Calibration and evaluation data: two sets, or the halves of one.
fn load(
    args: &convert_args::Args,
    reading: &LoadOptions,
    graph: &Graph,
    progress: &Progress,
) -> Result<(Dataset, Dataset), DataError> {
    let labels = args.data.labels.clone();
    let Some(path) = &args.eval else {
        let path = args.calibrate.as_deref().unwrap_or(std::path::Path::new(""));
        let all = data::load(path, &InputSpec::of_graph(graph), &LoadOptions { labels, ..reading.clone() })?;
        let (mut calibration, evaluation) = auto::split(&all);
        calibration.keep_spread(args.samples);
        return Ok((calibration, evaluation));
    };
    if convert::overlaps(args, path) {
        progress.warn("accuracy is measured on samples that calibration saw as well: use --limit and --eval-skip");
    }
    let calibration = convert::calibration(args, graph, reading, progress)?;
    let reading = LoadOptions { labels, skip: args.eval_skip, limit: args.eval_limit, ..reading.clone() };
    Ok((calibration, data::load(path, &InputSpec::of_graph(graph), &reading)?))
}
