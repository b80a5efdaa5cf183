//! Labelled samples: confusion matrix, receiver operating characteristic, sample predictions.

use super::chart::{Curve, heatmap, lines};
use super::pictures::{self, Sample};
use super::{Figure, ReportError, TableData};
use crate::validate::accuracy::{Confusion, class_count, predicted_class, roc_auc};
use crate::validate::evaluate::Outputs;

/// What a file made of samples.
#[derive(Clone, Debug, Default)]
pub struct Evaluated {
    /// Inputs in source order, as many as are shown.
    pub inputs: Vec<Vec<f32>>,
    /// Shape of the first input in the source network, batch first, and which axis counts channels.
    pub input_shape: Vec<usize>,
    /// See `input_shape`.
    pub channel_axis: Option<usize>,
    /// First outputs of all samples.
    pub outputs: Vec<Vec<f32>>,
    /// Class of each sample.
    pub labels: Vec<usize>,
    /// What to call the samples.
    pub sample_names: Vec<String>,
    /// What to call the classes.
    pub class_names: Vec<String>,
    /// Where the samples came from.
    pub origin: String,
}

/// Curves of more classes than this cannot be told apart.
const MOST_CURVES: usize = 7;
/// Classes of a matrix that can still be read.
const MOST_CLASSES: usize = 60;

impl Evaluated {
    /// The first outputs of runs.
    pub fn first_outputs(outputs: &Outputs) -> Vec<Vec<f32>> {
        outputs.iter().map(|o| o.first().cloned().unwrap_or_default()).collect()
    }

    fn classes(&self) -> usize {
        class_count(self.outputs.first().map_or(0, Vec::len))
    }

    fn name(&self, class: usize) -> String {
        self.class_names.get(class).cloned().unwrap_or_else(|| class.to_string())
    }

    fn confusion(&self) -> Confusion {
        let predictions: Vec<usize> = self.outputs.iter().map(|s| predicted_class(s)).collect();
        Confusion::of(&self.labels, &predictions, self.classes())
    }

    /// Share of the samples that are classified as labelled.
    pub fn top1(&self) -> f64 {
        self.confusion().top1()
    }

    /// All figures that labels allow.
    pub(super) fn figures(&self, id: &str) -> Result<Vec<Figure>, ReportError> {
        let mut figures = Vec::new();
        if self.labels.len() == self.outputs.len() && self.classes() <= MOST_CLASSES {
            figures.push(self.matrix(id)?);
            figures.extend(self.roc(id)?);
        }
        Ok(figures)
    }

    fn matrix(&self, id: &str) -> Result<Figure, ReportError> {
        let confusion = self.confusion();
        let names: Vec<String> = (0..self.classes()).map(|c| self.name(c)).collect();
        let columns: Vec<String> = names.iter().map(|n| format!(">{n}")).collect();
        let headings: Vec<&str> = std::iter::once("label").chain(columns.iter().map(String::as_str)).collect();
        let mut table = TableData::new(&headings);
        for (name, row) in names.iter().zip(&confusion.counts) {
            table.row(std::iter::once(name.clone()).chain(row.iter().map(u64::to_string)).collect());
        }
        let mistake = confusion.mistakes().into_iter().next().map_or_else(
            || " No sample is taken for another class.".into(),
            |(label, taken, n)| {
                format!(" The commonest mistake: {} taken for {}, {n} times.", names[label], names[taken])
            },
        );
        let (correct, samples) = (confusion.correct(), confusion.samples());
        Ok(Figure {
            id: format!("{id}-confusion"),
            title: "Confusion matrix".into(),
            note: format!("{correct} of {samples} samples get the class of their label.{mistake}"),
            alt: format!(
                "Matrix of labels and predicted classes; {correct} of {samples} lie on the diagonal.{mistake}"
            ),
            svg: Some(heatmap(&confusion.counts, &names)?),
            table,
            open: false,
        })
    }

