//! `mote prune`: what each layer minds, or a pruned network without further training.

use super::data_args::DataArgs;
use super::model_file::{float_network, parse_input_shape};
use super::out::print_json;
use super::table::{Table, count, facts, percent};
use super::whole_file::write_whole;
use super::{Hinted, Progress, Verdict, print};
use crate::data::{self, Dataset, InputSpec};
use crate::import::ImportOptions;
use crate::ir::io::{self, Floats};
use crate::ir::{Graph, Tensor};
use crate::prune::channels::{self, Channels};
use crate::prune::sensitivity::{Trial, What, scan};
use crate::prune::weights::{Scope, Sparsity, prune};
use crate::stored_samples;
use crate::validate::evaluate::{Evaluation, run_float};
use anyhow::Context;
use serde_json::json;
use std::path::PathBuf;

/// Prune a float network at once, or find out what each of its layers minds. To train it meanwhile, use [[compress]] in a
/// recipe of `mote train`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mote prune model.onnx --scan --data test.npy --labels test-labels.npy              each layer by itself: accuracy
  mote prune model.onnx --scan --pattern channels --data test/ --normalize unit
  mote prune model.onnx --macs 0.7 --data test/ -o small.safetensors                 fewer channels
  mote prune model.onnx --sparsity 0.5 --pattern 1x4 -o sparse.safetensors           blocks of zeros, which the device skips

What is written is a float network that `mote convert` and the `checkpoint` of a recipe take.")]
pub(super) struct Args {
    /// A float network: ONNX, TensorFlow Lite or a float checkpoint.
    model: PathBuf,
    /// Prune each layer by itself and tell the accuracy; nothing is written.
    #[arg(long, requires = "data", conflicts_with_all = ["output", "macs", "sparsity"])]
    scan: bool,
    /// What goes: element, 1x4, N:M (N of every M stay), or channels for a scan.
    #[arg(long, value_name = "PATTERN", value_parser = parse_what, default_value = "element")]
    pattern: What,
    /// Shares that a scan tries.
    #[arg(long, value_name = "SHARES", value_delimiter = ',', default_value = "0.25,0.5,0.75", requires = "scan")]
    shares: Vec<f64>,
    /// Take out channels until this share of the multiplications is left.
    #[arg(long, value_name = "SHARE", requires_all = ["data", "output"], conflicts_with = "sparsity")]
    macs: Option<f64>,
    /// Make this share of the weights zero.
    #[arg(long, value_name = "SHARE", requires = "output")]
    sparsity: Option<f64>,
    /// Compare the weights of each layer, instead of those of all layers.
    #[arg(long)]
    per_layer: bool,
    /// Layers that stay as they are; `*` matches anything. May be given several times.
    #[arg(long, value_name = "NODE")]
    keep_layer: Vec<String>,
    /// Samples: with labels for accuracy; without any, they only tell how much channels contribute.
    #[arg(long, value_name = "DATA")]
    data: Option<PathBuf>,
    /// The float checkpoint to write.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Shapes of inputs that the network leaves open.
    #[arg(long, value_name = "NAME=SIZES", value_parser = parse_input_shape)]
    input_shape: Vec<(String, Vec<usize>)>,
    /// One JSON object instead of tables.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reading: DataArgs,
}

fn parse_what(text: &str) -> Result<What, String> {
    if text == "channels" { Ok(What::Channels) } else { text.parse().map(What::Weights) }
}

pub(super) fn run(args: Args, progress: &Progress) -> anyhow::Result<Verdict> {
    let import = ImportOptions { input_shapes: args.input_shape.iter().cloned().collect(), ..Default::default() };
    let graph = float_network(&args.model, &import, progress)?;
    let load = |path: &PathBuf| {
        data::load(path, &InputSpec::of_graph(&graph), &args.reading.options(&[])?).map_err(anyhow::Error::from)
    };
    let data = args.data.as_ref().map(load).transpose()?;
    if args.scan {
        return scan_layers(&args, &graph, &data.unwrap_or_default(), progress);
    }
    let Some(output) = &args.output else {
        let hint = "give --scan to look, or --macs or --sparsity and -o FILE to prune";
        return Err(Hinted::new("nothing to do", hint).into());
    };
    let pruned = match (args.macs, args.pattern) {
        (Some(macs), _) => {
            let options = Channels { macs, skip: args.keep_layer.clone(), ..Channels::default() };
            channels::prune(&graph, &options, &some(&graph, data.as_ref())?)?.0
        }
        (None, What::Channels) => {
            return Err(Hinted::new(
                "channels need a goal",
                "give --macs SHARE, the share of multiplications that stays",
            )
            .into());
        }
        (None, What::Weights(pattern)) => {
            let scope = if args.per_layer { Scope::Layer } else { Scope::Global };
            let options =
                Sparsity { sparsity: args.sparsity, pattern, scope, ramp: 0.0, skip: args.keep_layer.clone() };
            prune(&graph, &options)?
        }
    };
    write_whole(output, &io::save(&pruned, &Floats::new(), None)?)?;
    report(&args, &graph, &pruned, data.as_ref(), progress)?;
    Ok(Verdict::Pass)
}

