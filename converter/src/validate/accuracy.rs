//! Predicted classes against labels.

use serde::Serialize;

/// The class that scores say: the largest, the first of equals. A single score is a probability of class 1.
pub fn predicted_class(scores: &[f32]) -> usize {
    match scores {
        [probability] => usize::from(*probability > 0.5),
        _ => {
            let better = |best: (usize, f32), (i, &s): (usize, &f32)| if s > best.1 { (i, s) } else { best };
            scores.iter().enumerate().fold((0, f32::NEG_INFINITY), better).0
        }
    }
}

/// How many classes an output of this many scores tells apart.
pub fn class_count(scores: usize) -> usize {
    scores.max(2)
}

/// How often each class was taken for each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Confusion {
    /// `counts[label][prediction]`.
    pub counts: Vec<Vec<u64>>,
}

impl Confusion {
    /// Counts; pairs outside `classes` are left out.
    pub fn of(labels: &[usize], predictions: &[usize], classes: usize) -> Self {
        let mut counts = vec![vec![0; classes]; classes];
        for (&label, &prediction) in labels.iter().zip(predictions) {
            if let Some(n) = counts.get_mut(label).and_then(|row| row.get_mut(prediction)) {
                *n += 1;
            }
        }
        Self { counts }
    }

    /// Samples counted.
    pub fn samples(&self) -> u64 {
        self.counts.iter().flatten().sum()
    }

    /// Samples predicted as labelled.
    pub fn correct(&self) -> u64 {
        self.counts.iter().enumerate().filter_map(|(class, row)| row.get(class)).sum()
    }

    /// Share of samples predicted as labelled, 0 to 1.
    pub fn top1(&self) -> f64 {
        share(self.correct(), self.samples())
    }

    /// Samples of one class, and how many of them were recognised.
    pub fn class(&self, class: usize) -> (u64, u64) {
        let row = self.counts.get(class).map(Vec::as_slice).unwrap_or_default();
        (row.iter().sum(), row.get(class).copied().unwrap_or(0))
    }

    /// The commonest mistakes: label, prediction, how often.
    pub fn mistakes(&self) -> Vec<(usize, usize, u64)> {
        let row = |(label, row): (usize, &Vec<u64>)| -> Vec<_> {
            row.iter().enumerate().map(|(prediction, &n)| (label, prediction, n)).collect()
        };
        let mut all: Vec<_> = self.counts.iter().enumerate().flat_map(row).collect();
        all.retain(|&(label, prediction, n)| label != prediction && n > 0);
        all.sort_by_key(|&(label, prediction, n)| (std::cmp::Reverse(n), label, prediction));
        all
    }
}

/// `part / whole`, 0 if there is nothing.
pub fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_of_equal_scores_wins_and_nan_never_does() {
        assert_eq!(predicted_class(&[1.0, 3.0, 3.0]), 1);
        assert_eq!(predicted_class(&[f32::NAN, 0.0]), 1);
        assert_eq!(predicted_class(&[]), 0);
    }

    #[test]
    fn a_single_score_is_a_probability() {
        assert_eq!(predicted_class(&[0.4]), 0);
        assert_eq!(predicted_class(&[0.6]), 1);
        assert_eq!(class_count(1), 2);
    }

    #[test]
    fn rows_are_labels_and_columns_predictions() {
        let c = Confusion::of(&[0, 0, 1, 2], &[0, 1, 1, 1], 3);
        assert_eq!(c.counts, vec![vec![1, 1, 0], vec![0, 1, 0], vec![0, 1, 0]]);
        assert_eq!((c.samples(), c.correct(), c.top1()), (4, 2, 0.5));
        assert_eq!(c.class(0), (2, 1));
        assert_eq!(c.mistakes(), vec![(0, 1, 1), (2, 1, 1)]);
    }
}