    fn roc(&self, id: &str) -> Result<Option<Figure>, ReportError> {
        let score = |row: &[f32], class: usize| match row {
            [one] => *one,
            _ => row.get(class).copied().unwrap_or(f32::NAN),
        };
        // Of two classes, one says all.
        let classes: Vec<usize> = if self.classes() == 2 { vec![1] } else { (0..self.classes()).collect() };
        let mut table = TableData::new(&["class", ">samples", ">area under the curve"]);
        let mut all = Vec::new();
        for class in classes {
            let scores: Vec<f32> = self.outputs.iter().map(|row| score(row, class)).collect();
            let is_class: Vec<bool> = self.labels.iter().map(|&label| label == class).collect();
            let Some(auc) = roc_auc(&scores, &is_class) else { continue };
            let samples = is_class.iter().filter(|&&is| is).count();
            table.row(vec![self.name(class), samples.to_string(), format!("{auc:.4}")]);
            all.push((
                auc,
                Curve {
                    name: format!("{} {auc:.3}", self.name(class)),
                    points: curve(&scores, &is_class),
                    marks: false,
                },
            ));
        }
        // The hardest classes are what one looks for.
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        let Some((least, most)) = all.first().map(|a| a.0).zip(all.last().map(|a| a.0)) else { return Ok(None) };
        let left_out = all.len().saturating_sub(MOST_CURVES);
        let curves: Vec<Curve> = all.into_iter().take(MOST_CURVES).map(|a| a.1).collect();
        let only = if left_out > 0 { " The curves are those of the hardest classes." } else { "" };
        let range = format!("The area under the curve is {least:.4} to {most:.4}.");
        Ok(Some(Figure {
            id: format!("{id}-roc"),
            title: "Receiver operating characteristic".into(),
            note: format!("Each class against all others. {range}{only}"),
            alt: format!("Curves of true against false positive rate. {range}"),
            svg: Some(lines("false positive rate", "true positive rate", &curves)?),
            table,
            open: false,
        }))
    }

    /// Some samples with what the file makes of them: wrong ones first, since they are why one looks.
    pub(super) fn samples(&self, most: usize) -> Result<Vec<Sample>, ReportError> {
        let shown = self.inputs.len().min(self.outputs.len());
        let predicted = |at: usize| predicted_class(&self.outputs[at]);
        let is_wrong = |at: &usize| self.labels.get(*at).is_some_and(|&label| label != predicted(*at));
        let (wrong, right): (Vec<usize>, Vec<usize>) = (0..shown).partition(is_wrong);
        let half = (most / 2).max(most.saturating_sub(right.len())).min(wrong.len());
        let spread = |from: &[usize], n: usize| -> Vec<usize> {
            (0..n.min(from.len())).map(|i| from[i * from.len() / n.min(from.len())]).collect()
        };
        let chosen = spread(&wrong, half).into_iter().chain(spread(&right, most - half));
        let sample = |at: usize| -> Result<Sample, ReportError> {
            let class = predicted(at);
            let score = match self.outputs[at].as_slice() {
                [one] => *one,
                scores => scores.get(class).copied().unwrap_or(f32::NAN),
            };
            Ok(Sample {
                picture: pictures::picture(&self.inputs[at], &self.input_shape, self.channel_axis)?,
                name: self.sample_names.get(at).cloned().unwrap_or_else(|| format!("sample {at}")),
                predicted: self.name(class),
                score: format!("{score:.3}"),
                label: self.labels.get(at).map(|&label| self.name(label)),
                wrong: is_wrong(&at),
            })
        };
        chosen.map(sample).collect()
    }
}

/// True against false positive rate for every threshold.
fn curve(scores: &[f32], is_class: &[bool]) -> Vec<(f64, f64)> {
    let mut order: Vec<(f32, bool)> = scores.iter().copied().zip(is_class.iter().copied()).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    let positives = order.iter().filter(|s| s.1).count().max(1) as f64;
    let negatives = (order.len() as f64 - positives).max(1.0);
    let (mut hits, mut alarms) = (0.0, 0.0);
    let mut points = vec![(0.0, 0.0)];
    for (at, (score, is)) in order.iter().enumerate() {
        if *is {
            hits += 1.0
        } else {
            alarms += 1.0
        }
        // Equal scores lie on one threshold.
        if order.get(at + 1).is_none_or(|next| next.0 != *score) {
            points.push((alarms / negatives, hits / positives));
        }
    }
    points
}
