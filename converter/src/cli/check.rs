//! `mote check`: is a network supported, and where does it fit?

use super::model_file::{is_model_file, parse_input_shape, read};
use super::out::print_json;
use super::table::{Table, count, facts, kib};
use super::{Progress, Verdict, print};
use crate::boards::{self, Fit};
use crate::data::{Dataset, InputSpec};
use crate::emit::EmitError;
use crate::import::{ImportOptions, UnsupportedNode};
use crate::inspect::Summary;
use crate::quantize::QuantizeError;
use crate::{BuildError, BuildOptions, build};
use anyhow::Context;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Check whether a network is supported, what it will need, and which boards have it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mote check model.onnx
  mote check model.onnx --board qemu-cortex-m4
  mote check net.mote --board my-board/board.toml
  mote check model.onnx --json | jq '.unsupported[].node'

Sizes of a network that is not converted yet are those of int8. Exit 1 if a node is not supported, or the model
does not fit the board that --board names.")]
pub(super) struct Args {
    /// An .onnx or .tflite network, or a .mote file.
    model: PathBuf,
    /// Only this board: a name, an alias, or the path of a board.toml [default: all that are built in].
    #[arg(long, value_name = "BOARD")]
    board: Option<String>,
    /// Shapes of inputs that the network leaves open.
    #[arg(long, value_name = "NAME=SIZES", value_parser = parse_input_shape)]
    input_shape: Vec<(String, Vec<usize>)>,
    /// One JSON object instead of tables.
    #[arg(long)]
    json: bool,
}

/// What a check found.
enum Outcome {
    Supported { summary: Box<Summary>, warnings: Vec<String> },
    Unsupported(Vec<UnsupportedNode>),
}

pub(super) fn run(args: Args, progress: &Progress) -> anyhow::Result<Verdict> {
    // An unknown board is found out before the work.
    let boards = match &args.board {
        Some(name) => vec![boards::find(name)?],
        None => boards::all(),
    };
    let outcome = examine(&args, progress)?;
    let fits: Vec<Fit> = match &outcome {
        Outcome::Supported { summary, .. } => {
            boards.iter().map(|b| Fit::of(b, summary.arena_bytes.into(), summary.file_bytes.into())).collect()
        }
        Outcome::Unsupported(_) => Vec::new(),
    };
    let held = matches!(outcome, Outcome::Supported { .. }) && (args.board.is_none() || fits.iter().all(|f| f.fits));
    if args.json {
        print_json(&json_of(&outcome, &fits, held))?;
    } else {
        print(text(&args.model, &outcome, &fits))?;
    }
    Ok(Verdict::of(held))
}

fn examine(args: &Args, progress: &Progress) -> anyhow::Result<Outcome> {
    let bytes = read(&args.model)?;
    let cannot = || format!("cannot check `{}`", args.model.display());
    if is_model_file(&bytes) {
        let summary = Summary::from_blob(&bytes).with_context(cannot)?;
        return Ok(Outcome::Supported { summary: Box::new(summary), warnings: Vec::new() });
    }
    let options = BuildOptions {
        import: ImportOptions { input_shapes: args.input_shape.iter().cloned().collect(), ..Default::default() },
        cross_check: false,
        self_test_vectors: 0,
        ..BuildOptions::default()
    };
    // Sizes do not depend on the values, so noise serves for calibration.
    let mut noise = |graph: &_| Ok(Dataset::random(&InputSpec::of_graph(graph), 1));
    let bar = progress.bar(1, "checking");
    let built = build(&bytes, &options, &mut noise, &mut |_| {});
    drop(bar);
    match built {
        Ok(built) => {
            let summary = Box::new(Summary::from_blob(&built.emitted.bytes).with_context(cannot)?);
            Ok(Outcome::Supported { summary, warnings: built.source.warnings })
        }
        Err(BuildError::Import(error)) => match error.unsupported() {
            Some(nodes) => Ok(Outcome::Unsupported(nodes.to_vec())),
            None => Err(anyhow::Error::new(BuildError::Import(error)).context(cannot())),
        },
        Err(BuildError::Quantize(QuantizeError::Node { node, op, reason })) => Ok(not_int8(node, op, reason)),
        Err(BuildError::Emit(EmitError::Node { node, op, reason })) => Ok(not_int8(node, op, reason)),
        Err(error) => Err(anyhow::Error::new(error).context(cannot())),
    }
}

