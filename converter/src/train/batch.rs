//! Samples of one step, and what is summed over them.

use super::config::Loss;
use super::samples::Samples;
use crate::execute::{Array, RANK, Target};
use crate::validate::accuracy::predicted_class;
use burn_tensor::Tensor as Burn;

type Full = Burn<RANK>;

/// Sums over samples.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub samples: usize,
    pub loss: f64,
    pub correct: usize,
}

impl Tally {
    pub fn add(&mut self, other: Self) {
        self.samples += other.samples;
        self.loss += other.loss;
        self.correct += other.correct;
    }

    pub fn mean_loss(&self) -> f32 {
        (self.loss / self.samples.max(1) as f64) as f32
    }

    pub fn accuracy(&self) -> f32 {
        self.correct as f32 / self.samples.max(1) as f32
    }
}

/// Rows of a batch, stacked: one list of elements per input, and the targets.
pub(super) struct Batch {
    pub inputs: Vec<Vec<f32>>,
    pub targets: Vec<f32>,
    pub labels: Option<Vec<usize>>,
    /// A teacher's stored scores.
    pub teacher: Option<Vec<f32>>,
    pub samples: usize,
}

impl Batch {
    /// The samples `which`, each input as `change` gives it.
    pub fn of(samples: &Samples, which: &[usize], mut change: impl FnMut(usize, &[f32]) -> Vec<f32>) -> Self {
        let ports = which.first().map_or(0, |&i| samples.inputs[i].len());
        let mut inputs = vec![Vec::new(); ports];
        for &i in which {
            for (port, (stacked, tensor)) in inputs.iter_mut().zip(&samples.inputs[i]).enumerate() {
                let data = tensor.as_f32().unwrap_or(&[]);
                if port == 0 { stacked.extend(change(i, data)) } else { stacked.extend_from_slice(data) }
            }
        }
        let targets = which.iter().flat_map(|&i| samples.targets[i].iter().copied()).collect();
        let labels = samples.labels.as_ref().map(|labels| which.iter().map(|&i| labels[i]).collect());
        let teacher = samples.teacher.as_ref().map(|scores| which.iter().flat_map(|&i| scores[i].clone()).collect());
        Self { inputs, targets, labels, teacher, samples: which.len() }
    }

    /// Sample `i` alone.
    pub fn one(&self, i: usize) -> Self {
        let part = |data: &Vec<f32>| {
            let each = data.len() / self.samples.max(1);
            data[i * each..(i + 1) * each].to_vec()
        };
        Self {
            inputs: self.inputs.iter().map(part).collect(),
            targets: part(&self.targets),
            labels: self.labels.as_ref().map(|labels| vec![labels[i]]),
            teacher: self.teacher.as_ref().map(part),
            samples: 1,
        }
    }
}

/// Gradients of all parameters, summed over batches.
#[derive(Default)]
pub(super) struct Gradients(pub Vec<Option<Full>>);

impl Gradients {
    pub fn add(&mut self, index: usize, gradient: Full) {
        if self.0.len() <= index {
            self.0.resize(index + 1, None);
        }
        let slot = &mut self.0[index];
        *slot = Some(match slot.take() {
            Some(sum) => sum.add(gradient),
            None => gradient,
        });
    }
}

/// What the scores should be, one row a sample.
pub(super) fn target_rows(batch: &Batch, target: &Target) -> Burn<2> {
    let columns = batch.targets.len() / batch.samples.max(1);
    Array::new(batch.targets.clone(), &[batch.samples, columns], target).full().reshape([batch.samples, columns])
}

/// The one element.
pub(super) fn number(t: Burn<1>) -> f64 {
    t.try_to_vec_as::<f32>().ok().and_then(|v| v.first().copied()).map_or(f64::NAN, f64::from)
}

/// Loss and recognised samples of a batch with scores `y`.
pub(super) fn tally(kind: Loss, y: &Burn<2>, loss: &Burn<1>, batch: &Batch) -> Tally {
    let [n, scores] = y.dims();
    let mut correct = 0;
    if let Some(labels) = &batch.labels {
        let y = y.clone().try_to_vec_as::<f32>().unwrap_or_default();
        let class = |row: &[f32]| match (kind, row) {
            // A logit: its sign is that of the probability above one half.
            (Loss::BinaryCrossEntropy, [logit]) => usize::from(*logit > 0.0),
            _ => predicted_class(row),
        };
        correct = y.chunks_exact(scores.max(1)).zip(labels).filter(|(row, label)| class(row) == **label).count();
    }
    Tally { samples: n, loss: number(loss.clone()) * n as f64, correct }
}
