//! Everything the page says about one file.

use super::figure::TableData;
use super::pictures::Sample;
use super::{Evaluated, Figure, History, Latency, ReportError, graph, latency, memory, quality};
use crate::cli::{count, kib, percent};
use crate::inspect::{Summary, data_flow, occupants};
use crate::validate::Session;
use crate::validate::reference::Validation;
use serde::Serialize;

/// Samples in the grid.
const SAMPLES: usize = 24;

/// A file and what is known besides.
pub struct Sources<'a> {
    /// The file.
    pub session: &'a Session,
    /// Where it lies, for its heading.
    pub path: String,
    /// Against the full-precision run, and what that was.
    pub validation: Option<(&'a Validation, String)>,
    /// What it makes of samples.
    pub evaluated: Option<&'a Evaluated>,
    /// Times; those of other models are left out.
    pub latencies: &'a [Latency],
    /// How it came about.
    pub histories: &'a [History],
}

/// A section of the page.
#[derive(Clone, Debug, Serialize)]
pub struct ModelPage {
    id: String,
    name: String,
    path: String,
    cards: Vec<(String, String)>,
    facts: Vec<(String, String)>,
    figures: Vec<Figure>,
    samples: Vec<Sample>,
    samples_from: String,
    #[serde(skip)]
    compared: Vec<String>,
}

impl ModelPage {
    /// Gathers everything. `number` tells the sections of a page apart.
    pub fn new(number: usize, from: &Sources) -> Result<Self, ReportError> {
        let summary = Summary::from_blob(from.session.blob())?;
        let model = from.session.model()?;
        let id = format!("m{number}");
        let own: Vec<&Latency> = from.latencies.iter().filter(|l| l.is_of(&summary)).collect();
        let edges = data_flow(&model, &summary);
        let mut figures = vec![layers(&id, &summary, graph::graph(&summary, &edges, &id))];
        figures.push(memory::ram(&id, &summary, &occupants(&model, &summary))?);
        let code: Vec<(String, u64)> = own.iter().filter_map(|l| Some((l.target.clone(), l.code_bytes?))).collect();
        figures.push(memory::flash(&id, &summary, &code)?);
        figures.extend(latency::figures(&id, &summary, &own)?);
        if let Some((validation, reference)) = &from.validation {
            figures.push(quality::sqnr(&id, validation, reference)?);
        }
        let (mut samples, mut samples_from) = (Vec::new(), String::new());
        if let Some(evaluated) = from.evaluated {
            figures.extend(evaluated.figures(&id)?);
            samples = evaluated.samples(SAMPLES)?;
            samples_from.clone_from(&evaluated.origin);
        }
        for (at, history) in from.histories.iter().enumerate() {
            figures.extend(history.figures(&format!("{id}-{at}"))?);
        }
        let accuracy = from.evaluated.filter(|e| e.labels.len() == e.outputs.len()).map(Evaluated::top1);
        let cards = cards(&summary, from, accuracy, &own);
        let compared = compared(&summary, from, accuracy, &own);
        let (name, path) = (summary.name.clone(), from.path.clone());
        Ok(Self { id, name, path, cards, facts: facts(&summary), figures, samples, samples_from, compared })
    }
}

/// The figures that everybody asks for first.
fn cards(summary: &Summary, from: &Sources, accuracy: Option<f64>, latencies: &[&Latency]) -> Vec<(String, String)> {
    let mut cards: Vec<(String, String)> = vec![
        ("file".into(), kib(summary.file_bytes.into())),
        ("RAM".into(), kib(summary.arena_bytes.into())),
        ("MACs".into(), count(summary.macs)),
    ];
    if let Some(accuracy) = accuracy {
        cards.push(("accuracy".into(), percent(accuracy)));
    }
    if let Some((validation, _)) = &from.validation {
        if let Some(agreement) = validation.whole.top1_agreement {
            cards.push(("agrees with float".into(), percent(agreement)));
        }
        let db = validation.whole.output.sqnr_db;
        let text = if db.is_finite() { format!("{db:.1} dB") } else { "equal".into() };
        cards.push(("output SQNR".into(), text));
    }
    cards.extend(latencies.iter().map(|l| (l.target.clone(), l.text())));
    cards
}