/// Samples that tell how much channels contribute.
fn some(graph: &Graph, data: Option<&Dataset>) -> anyhow::Result<Vec<Vec<Tensor>>> {
    let mut few = data.cloned().unwrap_or_default();
    few.keep_spread(channels::SAMPLES);
    Ok(stored_samples(graph, &few)?)
}

/// Share of the samples that the network recognises.
fn accuracy(graph: &Graph, data: &Dataset) -> anyhow::Result<f64> {
    let outputs = run_float(graph, &data.samples, &mut |_| {})?;
    let evaluation = Evaluation::of(data.labels.as_deref(), &outputs, None);
    Ok(evaluation.stored.context("the data have no labels")?.top1())
}

fn scan_layers(args: &Args, graph: &Graph, data: &Dataset, progress: &Progress) -> anyhow::Result<Verdict> {
    if data.labels.is_none() {
        return Err(Hinted::new("a scan needs labelled data", "give --labels, or data with labels").into());
    }
    if let Some(share) = args.shares.iter().find(|share| !(**share > 0.0 && **share < 1.0)) {
        return Err(Hinted::new(
            format!("a share of {share}"),
            "shares are above 0 and below 1, as in --shares 0.5,0.75",
        )
        .into());
    }
    let whole = accuracy(graph, data)?;
    let bar = std::cell::RefCell::new(None);
    let trials = scan::<anyhow::Error>(
        graph,
        args.pattern,
        &args.shares,
        &some(graph, Some(data))?,
        &mut |pruned| accuracy(pruned, data),
        &mut |done, total| bar.borrow_mut().get_or_insert_with(|| progress.bar(total, "scanning")).set(done),
    )?;
    drop(bar);
    if args.json {
        print_json(
            &json!({ "schema": 1, "data": data.origin, "samples": data.len(), "accuracy": whole, "trials": trials }),
        )?;
    } else {
        print(table(&args.shares, whole, &trials).to_string())?;
        print(format!(
            "\n{} samples; accuracy {} as it is. One layer pruned at a time, without training.",
            data.len(),
            percent(whole)
        ))?;
    }
    Ok(Verdict::Pass)
}

fn table(shares: &[f64], whole: f64, trials: &[Trial]) -> Table {
    let head: Vec<String> = shares.iter().map(|share| format!(">{:.0} % gone", share * 100.0)).collect();
    let head: Vec<&str> = ["layer", ">weights"].into_iter().chain(head.iter().map(String::as_str)).collect();
    let mut table = Table::new(&head);
    for of_layer in trials.chunk_by(|a, b| a.node == b.node) {
        let mut row = vec![of_layer[0].node.clone(), count(of_layer[0].weights as u64)];
        let points = |t: &Trial| format!("{} ({:+.1})", percent(t.accuracy), (t.accuracy - whole) * 100.0);
        row.extend(of_layer.iter().map(points));
        row.resize(head.len(), String::new());
        table.row(&row);
    }
    table
}

fn report(
    args: &Args,
    before: &Graph,
    after: &Graph,
    data: Option<&Dataset>,
    progress: &Progress,
) -> anyhow::Result<()> {
    let macs = |g: &Graph| g.nodes.iter().map(|n| g.macs(n)).sum::<u64>();
    let accuracies = match data.filter(|data| data.labels.is_some()) {
        Some(data) => {
            let _bar = progress.bar(2, "evaluating");
            Some((accuracy(before, data)?, accuracy(after, data)?))
        }
        None => None,
    };
    let ((parameters, zeros), (parameters_before, _)) = (after.parameters(), before.parameters());
    if args.json {
        return print_json(&json!({
            "schema": 1,
            "macs": macs(after),
            "macs_before": macs(before),
            "parameters": parameters,
            "parameters_before": parameters_before,
            "zeros": zeros,
            "accuracy": accuracies.map(|a| a.1),
            "accuracy_before": accuracies.map(|a| a.0),
        }));
    }
    let mut lines = vec![
        ("MACs", format!("{} of {}", count(macs(after)), count(macs(before)))),
        ("parameters", format!("{} of {}, {} of them zero", count(parameters), count(parameters_before), count(zeros))),
    ];
    if let Some((before, after)) = accuracies {
        lines.push(("accuracy", format!("{}, before {}", percent(after), percent(before))));
    }
    lines.push(("written", args.output.as_ref().map_or_else(String::new, |path| path.display().to_string())));
    print(facts(&lines))
}
