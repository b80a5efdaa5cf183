//! What `mote convert` says about the file it wrote.

use super::convert::Converted;
use super::convert_args::method_text;
use super::table::{count, facts, kib, percent};
use crate::import::Format;
use crate::quantize::Method;
use serde_json::{Value, json};
use std::path::Path;

/// Everything there is to say.
pub(super) struct Report<'a> {
    pub output: &'a Path,
    pub converted: &'a Converted,
    pub method: Method,
}

impl Report<'_> {
    /// Weights and biases of the float network.
    fn parameters(&self) -> u64 {
        let constants = self.converted.built.graph.values.iter().filter_map(|v| v.constant.as_ref());
        constants.map(|c| c.len() as u64).sum()
    }

    fn passes(&self) -> String {
        let fired = self.converted.built.passes.iter().filter(|p| p.rewrites > 0);
        let text = fired.map(|p| format!("{} {}", p.name, p.rewrites)).collect::<Vec<_>>().join(", ");
        if text.is_empty() { "nothing to do".into() } else { text }
    }

    fn cross_check(&self) -> String {
        let Some(check) = &self.converted.built.cross_check else { return self.no_cross_check().into() };
        if let Some(why) = &check.not_checked {
            return format!("not done: {why}");
        }
        let worst = check.outputs.iter().map(|o| o.max_rel).fold(0.0, f32::max);
        let mut text = format!("agrees with tract, at most {worst:.1e} of the largest output apart");
        check.adjusted.iter().for_each(|what| text.extend(["; ", what]));
        text
    }

    fn no_cross_check(&self) -> &'static str {
        match self.converted.built.source.format {
            Format::Onnx { .. } if self.converted.built.came_quantized => "none: the network came quantized",
            Format::Onnx { .. } => "not asked for",
            _ => "none: there is no second implementation of this format",
        }
    }

    fn calibration(&self) -> String {
        let data = &self.converted.built.calibration;
        if self.converted.built.came_quantized {
            return "none: the network came quantized".into();
        }
        if data.is_empty() {
            return "none: float".into();
        }
        format!("{}; {} of them, method {}", data.origin, count(data.len() as u64), method_text(self.method))
    }

    /// What was done about the error of quantization, a line each.
    fn improved(&self) -> Vec<String> {
        let improved = &self.converted.built.improved;
        let mut lines = Vec::new();
        if !improved.equalized.is_empty() {
            let (pairs, channels) =
                (improved.equalized.len(), improved.equalized.iter().map(|e| e.channels).sum::<usize>());
            lines.push(format!("equalized {} channels between {pairs} pairs of layers", count(channels as u64)));
        }
        if let Some(worst) = improved.rounded.first() {
            let (layers, gain) = (improved.rounded.len(), worst.chosen_db - worst.nearest_db);
            lines.push(format!(
                "weights of {layers} layers rounded for their output; `{}` gains {gain:.1} dB",
                worst.node
            ));
        }
        for w in &improved.widened {
            lines.push(format!(
                "more bits around `{}` ({:.1} dB): {} nodes, {:+.1} dB at the output",
                w.layer,
                w.layer_db,
                w.nodes.len(),
                w.gain_db
            ));
        }
        lines
    }

    fn improved_json(&self) -> Value {
        let improved = &self.converted.built.improved;
        json!({
            "equalized": improved.equalized.iter().map(|e| json!({
                "first": e.first, "second": e.second, "channels": e.channels, "spread": e.spread,
            })).collect::<Vec<_>>(),
            "rounded": improved.rounded.iter().map(|r| json!({
                "node": r.node, "nearest_db": finite(r.nearest_db), "chosen_db": finite(r.chosen_db),
            })).collect::<Vec<_>>(),
            "widened": improved.widened.iter().map(|w| json!({
                "layer": w.layer, "nodes": w.nodes, "layer_db": finite(w.layer_db), "gain_db": finite(w.gain_db),
            })).collect::<Vec<_>>(),
        })
    }

    /// What the planner did with the arena.
    fn memory(&self) -> String {
        let instructions = &self.converted.summary.instructions;
        let lying_over = instructions.iter().filter(|i| !i.memory.is_empty()).count();
        let scratch = instructions.iter().map(|i| i.scratch_bytes).max().unwrap_or(0);
        let direct = instructions.iter().filter(|i| i.kernel.contains("B of scratch")).count();
        let mut text = format!(
            "{lying_over} of {} results lie over their operands; scratch of {} bytes at most",
            instructions.len(),
            count(scratch.into())
        );
        if direct > 0 {
            text += &format!("; none in {direct} more, to save RAM");
        }
        text
    }

    pub fn text(&self) -> String {
        let s = &self.converted.summary;
        let part = |x: &crate::inspect::SectionSummary| format!("{} {}", x.name, kib(x.bytes.into()));
        let bytes = s.sections.iter().map(part).collect::<Vec<_>>().join(", ");
        let source = &self.converted.built.source;
        let producer = if source.producer.is_empty() { "unknown" } else { &source.producer };
        let written = match self.converted.shortfalls.is_empty() {
            true => format!("{} ({})", self.output.display(), s.name),
            false => "nothing: a budget is not met".into(),
        };
        let mut lines = vec![
            ("written", written),
            ("source", format!("{}, by {producer}", source.format)),
            ("passes", self.passes()),
            ("import check", self.cross_check()),
            ("calibration", self.calibration()),
        ];
        lines.extend(self.improved().into_iter().map(|text| ("improved", text)));
        lines.extend([
            ("parameters", count(self.parameters())),
            ("instructions", count(s.instructions.len() as u64)),
            ("MACs", count(s.macs)),
            ("flash", format!("{} ({bytes})", kib(s.file_bytes.into()))),
            ("arena", format!("{} bytes of RAM", count(s.arena_bytes.into()))),
            ("memory", self.memory()),
            ("self-test", format!("{} vectors", s.self_tests)),
        ]);
        lines.extend(super::inspect::packed(s).map(|text| ("packed", text)));
        if let Some((origin, e)) = &self.converted.evaluation {
            let top1 = |c: &Option<crate::validate::accuracy::Confusion>| {
                c.as_ref().map_or_else(String::new, |c| percent(c.top1()))
            };
            let drop = e.drop_points().map_or_else(String::new, |d| format!(" ({:+.2} points)", 0.0 - d));
            lines.push(match e.stored {
                Some(_) => ("accuracy", format!("float {}, int8 {}{drop}", top1(&e.float), top1(&e.stored))),
                None => {
                    ("agreement", format!("{} get the same class as in float", percent(e.agreement.unwrap_or(0.0))))
                }
            });
            lines.push(("", format!("on {origin}")));
        }
        facts(&lines)
    }

    pub fn json(&self) -> Value {
        let s = &self.converted.summary;
        let check = self.converted.built.cross_check.as_ref().map(|c| {
            let worst = c.outputs.iter().map(|o| o.max_rel).fold(0.0, f32::max);
            json!({ "agrees": c.agrees, "max_rel": worst, "not_checked": c.not_checked, "adjusted": c.adjusted })
        });
        let data = &self.converted.built.calibration;
        let calibration = (!data.is_empty())
            .then(|| json!({ "data": data.origin, "samples": data.len(), "method": method_text(self.method) }));
        let accuracy = self.converted.evaluation.as_ref().map(|(origin, e)| {
            let top1 = |c: &Option<crate::validate::accuracy::Confusion>| c.as_ref().map(|c| c.top1());
            json!({
                "data": origin,
                "samples": e.samples,
                "float": top1(&e.float),
                "int8": top1(&e.stored),
                "drop_points": e.drop_points(),
                "agreement": e.agreement,
            })
        });
        json!({
            "schema": 1,
            "output": self.output.display().to_string(),
            "written": self.converted.shortfalls.is_empty(),
            "shortfalls": self.converted.shortfalls,
            "name": s.name,
            "source": self.converted.built.source.format.to_string(),
            "came_quantized": self.converted.built.came_quantized,
            "producer": self.converted.built.source.producer,
            "warnings": self.converted.built.source.warnings,
            "passes": self.converted.built.passes.iter().map(|p| json!({ "name": p.name, "rewrites": p.rewrites })).collect::<Vec<_>>(),
            "cross_check": check,
            "calibration": calibration,
            "improved": self.improved_json(),
            "parameters": self.parameters(),
            "instructions": s.instructions.len(),
            "macs": s.macs,
            "file_bytes": s.file_bytes,
            "arena_bytes": s.arena_bytes,
            "packed": s.packed_bytes().map(|(bytes, dense)| json!({ "bytes": bytes, "dense_bytes": dense })),
            "self_tests": s.self_tests,
            "sha256": s.sha256,
            "accuracy": accuracy,
        })
    }
}

/// JSON has no infinity.
fn finite(db: f64) -> Option<f64> {
    db.is_finite().then_some(db)
}