fn facts(summary: &Summary) -> Vec<(String, String)> {
    let port = |ports: &[crate::inspect::PortSummary]| {
        let one = |p: &crate::inspect::PortSummary| {
            let shape: Vec<String> = p.shape.iter().map(u32::to_string).collect();
            format!("{} {} [{}]", p.name, p.dtype, shape.join(", "))
        };
        ports.iter().map(one).collect::<Vec<_>>().join("; ")
    };
    let p = &summary.provenance;
    let known = |text: &str| if text.is_empty() { "not recorded".to_string() } else { text.to_string() };
    let mut facts: Vec<(String, String)> = vec![
        ("inputs".into(), port(&summary.inputs)),
        ("outputs".into(), port(&summary.outputs)),
        ("instructions".into(), summary.instructions.len().to_string()),
        ("model version".into(), summary.model_version.to_string()),
        ("rounding".into(), summary.rounding.clone()),
        ("self-test vectors".into(), summary.self_tests.to_string()),
        ("signed".into(), if summary.signed { "yes" } else { "no" }.into()),
        ("converter".into(), known(&p.converter)),
        ("normalization".into(), known(&p.normalization)),
        ("source SHA-256".into(), known(&p.source_sha256)),
        ("calibration SHA-256".into(), known(&p.calibration_sha256)),
        ("file SHA-256".into(), summary.sha256.clone()),
    ];
    if let Some((float, stored)) = p.accuracy {
        let text = format!("float {}, int8 {}", percent(float), percent(stored));
        facts.push(("accuracy at conversion".into(), text));
    }
    facts
}

/// The program as a graph and a table.
fn layers(id: &str, summary: &Summary, svg: Option<String>) -> Figure {
    let mut table = TableData::new(&[
        "#",
        "op",
        "node",
        "input",
        "output",
        ">MACs",
        ">constants",
        ">scratch",
        "kernel",
        "memory",
        ">scale",
        ">zero point",
    ]);
    let shape = |shape: &[u32]| shape.iter().map(u32::to_string).collect::<Vec<_>>().join("x");
    for i in &summary.instructions {
        table.row(vec![
            i.index.to_string(),
            i.op.clone(),
            i.node.clone(),
            shape(&i.input_shape),
            shape(&i.output_shape),
            if i.macs == 0 { "-".into() } else { count(i.macs) },
            if i.weight_bytes == 0 { "-".into() } else { count(i.weight_bytes.into()) },
            if i.scratch_bytes == 0 { "-".into() } else { count(i.scratch_bytes.into()) },
            i.kernel.clone(),
            i.memory.clone(),
            i.scale.map_or_else(|| "-".into(), |s| format!("{s:.5}")),
            i.zero_point.map_or_else(|| "-".into(), |z| z.to_string()),
        ]);
    }
    let n = summary.instructions.len();
    let note = match &svg {
        Some(_) => format!("{n} instructions, in the order in which the device runs them."),
        None => format!("{n} instructions: too many for a picture that helps."),
    };
    let alt = format!("Graph of the {n} instructions, from inputs at the top to outputs at the bottom.");
    Figure { id: format!("{id}-layers"), title: "Layers".into(), note, alt, svg, table, open: false }
}

const COMPARED: [&str; 7] = ["model", ">file", ">RAM", ">MACs", ">accuracy", ">output SQNR", ">latency"];

fn compared(summary: &Summary, from: &Sources, accuracy: Option<f64>, latencies: &[&Latency]) -> Vec<String> {
    let none = || "-".to_string();
    vec![
        summary.name.clone(),
        kib(summary.file_bytes.into()),
        kib(summary.arena_bytes.into()),
        count(summary.macs),
        accuracy.map_or_else(none, percent),
        from.validation.as_ref().map_or_else(none, |(v, _)| format!("{:.1} dB", v.whole.output.sqnr_db)),
        latencies.first().map_or_else(none, |l| format!("{}: {}", l.target, l.text())),
    ]
}

/// All files in one table.
pub(super) fn comparison(models: &[ModelPage]) -> TableData {
    let mut table = TableData::new(&COMPARED);
    models.iter().for_each(|model| table.row(model.compared.clone()));
    table
}
