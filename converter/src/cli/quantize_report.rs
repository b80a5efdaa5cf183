//! What `mote quantize --auto` says about its steps.

use super::check::ops_table;
use super::convert::Converted;
use super::convert_args::Args;
use super::convert_report::Report;
use super::table::{Table, count, percent};
use crate::auto::{AutoOptions, Step};
use serde_json::{Value, json};

/// The steps, the verdict, and the file.
pub(super) fn text(
    args: &Args,
    converted: &Converted,
    steps: &[Step],
    chosen: usize,
    options: &AutoOptions,
) -> anyhow::Result<String> {
    let mut parts = vec![table(steps, chosen).to_string(), verdict(steps, chosen, options)];
    parts.push(report(args, converted).text());
    parts.push(ops_table(&converted.summary).to_string());
    parts.extend(converted.shortfalls.iter().map(|shortfall| shortfall.text()));
    Ok(parts.join("\n\n"))
}

fn report<'a>(args: &'a Args, converted: &'a Converted) -> Report<'a> {
    Report { output: &args.output, converted, method: args.method() }
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

fn verdict(steps: &[Step], chosen: usize, options: &AutoOptions) -> String {
    let step = &steps[chosen];
    let lost = format!("{:.2} points lost, {} are allowed", step.drop_points, options.max_drop);
    match step.held {
        true => format!("* {}, {}: {lost}", step.technique, step.changed),
        false => format!("FAILED: {lost}. The most accurate file was chosen: {}, {}", step.technique, step.changed),
    }
}

/// The same as one object.
pub(super) fn json_of(
    args: &Args,
    converted: &Converted,
    steps: &[Step],
    chosen: usize,
    options: &AutoOptions,
) -> Value {
    // JSON has no infinity: what is equal has no ratio.
    let finite = |db: f64| db.is_finite().then_some(db);
    let step = |step: &Step| {
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
    };
    json!({
        "schema": 1,
        "max_drop": options.max_drop,
        "floor_db": options.floor_db,
        "adaround": options.adaround,
        "steps": steps.iter().map(step).collect::<Vec<_>>(),
        "chosen": chosen,
        "held": steps[chosen].held,
        "file": report(args, converted).json(),
    })
}
