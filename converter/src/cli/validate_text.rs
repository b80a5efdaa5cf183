//! A validation as tables.

use super::table::{Table, facts, percent, real};
use super::validate::{Check, Loaded};
use super::validate_fix::Advice;
use crate::validate::Similarity;
use crate::validate::reference::{How, InputReport, LayerReport, Scores, Validation, Whole};
use std::path::Path;

/// What was compared, and how it came out.
pub(super) fn text(loaded: &Loaded, v: &Validation, floor_db: f64) -> String {
    let mut parts = vec![facts(&of_reference(loaded, v)), layers(v, floor_db).to_string()];
    if !v.unmatched.is_empty() {
        parts.push(format!(
            "Recorded layers that the file holds no value of (fused into others, or never whole): {}",
            v.unmatched.join(", ")
        ));
    }
    parts.push(facts(&of_whole(&v.whole)));
    parts.join("\n\n")
}

fn of_reference(loaded: &Loaded, v: &Validation) -> Vec<(&'static str, String)> {
    match loaded {
        Loaded::Recording(recording) => {
            let m = &recording.manifest;
            let versions: Vec<String> = m.versions.iter().map(|(program, v)| format!("{program} {v}")).collect();
            vec![
                ("reference", format!("{}, recorded on {}", m.name, m.device)),
                ("versions", versions.join(", ")),
                ("samples", format!("{} of {}", v.whole.samples, recording.len())),
            ]
        }
        Loaded::Data(data) => vec![
            ("reference", "the float network in the IR executor".into()),
            ("samples", format!("{} of {}", v.whole.samples, data.origin)),
        ],
    }
}

fn layers(v: &Validation, floor_db: f64) -> Table {
    let headings = [
        "#",
        "op",
        "node",
        "recorded layer",
        ">float32",
        ">SQNR dB",
        ">max error",
        ">mean error",
        ">in steps",
        ">cosine",
        ">saturated",
        ">own",
        "",
    ];
    let mut table = Table::new(&headings);
    for input in &v.inputs {
        table.row(&input_row(input));
    }
    for l in &v.layers {
        table.row(&row(l, l.similarity.sqnr_db < floor_db));
    }
    table
}

/// An input, as the file stores it.
fn input_row(input: &InputReport) -> [String; 13] {
    let [sqnr, max, mean, steps, cosine] = figures(&input.similarity, input.scale);
    let blank = String::new;
    let (name, saturated) = (input.name.clone(), share(input.saturated));
    [blank(), "input".into(), name, blank(), blank(), sqnr, max, mean, steps, cosine, saturated, blank(), blank()]
}

/// Decibel, largest and mean error, both in steps, cosine.
fn figures(s: &Similarity, scale: f32) -> [String; 5] {
    let in_steps = |error: f64| format!("{:.1}", error / f64::from(scale));
    [
        if s.sqnr_db.is_finite() { format!("{:.1}", s.sqnr_db) } else { "equal".into() },
        real(s.max_abs),
        real(s.mean_abs),
        if scale > 0.0 { format!("{}/{}", in_steps(s.max_abs), in_steps(s.mean_abs)) } else { String::new() },
        format!("{:.5}", s.cosine),
    ]
}

fn share(saturated: f64) -> String {
    if saturated == 0.0 { "0".into() } else { percent(saturated) }
}

fn row(l: &LayerReport, below: bool) -> [String; 13] {
    let [sqnr, max, mean, steps, cosine] = figures(&l.similarity, l.scale);
    let how = match l.how {
        Some(How::Given) => " (given)",
        Some(How::Position) => " (by position)",
        Some(How::Name) | None => "",
    };
    [
        l.instruction.to_string(),
        if l.dtype == "int8" { l.op.clone() } else { format!("{} {}", l.op, l.dtype) },
        l.node.clone(),
        l.layer.as_ref().map_or_else(|| "-".into(), |layer| format!("{layer}{how}")),
        l.float_difference.map_or_else(|| "-".into(), |d| if d == 0.0 { "equal".into() } else { format!("{d:.0e}") }),
        sqnr,
        max,
        mean,
        steps,
        cosine,
        share(l.saturated),
        l.own_share.map_or_else(|| "-".into(), |share| format!("{:.0} %", share * 100.0)),
        if below { "BELOW".into() } else { String::new() },
    ]
}

fn of_whole(w: &Whole) -> Vec<(&'static str, String)> {
    let mut lines = vec![(
        "first output",
        format!(
            "{:.1} dB SQNR, at most {} off, mean squared error {:.3e}; float32 {:.1} dB",
            w.output.sqnr_db,
            real(w.output.max_abs),
            w.mean_squared_error,
            w.float_output.sqnr_db
        ),
    )];
    if let Some(top1) = w.top1_agreement {
        let float = w.float_top1_agreement.map_or_else(String::new, |f| format!("; float32 {}", percent(f)));
        lines.push(("agreement", format!("{} get the class of the reference{float}", percent(top1))));
    }
    if let Some(top5) = w.top5_agreement {
        lines.push(("top 5", format!("{} have it among their five highest scores", percent(top5))));
    }
    let three = |s: &Scores, show: &dyn Fn(f64) -> String| {
        format!("reference {}, float32 {}, int8 {}", show(s.reference), show(s.float), show(s.int8))
    };
    if let Some(accuracy) = &w.accuracy {
        lines.push(("accuracy", three(accuracy, &percent)));
    }
    if let Some(auc) = &w.auc {
        lines.push(("ROC AUC", three(auc, &|v| format!("{v:.4}"))));
    }
    if let Some(error) = &w.reconstruction_error {
        lines.push(("reconstruction", three(error, &real)));
    }
    lines
}

/// Which bounds held, where the error is, and what to do.
pub(super) fn verdict(
    v: &Validation,
    checks: &[Check],
    advice: Option<&Advice>,
    floor_db: f64,
    (network, data): (&Path, &str),
) -> String {
    let mut text = String::new();
    for check in checks {
        text += &format!("\n{} {}", if check.held { "ok    " } else { "FAILED" }, check.what);
    }
    if let Some(input) = v.inputs.iter().find(|input| input.similarity.sqnr_db < floor_db) {
        text += &format!(
            "\n\nInput `{}` has {:.1} dB before any layer runs, {} of its values lie beyond what it can store: it was calibrated \
             on other data, or is normalized in another way.",
            input.name,
            input.similarity.sqnr_db,
            percent(input.saturated)
        );
    }
    if let Some(first) = v.first_below(floor_db) {
        text += &format!("\n\n`{}` has {:.1} dB: {}.", first.node, first.similarity.sqnr_db, why(first));
    }
    if let Some(advice) = advice {
        text += &format!("\n\n{}", advice.text(network, data));
    }
    text
}

/// What the figures of a layer say about the cause of its error.
fn why(l: &LayerReport) -> String {
    let mut reasons = Vec::new();
    if l.saturated > 0.001 {
        reasons.push(format!("{} of its values lie beyond what it can store", percent(l.saturated)));
    } else if l.scale > 0.0 && l.similarity.max_abs < 4.0 * f64::from(l.scale) {
        reasons.push("its steps are coarse for its values".into());
    }
    match l.own_share {
        Some(own) if own >= 0.5 => reasons.push(format!("{:.0} % of its error arises in it", own * 100.0)),
        Some(own) => reasons.push(format!("{:.0} % of its error came with its inputs", (1.0 - own) * 100.0)),
        None => {}
    }
    if reasons.is_empty() { "its values are far from the reference's".into() } else { reasons.join(", ") }
}
