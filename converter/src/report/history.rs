//! What training, compression and quantization did, step by step.

use super::chart::{Curve, Series, bars, lines};
use super::{Figure, ReportError, TableData};
use crate::cli::{count, kib, percent};
use serde::Deserialize;
use std::path::Path;

/// What `mote train --json` or `mote quantize --auto --json` printed.
#[derive(Clone, Debug)]
pub enum History {
    /// Steps of training and compression, and their epochs.
    Training {
        /// In order.
        steps: Vec<TrainStep>,
    },
    /// Ways to quantize that were tried.
    Quantization {
        /// In the order in which they were tried.
        steps: Vec<QuantStep>,
        /// Which of them became the file.
        chosen: usize,
    },
}

/// A step of training.
#[derive(Clone, Debug, Deserialize)]
pub struct TrainStep {
    name: String,
    macs: u64,
    parameters: u64,
    zeros: u64,
    best_epoch: usize,
    history: Vec<Epoch>,
}

#[derive(Clone, Debug, Deserialize)]
struct Epoch {
    epoch: usize,
    train_loss: f64,
    validation_loss: Option<f64>,
    validation_accuracy: Option<f64>,
}

/// A way to quantize.
#[derive(Clone, Debug, Deserialize)]
pub struct QuantStep {
    technique: String,
    changed: String,
    top1: Option<f64>,
    agreement: f64,
    output_db: Option<f64>,
    file_bytes: u64,
    arena_bytes: u64,
}

impl History {
    /// Reads what one of the commands printed.
    pub fn read(path: &Path, text: &[u8]) -> Result<Self, ReportError> {
        #[derive(Deserialize)]
        struct Training {
            steps: Vec<TrainStep>,
        }
        #[derive(Deserialize)]
        struct Quantization {
            steps: Vec<QuantStep>,
            chosen: usize,
        }
        let quantization = match serde_json::from_slice::<Training>(text) {
            Ok(Training { steps }) if !steps.is_empty() => return Ok(Self::Training { steps }),
            _ => serde_json::from_slice::<Quantization>(text),
        };
        match quantization {
            Ok(Quantization { steps, chosen }) => Ok(Self::Quantization { steps, chosen }),
            Err(e) => Err(ReportError::Json {
                file: path.display().to_string(),
                kind: "the output of `mote train --json` or `mote quantize --auto --json`",
                reason: e.to_string(),
            }),
        }
    }

    pub(super) fn figures(&self, id: &str) -> Result<Vec<Figure>, ReportError> {
        match self {
            Self::Training { steps } => training(id, steps),
            Self::Quantization { steps, chosen } => Ok(vec![quantization(id, steps, *chosen)?]),
        }
    }
}

fn training(id: &str, steps: &[TrainStep]) -> Result<Vec<Figure>, ReportError> {
    let mut table = TableData::new(&["step", ">epochs", ">MACs", ">parameters", ">zeros", ">validation accuracy"]);
    for step in steps {
        let best = step.history.iter().find(|e| e.epoch == step.best_epoch);
        table.row(vec![
            step.name.clone(),
            step.history.len().to_string(),
            count(step.macs),
            count(step.parameters),
            percent(step.zeros as f64 / step.parameters.max(1) as f64),
            best.and_then(|e| e.validation_accuracy).map_or_else(|| "-".into(), percent),
        ]);
    }
    let labels: Vec<String> = steps.iter().enumerate().map(|(at, s)| format!("{} {}", at + 1, s.name)).collect();
    let first = steps.first().map_or(1, |s| (s.parameters - s.zeros).max(1)) as f64;
    let first_macs = steps.first().map_or(1, |s| s.macs.max(1)) as f64;
    let series = [
        Series {
            name: "parameters that are not zero".into(),
            values: steps.iter().map(|s| Some((s.parameters - s.zeros) as f64 / first * 100.0)).collect(),
        },
        Series {
            name: "MACs".into(),
            values: steps.iter().map(|s| Some(s.macs as f64 / first_macs * 100.0)).collect(),
        },
    ];
    let mut figures = vec![Figure {
        id: format!("{id}-compression"),
        title: "Compression".into(),
        note: "What each step leaves of the first one's parameters and multiply-accumulates.".into(),
        alt: format!("Bars: parameters and multiply-accumulates after each of {} steps, in percent.", steps.len()),
        svg: Some(bars("% of the first step", &labels, &series, None)?),
        table,
        open: true,
    }];
    let epochs = || steps.iter().flat_map(|s| s.history.iter()).enumerate().map(|(at, e)| ((at + 1) as f64, e));
    let train: Vec<(f64, f64)> = epochs().map(|(at, e)| (at, e.train_loss)).collect();
    if train.is_empty() {
        return Ok(figures);
    }
    let validation: Vec<(f64, f64)> = epochs().filter_map(|(at, e)| Some((at, e.validation_loss?))).collect();
    let mut curves = vec![Curve { name: "training".into(), points: train, marks: false }];
    if !validation.is_empty() {
        curves.push(Curve { name: "validation".into(), points: validation, marks: false });
    }
    let mut table = TableData::new(&[">epoch", "step", ">training loss", ">validation loss", ">validation accuracy"]);
    for (at, (step, e)) in steps.iter().flat_map(|s| s.history.iter().map(move |e| (s, e))).enumerate() {
        let loss = e.validation_loss.map_or_else(|| "-".into(), |l| format!("{l:.4}"));
        let accuracy = e.validation_accuracy.map_or_else(|| "-".into(), percent);
        table.row(vec![(at + 1).to_string(), step.name.clone(), format!("{:.4}", e.train_loss), loss, accuracy]);
    }
    figures.push(Figure {
        id: format!("{id}-learning"),
        title: "Learning".into(),
        note: "Loss over the epochs of all steps.".into(),
        alt: "Curves of the loss on training and validation samples over the epochs.".into(),
        svg: Some(lines("epoch", "loss", &curves)?),
        table,
        open: false,
    });
    Ok(figures)
}

fn quantization(id: &str, steps: &[QuantStep], chosen: usize) -> Result<Figure, ReportError> {
    let mut table =
        TableData::new(&["technique", "what", ">accuracy", ">agreement", ">output dB", ">file", ">arena", ""]);
    for (at, step) in steps.iter().enumerate() {
        table.row(vec![
            step.technique.clone(),
            step.changed.clone(),
            step.top1.map_or_else(|| "-".into(), percent),
            percent(step.agreement),
            step.output_db.map_or_else(|| "equal".into(), |db| format!("{db:.1}")),
            kib(step.file_bytes),
            kib(step.arena_bytes),
            if at == chosen { "chosen".into() } else { String::new() },
        ]);
    }
    let labels: Vec<String> =
        steps.iter().enumerate().map(|(at, s)| format!("{} {}, {}", at + 1, s.technique, s.changed)).collect();
    let values = steps.iter().map(|s| s.output_db).collect();
    Ok(Figure {
        id: format!("{id}-quantization"),
        title: "Ways to quantize".into(),
        note: "What was tried, the cheapest first, until the network was accurate enough.".into(),
        alt: format!("Bars: signal-to-noise ratio of the output after each of {} ways to quantize.", steps.len()),
        svg: Some(bars("SQNR of the output, dB", &labels, &[Series { name: "SQNR".into(), values }], None)?),
        table,
        open: true,
    })
}
