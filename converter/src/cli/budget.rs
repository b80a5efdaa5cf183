//! `--ram`, `--flash` and `--target`: what a model may need, and what to say if it needs more.

use super::table::count;
use crate::Built;
use crate::inspect::Summary;
use crate::ir::DType;
use crate::plan::{Flash, PlanOptions, Ram, Target};
use serde::Serialize;

/// The options.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
#[command(next_help_heading = "Budgets")]
pub(super) struct BudgetArgs {
    /// RAM for the arena: `min` for the smallest, or a number of bytes (64000, 64K): the fastest kernels that fit
    /// [default: the fastest kernels, in the smallest arena for these].
    #[arg(long, value_name = "min|BYTES", value_parser = parse_ram)]
    ram: Option<Ram>,
    /// Flash for the model file, in bytes (256000, 256K): what is left of it goes to layers that larger weights make
    /// faster. Or `max` for as much as helps [default: the smallest weights].
    #[arg(long, value_name = "BYTES|max", value_parser = parse_flash)]
    flash: Option<Flash>,
    /// The core whose time counts where speed costs RAM: cortex-m0plus, cortex-m3, cortex-m4, cortex-m7, cortex-m33,
    /// host. The file runs on every core, with the same results [default: cortex-m4].
    #[arg(long, value_name = "CORE", value_parser = parse_target)]
    target: Option<Target>,
    /// Store all weights of every layer, also where most are zeros and leaving them out is faster.
    #[arg(long)]
    dense: bool,
}

fn parse_ram(text: &str) -> Result<Ram, String> {
    if text == "min" { Ok(Ram::Min) } else { parse_bytes(text).map(Ram::Within).map_err(|e| format!("{e}, or `min`")) }
}

fn parse_flash(text: &str) -> Result<Flash, String> {
    if text == "max" {
        Ok(Flash::Max)
    } else {
        parse_bytes(text).map(Flash::Within).map_err(|e| format!("{e}, or `max`"))
    }
}

/// `40000`, `40_000`, `40K` or `1M`: K and M are powers of 1024.
pub(super) fn parse_bytes(text: &str) -> Result<u32, String> {
    let wrong = || format!("`{text}` is not a number of bytes, such as 65536 or 64K");
    let text = text.trim_end_matches("iB").replace('_', "");
    let (digits, unit) = match text.strip_suffix(['K', 'k']) {
        Some(digits) => (digits, 1 << 10),
        None => text.strip_suffix('M').map_or((text.as_str(), 1), |digits| (digits, 1 << 20)),
    };
    digits.parse::<u32>().ok().and_then(|n| n.checked_mul(unit)).ok_or_else(wrong)
}

pub(super) fn parse_target(text: &str) -> Result<Target, String> {
    text.parse().map_err(|error: crate::plan::UnknownTarget| error.to_string())
}

/// A budget that is not met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Shortfall {
    /// `ram` or `flash`.
    pub budget: &'static str,
    /// Bytes that the model needs.
    pub needed_bytes: u32,
    /// Bytes that it may.
    pub budget_bytes: u32,
    /// What decides the need.
    pub because: String,
    /// What could be done, the first thing first.
    pub advice: Vec<String>,
}

impl BudgetArgs {
    pub fn plan_options(&self) -> PlanOptions {
        PlanOptions {
            ram: self.ram.unwrap_or_default(),
            target: self.target.unwrap_or_default(),
            sparse: !self.dense,
            ..PlanOptions::default()
        }
    }

    /// The flash that layers may take to be faster, of which `reserved` bytes are for what is not known yet.
    pub fn flash(&self, reserved: u32) -> Flash {
        match self.flash.unwrap_or_default() {
            Flash::Within(bytes) => Flash::Within(bytes.saturating_sub(reserved)),
            other => other,
        }
    }

