//! What `mote quantize --auto` says about its steps.

use super::check::ops_table;
use super::convert_report::Report;
use super::table::{Table, count, percent};
use crate::auto::{AutoOptions, Step};
use serde_json::{Value, json};

/// Everything there is to say.
pub(super) struct Found<'a> {
    pub file: Report<'a>,
    pub steps: &'a [Step],
    pub chosen: usize,
    pub options: &'a AutoOptions,
}

impl Found<'_> {
    /// The steps, the verdict, and the file.
    pub fn text(&self) -> String {
        let converted = self.file.converted;
        let mut parts = vec![table(self.steps, self.chosen).to_string(), self.verdict(), self.file.text()];
        parts.push(ops_table(&converted.summary).to_string());
        parts.extend(converted.shortfalls.iter().map(|shortfall| shortfall.text()));
        parts.join("\n\n")
    }

    fn verdict(&self) -> String {
        let step = &self.steps[self.chosen];
        let lost = format!("{:.2} points lost, {} are allowed", step.drop_points, self.options.max_drop);
        match step.held {
            true => format!("* {}, {}: {lost}", step.technique, step.changed),
            false => format!("FAILED: {lost}. The most accurate file is that of {}, {}", step.technique, step.changed),
        }
    }

    /// The same as one object.
    pub fn json(&self) -> Value {
        json!({
            "schema": 1,
            "max_drop": self.options.max_drop,
            "floor_db": self.options.floor_db,
            "adaround": self.options.adaround,
            "steps": self.steps.iter().map(step_json).collect::<Vec<_>>(),
            "chosen": self.chosen,
            "held": self.steps[self.chosen].held,
            "file": self.file.json(),
        })
    }
}

/// JSON has no infinity: what is equal has no ratio.
fn step_json(step: &Step) -> Value {
    let finite = |db: f64| db.is_finite().then_some(db);
    json!({
        "technique": step.technique,
        "changed": step.changed,
        "float_top1": step.accuracy.map(|a| a.0),
        "top1": step.accuracy.map(|a| a.1),
        "agreement": step.agreement,
        "drop_points": step.drop_points,
        "output_db": finite(step.output_db),
        "worst_layer": step.worst.as_ref().map(|w| &w.0),
        "worst_db": step.worst.as_ref().and_then(|w| finite(w.1)),
        "file_bytes": step.file_bytes,
        "arena_bytes": step.arena_bytes,
        "held": step.held,
    })
}

fn table(steps: &[Step], chosen: usize) -> Table {
    let labelled = steps.iter().any(|step| step.accuracy.is_some());
    let figure = if labelled { ">accuracy" } else { ">agreement" };
    let headings =
        ["", "step", "changed", figure, ">points lost", ">output dB", ">worst dB", "worst layer", ">file", ">arena"];
    let mut table = Table::new(&headings);
    if let Some((float, _)) = steps.first().and_then(|step| step.accuracy) {
        table.row(&["".into(), "float".to_string(), String::new(), percent(float), "0.00".into()]);
    }
    for (at, step) in steps.iter().enumerate() {
        let (layer, db) = step.worst.clone().unwrap_or_default();
        table.row(&[
            if at == chosen { "*".into() } else { String::new() },
            step.technique.to_string(),
            step.changed.clone(),
            percent(step.accuracy.map_or(step.agreement, |(_, stored)| stored)),
            format!("{:.2}", step.drop_points),
            decibel(step.output_db),
            decibel(db),
            layer,
            count(step.file_bytes as u64),
            count(step.arena_bytes.into()),
        ]);
    }
    table
}

fn decibel(db: f64) -> String {
    if db.is_finite() { format!("{db:.1}") } else { "equal".into() }
}
