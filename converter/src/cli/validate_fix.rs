//! What to do about a layer that is too far from the reference.

use super::Progress;
use super::model_file::read;
use super::table::{Table, kib, percent};
use super::validate::hinted;
use crate::auto::{Fault, Fix, find_fix};
use crate::import::{self, ImportOptions};
use crate::ir::Graph;
use crate::validate::evaluate::run_float;
use crate::validate::reference::Source;
use serde_json::json;
use std::path::Path;

/// Samples that ways to quantize are measured on.
const SAMPLES: usize = 64;

/// What was found.
pub(super) enum Advice {
    /// Nothing can be chosen.
    CameQuantized,
    /// All that was tried; the last one restores the layer if any does.
    Tried { samples: usize, fixes: Vec<Fix> },
}

/// Looks for the cheapest way to quantize that restores node, decibel, agreement of `fault`.
pub(super) fn advise(
    path: &Path,
    graph: &Graph,
    source: &Source,
    (node, floor_db, agreement): (&str, f64, f64),
    progress: &Progress,
) -> anyhow::Result<Advice> {
    let came_quantized =
        import::import(&read(path)?, &ImportOptions::default()).is_ok_and(|i| i.network.is_quantized());
    if came_quantized {
        return Ok(Advice::CameQuantized);
    }
    let (data, outputs) = source.inputs(graph, SAMPLES).map_err(hinted)?;
    let outputs = match outputs {
        Some(outputs) => outputs,
        None => run_float(graph, &data.samples, &mut |_| {})?,
    };
    let bar = progress.spinner("looking for a fix");
    let fault = Fault { node, floor_db, agreement };
    let fixes = find_fix(graph, &data, &outputs, &fault, &mut |what| bar.say(format!("looking for a fix: {what}")))?;
    Ok(Advice::Tried { samples: data.len(), fixes })
}

impl Advice {
    /// What restores the layer.
    pub fn fix(&self) -> Option<&Fix> {
        match self {
            Self::CameQuantized => None,
            Self::Tried { fixes, .. } => fixes.last().filter(|fix| fix.restores),
        }
    }

    pub fn json(&self) -> serde_json::Value {
        match self {
            Self::CameQuantized => json!({ "came_quantized": true }),
            Self::Tried { samples, fixes } => json!({ "samples": samples, "tried": fixes, "fix": self.fix() }),
        }
    }

    pub fn text(&self, network: &Path, data: &str) -> String {
        let Self::Tried { samples, fixes } = self else {
            return "The network came quantized, so that there is nothing to choose: quantize the float network that it was \
                    made from."
                .into();
        };
        let mut table = Table::new(&["tried", "", ">layer dB", ">output dB", ">agreement", ">RAM", ""]);
        for fix in fixes {
            let layer = fix.layer_db.map_or_else(|| "-".into(), |db| format!("{db:.1}"));
            let (output, ram) = (format!("{:.1}", fix.output_db), kib(fix.arena_bytes.into()));
            let verdict = if fix.restores { "restores it" } else { "" };
            let cells = [fix.technique, &fix.what, &layer, &output, &percent(fix.agreement), &ram, verdict];
            table.row(&cells);
        }
        let proposal = match self.fix() {
            Some(fix) => {
                let options: Vec<String> = fix.options.iter().map(|o| quoted(o)).collect();
                let options = options.join(" ");
                let network = network.display();
                format!("Fix: mote convert {network} --calibrate {data} {options}{}-o FILE", sep(&options))
            }
            None => {
                "None of these is enough; check the inputs' normalization, and train with `mote train` for int8.".into()
            }
        };
        format!(
            "Ways to quantize, calibrated and measured on {samples} samples of the reference\n{table}\n\n{proposal}"
        )
    }
}

fn sep(options: &str) -> &'static str {
    if options.is_empty() { "" } else { " " }
}

/// For a shell.
fn quoted(text: &str) -> String {
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:".contains(c));
    if plain { text.into() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
