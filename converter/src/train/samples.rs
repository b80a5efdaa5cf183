//! Data as training needs them: stored order, targets, parts of a set.

use super::TrainError;
use super::config::{Augment, Loss, Split, Target, Training};
use super::loss::target_row;
use super::random::{Purpose, Random};
use crate::data::Dataset;
use crate::ir::{Graph, Tensor};
use crate::stored_samples;

/// Samples ready to be stacked.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    /// `inputs[i][j]`: input `j` of sample `i`, in the graph's order.
    pub(super) inputs: Vec<Vec<Tensor>>,
    /// What the first output should be.
    pub(super) targets: Vec<Vec<f32>>,
    /// Classes, if accuracy can be told.
    pub(super) labels: Option<Vec<usize>>,
    /// A teacher's scores for each sample, if they are stored.
    pub(super) teacher: Option<Vec<Vec<f32>>>,
}

impl Samples {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.inputs.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.inputs.is_empty()
    }

    /// Checks and prepares `data` for a graph.
    pub fn new(graph: &Graph, data: &Dataset, training: &Training) -> Result<Self, TrainError> {
        let inputs = stored_samples(graph, data).map_err(|e| TrainError::Samples(Box::new(e)))?;
        let Some(output) = graph.outputs.first() else { return Err(TrainError::NothingToTrain) };
        let scores: usize = output.source_shape.iter().product();
        if training.target == Target::Input {
            let input = graph.inputs.first().map_or(0, |p| p.source_shape.iter().product());
            if input != scores {
                return Err(TrainError::NoAutoencoder { input, output: scores });
            }
            let first =
                |sample: &Vec<Vec<f32>>| output.to_stored(sample.first().map(Vec::as_slice).unwrap_or_default());
            return Ok(Self { inputs, targets: data.samples.iter().map(first).collect(), ..Self::default() });
        }
        let classes = crate::validate::accuracy::class_count(scores);
        let labels = data.check_labels(classes).map_err(|e| TrainError::Samples(Box::new(e.into())))?.to_vec();
        let smoothing = if training.loss == Loss::CrossEntropy { training.label_smoothing } else { 0.0 };
        let row = |&label: &usize| output.to_stored(&target_row(training.loss, label, scores, smoothing));
        Ok(Self { inputs, targets: labels.iter().map(row).collect(), labels: Some(labels), teacher: None })
    }

    /// Adds a teacher's scores, one row a sample.
    pub fn with_teacher(self, scores: Vec<Vec<f32>>) -> Result<Self, TrainError> {
        let wanted = self.targets.first().map_or(0, Vec::len);
        if scores.len() != self.len() || scores.iter().any(|row| row.len() != wanted) {
            let got = format!("{} rows of {}", scores.len(), scores.first().map_or(0, Vec::len));
            return Err(TrainError::TeacherScores { got, samples: self.len(), scores: wanted });
        }
        Ok(Self { teacher: Some(scores), ..self })
    }

    /// Up to `n` of the inputs, spread evenly.
    pub fn spread(&self, n: usize) -> Vec<Vec<Tensor>> {
        let n = n.min(self.len());
        (0..n).map(|i| self.inputs[i * self.len() / n].clone()).collect()
    }

    /// True if the augmentation can be applied.
    pub(super) fn check_augment(graph: &Graph, augment: &Augment) -> Result<(), TrainError> {
        let shape = graph.inputs.first().map(|p| graph.value(p.value).shape.clone()).unwrap_or_default();
        match augment.needs_picture() {
            Some(what) if shape.len() != 4 => Err(TrainError::Augment { what, shape }),
            _ => Ok(()),
        }
    }
}

/// For every sample of a set of `n`, whether it is for training (0), validation (1) or test (2): the seed decides.
pub fn parts(n: usize, split: &Split, seed: u64) -> Result<Vec<usize>, TrainError> {
    let share = |share: f64| ((n as f64 * share).round() as usize).min(n);
    let (validation, test) = (share(split.validation), share(split.test));
    for (purpose, wanted, got) in [("validate", split.validation, validation), ("test", split.test, test)] {
        if wanted > 0.0 && got == 0 {
            return Err(TrainError::EmptySplit { purpose });
        }
    }
    if validation + test >= n {
        return Err(TrainError::EmptySplit { purpose: "train" });
    }
    let mut part = vec![0usize; n];
    let order = if validation + test == 0 { Vec::new() } else { Random::new(seed, Purpose::Split, &[]).permutation(n) };
    for (position, &sample) in order.iter().enumerate().take(validation + test) {
        part[sample] = if position < validation { 1 } else { 2 };
    }
    Ok(part)
}

/// The samples of one set, divided as [`parts`] says.
pub fn split(data: Dataset, split: &Split, seed: u64) -> Result<[Dataset; 3], TrainError> {
    let part = parts(data.len(), split, seed)?;
    let empty = || Dataset {
        labels: data.labels.as_ref().map(|_| Vec::new()),
        class_names: data.class_names.clone(),
        ..Dataset::default()
    };
    let mut parts = [empty(), empty(), empty()];
    for (i, sample) in data.samples.into_iter().enumerate() {
        let to = &mut parts[part[i]];
        to.samples.push(sample);
        if let (Some(labels), Some(&label)) = (&mut to.labels, data.labels.as_ref().and_then(|l| l.get(i))) {
            labels.push(label);
        }
        to.sample_names.extend(data.sample_names.get(i).cloned());
    }
    for (to, what) in parts.iter_mut().zip(["training", "validation", "test"]) {
        to.origin = format!("{} samples for {what} of {}", to.samples.len(), data.origin);
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_gives_every_sample_to_one_part() {
        let samples = (0..100).map(|i| vec![vec![i as f32]]).collect();
        let data = Dataset { samples, labels: Some((0..100).collect()), ..Dataset::default() };
        let parts = split(data.clone(), &Split { validation: 0.2, test: 0.1 }, 3).unwrap();
        assert_eq!(parts.each_ref().map(Dataset::len), [70, 20, 10]);
        let mut all: Vec<usize> = Vec::new();
        for part in &parts {
            let labels = part.labels.clone().unwrap();
            assert!(part.samples.iter().zip(&labels).all(|(s, &l)| s[0][0] == l as f32));
            all.extend(labels);
        }
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
        assert_ne!(split(data.clone(), &Split { validation: 0.2, test: 0.1 }, 4).unwrap()[1].labels, parts[1].labels);
        assert!(split(data.clone(), &Split { validation: 0.5, test: 0.5 }, 3).is_err());
        assert_eq!(split(data.clone(), &Split::default(), 3).unwrap()[0].samples, data.samples);
    }
}
