//! The outputs of a network over all samples.

use super::{OutputsOf, ReferenceError};
use crate::ir::{Graph, Op, Unary};
use crate::recording::Task;
use crate::validate::Similarity;
use crate::validate::accuracy::{Confusion, class_count, predicted_class, roc_auc, roc_aucs, share};
use serde::Serialize;

/// The first output, over all samples.
#[derive(Clone, Debug, Serialize)]
pub struct Whole {
    /// Number of samples.
    pub samples: usize,
    /// What the output is for.
    pub task: Task,
    /// The file's output against the reference's.
    pub output: Similarity,
    /// The float32 network's output against the reference's.
    pub float_output: Similarity,
    /// Mean squared difference of the file's output from the reference's.
    pub mean_squared_error: f64,
    /// Share of the samples that get the same class as in the reference.
    pub top1_agreement: Option<f64>,
    /// Share of the samples whose class in the reference is among the file's five highest scores.
    pub top5_agreement: Option<f64>,
    /// The same share for the float32 network.
    pub float_top1_agreement: Option<f64>,
    /// Share of the samples whose class is their label.
    pub accuracy: Option<Scores>,
    /// Area under the receiver operating characteristic: mean over the classes, or of the reconstruction's error.
    pub auc: Option<Scores>,
    /// Mean squared difference of output and input.
    pub reconstruction_error: Option<Scores>,
    /// Labels in rows, predicted classes of the file in columns.
    pub confusion: Option<Confusion>,
}

/// One figure of all three runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Scores {
    /// As recorded.
    pub reference: f64,
    /// The float32 network.
    pub float: f64,
    /// The model file.
    pub int8: f64,
}

impl Scores {
    fn of(f: impl Fn(&[Vec<f32>]) -> Option<f64>, [reference, float, int8]: [&[Vec<f32>]; 3]) -> Option<Self> {
        Some(Self { reference: f(reference)?, float: f(float)?, int8: f(int8)? })
    }
}

impl Whole {
    pub(super) fn of(graph: &Graph, task: Option<Task>, outputs: &OutputsOf) -> Result<Self, ReferenceError> {
        let first = |runs: &crate::validate::evaluate::Outputs| -> Vec<Vec<f32>> {
            runs.iter().map(|o| o.first().cloned().unwrap_or_default()).collect()
        };
        let [reference, float, int8] = [&outputs.reference, &outputs.float, &outputs.int8].map(first);
        let runs: [&[Vec<f32>]; 3] = [&reference, &float, &int8];
        let size = reference.first().map_or(0, Vec::len);
        let labels = (!outputs.labels.is_empty()).then_some(outputs.labels.as_slice());
        let task = task.unwrap_or_else(|| guess(graph, size, labels));
        let of_classes = matches!(task, Task::Classification | Task::Binary);
        let classes = class_count(size);
        if let Some((sample, &label)) = labels.unwrap_or_default().iter().enumerate().find(|(_, l)| **l >= classes)
            && of_classes
        {
            return Err(ReferenceError::Label { sample, label, classes });
        }
        let input = outputs.inputs.first().map_or(0, Vec::len);
        if task == Task::Reconstruction && input != size {
            return Err(ReferenceError::Reconstruction { input, output: size });
        }
        let predict = |run: &[Vec<f32>]| run.iter().map(|s| predicted_class(s)).collect::<Vec<_>>();
        let same = |run: &[Vec<f32>]| {
            let same = predict(run).iter().zip(predict(&reference)).filter(|(a, b)| **a == *b).count();
            of_classes.then(|| share(same as u64, run.len() as u64))
        };
        let errors = |run: &[Vec<f32>]| -> Vec<f32> {
            run.iter().zip(&outputs.inputs).map(|(y, x)| mean_squared(y, x) as f32).collect()
        };
        let of_labels = labels.filter(|_| of_classes);
        let accuracy = of_labels
            .and_then(|labels| Scores::of(|run| Some(Confusion::of(labels, &predict(run), classes).top1()), runs));
        let auc = match (task, labels) {
            (Task::Reconstruction, Some(labels)) => {
                let unusual: Vec<bool> = labels.iter().map(|&label| label != 0).collect();
                Scores::of(|run| roc_auc(&errors(run), &unusual), runs)
            }
            (Task::Classification | Task::Binary, Some(labels)) => {
                Scores::of(|run| mean(roc_aucs(run, labels, classes).into_iter().flatten()), runs)
            }
            _ => None,
        };
        let reconstruction_error = (task == Task::Reconstruction)
            .then(|| Scores::of(|run| mean(errors(run).into_iter().map(f64::from)), runs))
            .flatten();
        let (flat, got) = (reference.concat(), int8.concat());
        Ok(Self {
            samples: reference.len(),
            task,
            output: Similarity::of(&flat, &got),
            float_output: Similarity::of(&flat, &float.concat()),
            mean_squared_error: mean_squared(&got, &flat),
            top1_agreement: same(&int8),
            top5_agreement: (of_classes && size > 5).then(|| among_five(&reference, &int8)),
            float_top1_agreement: same(&float),
            accuracy,
            auc,
            reconstruction_error,
            confusion: of_labels.map(|labels| Confusion::of(labels, &predict(&int8), classes)),
        })
    }
}

/// What a network is for, as far as its last node tells.
fn guess(graph: &Graph, scores: usize, labels: Option<&[usize]>) -> Task {
    let last = graph.outputs.first().and_then(|port| graph.producing_node(port.value)).map(|(_, node)| &node.op);
    match last {
        Some(Op::Softmax { .. }) if scores > 1 => Task::Classification,
        Some(Op::Unary(Unary::Sigmoid)) if scores == 1 => Task::Binary,
        _ if labels.is_some() && scores > 1 => Task::Classification,
        _ if labels.is_some() => Task::Binary,
        _ => Task::Regression,
    }
}

fn mean_squared(a: &[f32], b: &[f32]) -> f64 {
    let sum: f64 = a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
    sum / a.len().max(1) as f64
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0u32), |(sum, n), v| (sum + v, n + 1));
    (n > 0).then(|| sum / f64::from(n))
}

/// Share of the samples whose highest score in `reference` is among the five highest in `got`.
fn among_five(reference: &[Vec<f32>], got: &[Vec<f32>]) -> f64 {
    let is_among = |(reference, got): (&Vec<f32>, &Vec<f32>)| {
        let class = predicted_class(reference);
        let score = got.get(class).copied().unwrap_or(f32::NEG_INFINITY);
        got.iter().filter(|s| **s > score).count() < 5
    };
    share(reference.iter().zip(got).filter(|pair| is_among(*pair)).count() as u64, reference.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_five_highest_scores_count() {
        let reference = vec![vec![0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]; 2];
        let got = vec![vec![6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0], vec![6.0, 5.0, 4.0, 3.0, 1.0, 2.0, 0.0]];
        assert_eq!(among_five(&reference, &got), 0.5);
    }
}
