//! `mote inspect`: what is in a model file, and what it needs.

use super::budget::parse_target;
use super::model_file::read;
use super::out::print_json;
use super::table::{Table, count, facts, kib, percent, real, sizes};
use super::{Hinted, Verdict, print};
use crate::inspect::{PortSummary, Summary};
use crate::plan::Target;
use anyhow::Context;
use std::path::PathBuf;

/// Show what is in a model file: inputs and outputs, every instruction, RAM and flash.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mote inspect net.mote
  mote inspect net.mote --target cortex-m0plus                 what slower kernels cost on another core
  mote inspect net.mote --json | jq .arena_bytes

Kernel and memory say per instruction what the planner chose: `in place` results lie exactly over an operand; a kernel
that is not the fastest says how much RAM that saves, and about how many instructions of the target it costs.")]
pub(super) struct Args {
    /// A .mote file.
    file: PathBuf,
    /// Core whose instructions are estimated: cortex-m0plus, cortex-m3, cortex-m4, cortex-m7, cortex-m33, host.
    #[arg(long, value_name = "CORE", value_parser = parse_target, default_value = "cortex-m4")]
    target: Target,
    /// One JSON object instead of tables.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args) -> anyhow::Result<Verdict> {
    let summary = Summary::for_target(&read(&args.file)?, args.target).with_context(|| {
        let hint = "make a model file with `mote convert`; if it is one, it is damaged or of another version";
        Hinted::new(format!("cannot load `{}`", args.file.display()), hint)
    })?;
    if args.json {
        print_json(&summary)?;
    } else {
        print(text(&summary))?;
    }
    Ok(Verdict::of(summary.sha256_ok))
}

/// The whole page.
fn text(s: &Summary) -> String {
    let mut parts = vec![head(s), ports(s).to_string(), instructions(s).to_string()];
    if !s.sha256_ok {
        parts.push("The payload does not match its SHA-256: the file was changed.".into());
    }
    parts.join("\n\n")
}

fn head(s: &Summary) -> String {
    let name = if s.name.is_empty() { "(no name)" } else { &s.name };
    let section = |x: &crate::inspect::SectionSummary| format!("{} {}", x.name, kib(x.bytes.into()));
    let p = &s.provenance;
    let short = |hash: &str| hash.chars().take(16).collect::<String>();
    let mut lines = vec![
        ("name", name.to_string()),
        (
            "flash",
            format!("{} ({})", kib(s.file_bytes.into()), s.sections.iter().map(section).collect::<Vec<_>>().join(", ")),
        ),
        ("arena", kib(s.arena_bytes.into())),
        ("MACs", count(s.macs)),
        ("format", format!("{}, model version {}, {} rounding", s.format_version, s.model_version, s.rounding)),
        ("kernels", s.kernels.join(", ")),
        ("self-test", format!("{} vectors", s.self_tests)),
        ("sha256", short(&s.sha256) + if s.signed { "…, signed" } else { "…" }),
    ];
    if let Some(text) = packed(s) {
        lines.insert(2, ("packed", text));
    }
    let mut known = |name, value: &str| {
        if !value.is_empty() {
            lines.push((name, value.to_string()));
        }
    };
    known("source", &if p.source_sha256.is_empty() { String::new() } else { short(&p.source_sha256) + "…" });
    known(
        "inputs are",
        &if p.normalization.is_empty() { String::new() } else { format!("normalised: {}", p.normalization) },
    );
    known("converter", &p.converter);
    known("labels", &p.labels.join(", "));
    if let Some((float, stored)) = p.accuracy {
        lines.push(("accuracy", format!("{} (float {})", percent(stored), percent(float))));
    }
    facts(&lines)
}

/// How much smaller packed weights are.
pub(super) fn packed(s: &Summary) -> Option<String> {
    let layers = s.instructions.iter().filter(|i| i.packed.is_some()).count();
    let (bytes, dense) = s.packed_bytes()?;
    Some(format!("weights of {layers} layers in {}, {} as kernels read them", kib(bytes), kib(dense)))
}

fn ports(s: &Summary) -> Table {
    let mut table = Table::new(&["", "name", "source", "stored", ">scale", ">zero point", ">arena"]);
    let all = s.inputs.iter().map(|p| ("input", p)).chain(s.outputs.iter().map(|p| ("output", p)));
    for (kind, port) in all {
        table.row(&[
            kind.to_string(),
            port.name.clone(),
            format!("{} {}", port.source_dtype, sizes(&port.source_shape)),
            format!("{} {}{}", port.dtype, sizes(&port.shape), if in_order(port) { "" } else { " (permuted)" }),
            real(port.scale.into()),
            port.zero_point.to_string(),
            format!("{}..{}", port.arena_offset, u64::from(port.arena_offset) + u64::from(port.arena_bytes)),
        ]);
    }
    table
}

fn in_order(port: &PortSummary) -> bool {
    port.source_axes.is_sorted()
}

fn instructions(s: &Summary) -> Table {
    let headings = [
        "#",
        "op",
        "node",
        "input",
        "output",
        ">scale",
        ">zero",
        ">MACs",
        ">flash",
        ">arena",
        ">scratch",
        "kernel, memory",
    ];
    let mut table = Table::new(&headings);
    for i in &s.instructions {
        table.row(&[
            i.index.to_string(),
            i.op.clone(),
            i.node.clone(),
            if i.output_shape.is_empty() { String::new() } else { sizes(&i.input_shape) },
            if i.output_shape.is_empty() { String::new() } else { sizes(&i.output_shape) },
            i.scale.map_or_else(String::new, |v| if v == 0.0 { "float".into() } else { real(v.into()) }),
            i.zero_point.map_or_else(String::new, |v| v.to_string()),
            if i.macs == 0 { String::new() } else { count(i.macs) },
            if i.weight_bytes == 0 { String::new() } else { kib(i.weight_bytes.into()) },
            format!("{}..{}", i.writes[0], i.writes[1]),
            if i.scratch_bytes == 0 { String::new() } else { kib(i.scratch_bytes.into()) },
            [i.kernel.as_str(), i.memory.as_str()].into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>().join(", "),
        ]);
    }
    let weights: u64 = s.instructions.iter().map(|i| u64::from(i.weight_bytes)).sum();
    let total = ["", "total", "", "", "", "", "", &count(s.macs), &kib(weights), &kib(s.arena_bytes.into())];
    table.row(&total);
    table
}
