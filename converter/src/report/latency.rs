//! Time per layer on targets, as `mote bench --json` measured it.

use super::chart::{Series, bars};
use super::{Figure, ReportError, TableData};
use crate::cli::count;
use crate::inspect::Summary;
use serde::Deserialize;
use std::path::Path;

/// One model on one target.
#[derive(Clone, Debug)]
pub struct Latency {
    /// The board.
    pub target: String,
    /// What the figures count: instructions, cycles, or ticks of the device's clock.
    pub unit: &'static str,
    /// Of a whole run.
    pub total: u64,
    /// Of each instruction of the program.
    pub per_instruction: Vec<u64>,
    /// Ticks in a second, if the unit is ticks and that is known.
    pub per_second: Option<u32>,
    /// Bytes of flash without the model, if known.
    pub code_bytes: Option<u64>,
    model: String,
}

/// The object that `mote bench FILE --json` prints, of an emulated board or of a device.
#[derive(Deserialize)]
struct Measured {
    model: String,
    board: String,
    instructions: Option<u64>,
    median: Option<u64>,
    ticks_per_second: Option<u32>,
    code_bytes: Option<u64>,
    cycles: Option<Cycles>,
    per_instruction: Vec<Layer>,
}

#[derive(Deserialize)]
struct Cycles {
    total: u64,
    per_instruction: Vec<u64>,
}

#[derive(Deserialize)]
struct Layer {
    index: usize,
    instructions: Option<u64>,
    median: Option<u64>,
}

impl Latency {
    /// Reads what `mote bench FILE --json` printed.
    pub fn read(path: &Path, text: &[u8]) -> Result<Self, ReportError> {
        let bad = |reason: String| ReportError::Json {
            file: path.display().to_string(),
            kind: "the output of `mote bench FILE --json`",
            reason,
        };
        let measured: Measured = serde_json::from_slice(text).map_err(|e| bad(e.to_string()))?;
        let Measured { model, board, code_bytes, ticks_per_second, .. } = measured;
        if let Some(Cycles { total, per_instruction }) = measured.cycles {
            let (target, per_second) = (board, None);
            return Ok(Self { target, unit: "cycles", total, per_instruction, per_second, code_bytes, model });
        }
        let (unit, total) = match (measured.instructions, measured.median) {
            (Some(total), _) => ("instructions", total),
            (None, Some(total)) => ("ticks", total),
            (None, None) => return Err(bad("it holds neither instructions nor ticks of a run".into())),
        };
        let mut per_instruction = Vec::new();
        for (at, layer) in measured.per_instruction.iter().enumerate() {
            match layer.instructions.or(layer.median) {
                Some(value) if layer.index == at => per_instruction.push(value),
                _ => return Err(bad(format!("entry {at} of `per_instruction` is not instruction {at} with a figure"))),
            }
        }
        let per_second = ticks_per_second.filter(|&n| n > 0 && unit == "ticks");
        Ok(Self { target: board, unit, total, per_instruction, per_second, code_bytes, model })
    }

    /// True if it can be of this file: the name is the same, and it has no more instructions.
    pub fn is_of(&self, summary: &Summary) -> bool {
        let one_by_one = self.unit != "ticks";
        let (own, all) = (self.per_instruction.len(), summary.instructions.len());
        self.model == summary.name && if one_by_one { own == all } else { own <= all }
    }

    /// Of a whole run, with its unit, and as a time where the clock is known.
    pub fn text(&self) -> String {
        let time = self.per_second.map(|n| format!(", {:.3} ms", self.total as f64 / f64::from(n) * 1000.0));
        format!("{} {}{}", count(self.total), self.unit, time.unwrap_or_default())
    }
}

/// One figure for each unit, since their axes differ.
pub(super) fn figures(id: &str, summary: &Summary, all: &[&Latency]) -> Result<Vec<Figure>, ReportError> {
    let mut figures = Vec::new();
    for unit in ["instructions", "cycles", "ticks"] {
        let of_unit: Vec<&&Latency> = all.iter().filter(|l| l.unit == unit).collect();
        if !of_unit.is_empty() {
            figures.push(figure(id, summary, unit, &of_unit)?);
        }
    }
    Ok(figures)
}

fn figure(id: &str, summary: &Summary, unit: &str, all: &[&&Latency]) -> Result<Figure, ReportError> {
    let headings: Vec<String> =
        ["#", "op", "node"].into_iter().map(String::from).chain(all.iter().map(|l| format!(">{}", l.target))).collect();
    let mut table = TableData::new(&headings.iter().map(String::as_str).collect::<Vec<_>>());
    for i in &summary.instructions {
        let figures = all.iter().map(|l| l.per_instruction.get(i.index).map_or_else(|| "-".into(), |n| count(*n)));
        let row = [i.index.to_string(), i.op.clone(), i.node.clone()];
        table.row(row.into_iter().chain(figures).collect());
    }
    let labels: Vec<String> = summary.instructions.iter().map(|i| format!("{} {}", i.index, i.op)).collect();
    let values = |l: &Latency| (0..labels.len()).map(|at| l.per_instruction.get(at).map(|&n| n as f64)).collect();
    let series: Vec<Series> = all.iter().map(|l| Series { name: l.target.clone(), values: values(l) }).collect();
    let totals: Vec<String> = all.iter().map(|l| format!("{}: {}", l.target, l.text())).collect();
    Ok(Figure {
        id: format!("{id}-latency-{unit}"),
        title: format!("Latency per layer, {unit}"),
        note: format!("A whole run takes, on {}.", totals.join("; ")),
        alt: format!("Bars: {unit} of each instruction on {} targets.", all.len()),
        svg: Some(bars(unit, &labels, &series, None)?),
        table,
        open: false,
    })
}