/// A node that can be imported, but not be int8 on the device.
fn not_int8(node: String, op: &str, reason: String) -> Outcome {
    let hint = format!("keep it in float: mote convert --keep-float '{node}'");
    Outcome::Unsupported(vec![UnsupportedNode { name: node, op: op.into(), reason, hint }])
}

fn json_of(outcome: &Outcome, fits: &[Fit], held: bool) -> serde_json::Value {
    match outcome {
        Outcome::Unsupported(nodes) => {
            let node = |n: &UnsupportedNode| json!({ "node": n.name, "op": n.op, "reason": n.reason, "hint": n.hint });
            json!({ "schema": 1, "supported": false, "held": held, "unsupported": nodes.iter().map(node).collect::<Vec<_>>() })
        }
        Outcome::Supported { summary, warnings } => json!({
            "schema": 1,
            "supported": true,
            "held": held,
            "unsupported": [],
            "warnings": warnings,
            "ops": ops(summary).into_iter().map(|(op, o)| (op, o.nodes)).collect::<BTreeMap<_, _>>(),
            "macs": summary.macs,
            "arena_bytes": summary.arena_bytes,
            "file_bytes": summary.file_bytes,
            "boards": fits,
        }),
    }
}

fn text(model: &Path, outcome: &Outcome, fits: &[Fit]) -> String {
    match outcome {
        Outcome::Unsupported(nodes) => {
            let what = if nodes.len() == 1 { "1 node is".into() } else { format!("{} nodes are", nodes.len()) };
            let mut parts = vec![format!("{} is not supported: {what} in the way.", model.display())];
            for n in nodes {
                parts.push(format!(" {} `{}`\n   why      {}\n   instead  {}", n.op, n.name, n.reason, n.hint));
            }
            parts.join("\n\n")
        }
        Outcome::Supported { summary, warnings } => {
            let mut parts = vec![format!("{} is supported.", model.display())];
            parts.extend(warnings.iter().map(|w| format!(" warning: {w}")));
            parts.push(facts(&[
                ("instructions", summary.instructions.len().to_string()),
                ("MACs", count(summary.macs)),
                ("arena", kib(summary.arena_bytes.into())),
                ("flash", format!("{} (model file)", kib(summary.file_bytes.into()))),
            ]));
            parts.push(ops_table(summary).to_string());
            if !fits.is_empty() {
                parts.push(fits_table(fits).to_string());
            }
            if let [fit] = fits {
                parts.extend(too_large(fit));
            }
            parts.join("\n\n")
        }
    }
}

/// Sums over the instructions of one op.
#[derive(Default)]
pub(super) struct OpSum {
    pub nodes: u64,
    pub macs: u64,
    pub weight_bytes: u64,
}

pub(super) fn ops(summary: &Summary) -> BTreeMap<String, OpSum> {
    let mut ops: BTreeMap<String, OpSum> = BTreeMap::new();
    for i in &summary.instructions {
        let op = ops.entry(i.op.clone()).or_default();
        op.nodes += 1;
        op.macs += i.macs;
        op.weight_bytes += u64::from(i.weight_bytes);
    }
    ops
}

pub(super) fn ops_table(summary: &Summary) -> Table {
    let mut table = Table::new(&["op", ">count", ">MACs", ">weights"]);
    for (name, op) in ops(summary) {
        table.row(&[name, count(op.nodes), count(op.macs), kib(op.weight_bytes)]);
    }
    table
}

/// By how much a model is too large for the one board that was asked for.
fn too_large(fit: &Fit) -> Option<String> {
    let over = |what: &str, over: u64, limit: u64| {
        (over > 0).then(|| format!("{} bytes of {what} too many: {} has {}", count(over), fit.board, count(limit)))
    };
    let arena = over("RAM", fit.arena_over_bytes, fit.arena_limit_bytes);
    let flash = over("flash", fit.flash_over_bytes, fit.flash_limit_bytes);
    let lines: Vec<String> = arena.into_iter().chain(flash).collect();
    (!lines.is_empty()).then(|| format!("It does not fit.\n {}", lines.join("\n ")))
}

fn fits_table(fits: &[Fit]) -> Table {
    let mut table = Table::new(&["board", "", "fits", ">arena", ">of", ">flash", ">of"]);
    for f in fits {
        table.row(&[
            f.board.clone(),
            f.description.clone(),
            if f.fits { "yes".into() } else { "NO".into() },
            kib(f.arena_bytes),
            kib(f.arena_limit_bytes),
            kib(f.flash_bytes),
            kib(f.flash_limit_bytes),
        ]);
    }
    table
}