    /// The options as the file records them; empty if none were given.
    pub fn recorded(&self) -> String {
        let ram = self.ram.map(|ram| match ram {
            Ram::Fastest => String::new(),
            Ram::Within(bytes) => format!("--ram {bytes}"),
            Ram::Min => "--ram min".into(),
        });
        let flash = self.flash.map(|flash| match flash {
            Flash::Smallest => String::new(),
            Flash::Within(bytes) => format!("--flash {bytes}"),
            Flash::Max => "--flash max".into(),
        });
        let target = self.target.map(|target| format!("--target {target}"));
        let dense = self.dense.then(|| "--dense".into());
        [ram, flash, target, dense].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// Every budget that `built` does not meet.
    pub fn shortfalls(&self, built: &Built, summary: &Summary) -> Vec<Shortfall> {
        let mut all = Vec::new();
        if let Some(Ram::Within(budget_bytes)) = self.ram
            && summary.arena_bytes > budget_bytes
        {
            all.push(Shortfall {
                budget: "ram",
                needed_bytes: summary.arena_bytes,
                budget_bytes,
                because: fullest_step(built),
                advice: ram_advice(built),
            });
        }
        if let Some(Flash::Within(budget_bytes)) = self.flash
            && summary.file_bytes > budget_bytes
        {
            let parts = summary.sections.iter().map(|s| format!("{} {}", s.name, count(s.bytes.into())));
            all.push(Shortfall {
                budget: "flash",
                needed_bytes: summary.file_bytes,
                budget_bytes,
                because: format!("bytes of its parts: {}", parts.collect::<Vec<_>>().join(", ")),
                advice: flash_advice(summary),
            });
        }
        all
    }
}

impl Shortfall {
    pub fn text(&self) -> String {
        let what =
            if self.budget == "ram" { "bytes of RAM for the arena" } else { "bytes of flash for the model file" };
        let (needed, budget) = (count(self.needed_bytes.into()), count(self.budget_bytes.into()));
        let at_least = if self.budget == "ram" { " at least" } else { "" };
        let mut lines = vec![
            format!("does not fit: {needed} {what} are needed{at_least}, --{} gives {budget}", self.budget),
            format!("  {}", self.because),
        ];
        lines.extend(self.advice.iter().map(|advice| format!("  try: {advice}")));
        lines.join("\n")
    }
}

/// What lies in the arena when it is fullest.
fn fullest_step(built: &Built) -> String {
    let (plan, peak) = (&built.plan, built.plan.peak());
    let graph = &plan.quant.graph;
    let at = match peak.node {
        Some(node) => format!("at node `{}`", short(&graph.nodes[node.0].name)),
        None => "at the inputs and outputs".into(),
    };
    let value = |&(value, bytes): &(crate::ir::ValueId, u32)| {
        format!("`{}` {}", short(&graph.value(value).name), count(bytes.into()))
    };
    let live = peak.live.iter().take(4).map(value).collect::<Vec<_>>().join(", ");
    format!("the fullest step is {at}: {live} bytes")
}

/// Names of fused layers list all of them; the first ones serve to find it.
fn short(name: &str) -> String {
    let mut start: String = name.chars().take(48).collect();
    if start.len() < name.len() {
        start.push('…');
    }
    start
}

fn ram_advice(built: &Built) -> Vec<String> {
    let graph = &built.plan.quant.graph;
    let mut advice = Vec::new();
    if graph.inputs.iter().chain(&graph.outputs).any(|port| graph.value(port.value).dtype == DType::F32) {
        advice.push("--io-dtype int8: inputs and outputs of one byte an element".into());
    }
    let float = |node: &crate::ir::Node| graph.value(node.output).dtype == DType::F32;
    if graph.nodes.iter().any(float) {
        advice.push("--precision int8 and no --keep-float: values of one byte an element".into());
    }
    advice.push("a smaller input, an earlier stride, or fewer channels in that node".into());
    advice
}

fn flash_advice(summary: &Summary) -> Vec<String> {
    let bytes = |name: &str| summary.sections.iter().find(|s| s.name == name).map_or(0, |s| s.bytes);
    let mut advice = Vec::new();
    if bytes("self_test") > 0 {
        advice.push(format!("--self-test 0: {} bytes less", count(bytes("self_test").into())));
    }
    if bytes("meta") > 64 {
        advice.push(format!("--strip: {} bytes less, without names", count(bytes("meta").into())));
    }
    if summary.instructions.iter().any(|i| i.op.ends_with("_f32")) {
        advice.push("--precision int8, or f16: weights of one byte, or two".into());
    }
    if summary.packed_bytes().is_none() {
        advice.push("--compress smallest: packed weights, which take more time and RAM to unpack".into());
    }
    advice.push("fewer channels in the layers with most weights, as `mote inspect` lists them".into());
    advice
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_take_binary_units() {
        let good = [("0", 0), ("65536", 65536), ("64K", 65536), ("64KiB", 65536), ("40_000", 40_000), ("1M", 1 << 20)];
        assert!(good.iter().all(|&(text, bytes)| parse_bytes(text) == Ok(bytes)));
        for text in ["", "K", "-1", "1.5K", "5000M", "small"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ram_is_min_or_bytes() {
        assert_eq!(parse_ram("min"), Ok(Ram::Min));
        assert_eq!(parse_ram("9000"), Ok(Ram::Within(9000)));
        assert!(parse_ram("max").unwrap_err().contains("`min`"));
    }

    #[test]
    fn flash_is_max_or_bytes() {
        assert_eq!(parse_flash("max"), Ok(Flash::Max));
        assert_eq!(parse_flash("256K"), Ok(Flash::Within(256 << 10)));
        assert!(parse_flash("min").unwrap_err().contains("`max`"));
        let args = BudgetArgs { flash: Some(Flash::Within(1000)), ..BudgetArgs::default() };
        assert_eq!((args.flash(40), BudgetArgs::default().flash(40)), (Flash::Within(960), Flash::Smallest));
    }

    #[test]
    fn options_are_recorded_as_given() {
        assert_eq!(BudgetArgs::default().recorded(), "");
        let args = BudgetArgs { ram: Some(Ram::Min), target: Some(Target::CortexM3), ..BudgetArgs::default() };
        assert_eq!(args.recorded(), "--ram min --target cortex-m3");
        let args = BudgetArgs { flash: Some(Flash::Within(70_000)), ..args };
        assert_eq!(args.recorded(), "--ram min --flash 70000 --target cortex-m3");
        let args = BudgetArgs { dense: true, ..BudgetArgs::default() };
        assert_eq!((args.recorded().as_str(), args.plan_options().sparse), ("--dense", false));
    }
}
