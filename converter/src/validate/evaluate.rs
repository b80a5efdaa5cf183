//! The same samples through the float network and the model file.

use super::accuracy::{Confusion, class_count, predicted_class, roc_aucs};
use super::{Runner, Session, SessionError};
use crate::data::Dataset;
use crate::execute::{ExecuteError, Executor};
use crate::ir::{Graph, Tensor};
use crate::{BuildError, stored_samples};
use rayon::prelude::*;
use serde::Serialize;

/// `outputs[i][j]` is output `j` for sample `i`, flat, in the source's order.
pub type Outputs = Vec<Vec<Vec<f32>>>;

/// Samples per step of progress.
const CHUNK: usize = 32;

/// Why samples could not be run.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "one variant per step")]
pub enum EvaluateError {
    #[error(transparent)]
    Samples(Box<BuildError>),
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// Runs samples through the float graph. `progress` gets the number of samples done.
pub fn run_float(
    graph: &Graph,
    samples: &[Vec<Vec<f32>>],
    progress: &mut dyn FnMut(usize),
) -> Result<Outputs, EvaluateError> {
    let executor = Executor::new(graph)?;
    let mut outputs = Vec::with_capacity(samples.len());
    for chunk in samples.chunks(CHUNK) {
        let data = Dataset { samples: chunk.to_vec(), origin: "the data".into(), ..Dataset::default() };
        let stored = stored_samples(graph, &data).map_err(|e| EvaluateError::Samples(Box::new(e)))?;
        for sample in executor.run_batch(&stored)? {
            let source = |(port, tensor): (&crate::ir::Port, &Tensor)| port.to_source(tensor.as_f32().unwrap_or(&[]));
            outputs.push(graph.outputs.iter().zip(&sample).map(source).collect());
        }
        progress(outputs.len());
    }
    Ok(outputs)
}

/// Runs samples through the model file on all cores. `step` is called after each, from any thread.
pub fn run_stored(
    session: &Session,
    samples: &[Vec<Vec<f32>>],
    step: &(dyn Fn() + Sync),
) -> Result<Outputs, SessionError> {
    let run = |runner: &mut Result<Runner<'_>, SessionError>, sample: &Vec<Vec<f32>>| match runner {
        Ok(runner) => {
            let outputs = runner.run(sample);
            step();
            outputs
        }
        // The file was checked when it was loaded, so it is refused neither here nor for some threads only.
        Err(_) => session.run(sample),
    };
    samples.par_iter().map_init(|| session.runner(), run).collect()
}

/// What evaluation found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// Samples run.
    pub samples: usize,
    /// Classes of the first output.
    pub classes: usize,
    /// The model file's predictions against the labels, if there are labels.
    pub stored: Option<Confusion>,
    /// The float network's, if it ran too.
    pub float: Option<Confusion>,
    /// Area under the ROC curve of each class, from the model file's scores, if there are labels.
    pub stored_auc: Option<Vec<Option<f64>>>,
    /// The float network's.
    pub float_auc: Option<Vec<Option<f64>>>,
    /// Share of samples on which both predict the same class.
    pub agreement: Option<f64>,
    /// Error of the model file's first output against the float network's.
    pub output_error: Option<super::Similarity>,
}

impl Evaluation {
    /// Compares the first outputs with the labels, and with each other.
    pub fn of(labels: Option<&[usize]>, stored: &Outputs, float: Option<&Outputs>) -> Self {
        let first = |outputs: &Outputs| -> Vec<Vec<f32>> {
            outputs.iter().map(|o| o.first().cloned().unwrap_or_default()).collect()
        };
        let (stored, float) = (first(stored), float.map(first));
        let classes = class_count(stored.first().map_or(0, Vec::len));
        let predict = |outputs: &[Vec<f32>]| outputs.iter().map(|s| predicted_class(s)).collect::<Vec<_>>();
        let confusion = |outputs: &[Vec<f32>]| labels.map(|l| Confusion::of(l, &predict(outputs), classes));
        let agreement = float.as_ref().map(|float| {
            let same = predict(float).iter().zip(predict(&stored)).filter(|(a, b)| **a == *b).count();
            super::accuracy::share(same as u64, stored.len() as u64)
        });
        Self {
            samples: stored.len(),
            classes,
            stored_auc: labels.map(|l| roc_aucs(&stored, l, classes)),
            float_auc: labels.zip(float.as_ref()).map(|(l, float)| roc_aucs(float, l, classes)),
            stored: confusion(&stored),
            float: float.as_deref().and_then(confusion),
            agreement,
            output_error: float.as_ref().map(|f| super::Similarity::of(&f.concat(), &stored.concat())),
        }
    }

    /// Percentage points of top-1 accuracy that the model file loses against the float network; negative if it gains.
    pub fn drop_points(&self) -> Option<f64> {
        Some((self.float.as_ref()?.top1() - self.stored.as_ref()?.top1()) * 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_float_are_each_optional() {
        let stored: Outputs = vec![vec![vec![0.0, 1.0]], vec![vec![1.0, 0.0]]];
        let float: Outputs = vec![vec![vec![0.0, 1.0]], vec![vec![0.0, 1.0]]];
        let all = Evaluation::of(Some(&[1, 1]), &stored, Some(&float));
        assert_eq!(all.agreement, Some(0.5));
        assert_eq!(all.drop_points(), Some(50.0));
        let bare = Evaluation::of(None, &stored, None);
        assert_eq!((bare.samples, bare.classes, bare.drop_points(), bare.agreement), (2, 2, None, None));
    }
}
