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

/// How well one class is told from all others.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ClassMetrics {
    /// Share of the predictions of this class that are right.
    pub precision: f64,
    /// Share of the samples of this class that are recognised.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
}

impl Confusion {
    /// Precision, recall and F1 of each class; 0 where there is nothing to divide by.
    pub fn metrics(&self) -> Vec<ClassMetrics> {
        let of = |class: usize| {
            let (samples, correct) = self.class(class);
            let predicted = self.counts.iter().filter_map(|row| row.get(class)).sum();
            let (precision, recall) = (share(correct, predicted), share(correct, samples));
            ClassMetrics { precision, recall, f1: share(2 * correct, samples + predicted) }
        };
        (0..self.counts.len()).map(of).collect()
    }

    /// Means of [`Self::metrics`] over the classes that have samples.
    pub fn macro_metrics(&self) -> ClassMetrics {
        let all = self.metrics();
        let present: Vec<_> = all.iter().enumerate().filter(|(c, _)| self.class(*c).0 > 0).map(|(_, m)| m).collect();
        let mean =
            |pick: fn(&ClassMetrics) -> f64| present.iter().map(|m| pick(m)).sum::<f64>() / present.len().max(1) as f64;
        ClassMetrics { precision: mean(|m| m.precision), recall: mean(|m| m.recall), f1: mean(|m| m.f1) }
    }
}

/// Area under the ROC curve of `score`: the probability that a sample of the class scores higher than another, equal scores
/// counting half. `None` without samples of both kinds, or if a score is not a number.
pub fn roc_auc(scores: &[f32], is_class: &[bool]) -> Option<f64> {
    let mut order: Vec<(f32, bool)> = scores.iter().copied().zip(is_class.iter().copied()).collect();
    let positives = order.iter().filter(|s| s.1).count() as f64;
    let negatives = order.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 || order.iter().any(|s| s.0.is_nan()) {
        return None;
    }
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Sum of the positives' ranks, equal scores sharing the mean of theirs.
    let mut ranks = 0.0;
    let mut at = 0;
    while at < order.len() {
        let end = at + order[at..].iter().take_while(|s| s.0 == order[at].0).count();
        let mean = (at + 1 + end) as f64 / 2.0;
        ranks += mean * order[at..end].iter().filter(|s| s.1).count() as f64;
        at = end;
    }
    Some((ranks - positives * (positives + 1.0) / 2.0) / (positives * negatives))
}

/// [`roc_auc`] of each class against all others; a single score is that of class 1.
pub fn roc_aucs(outputs: &[Vec<f32>], labels: &[usize], classes: usize) -> Vec<Option<f64>> {
    let score = |row: &[f32], class: usize| match row {
        [one] if class == 0 => -one,
        [one] => *one,
        _ => row.get(class).copied().unwrap_or(f32::NAN),
    };
    let of = |class: usize| {
        let scores: Vec<f32> = outputs.iter().map(|row| score(row, class)).collect();
        let is_class: Vec<bool> = labels.iter().map(|&label| label == class).collect();
        roc_auc(&scores, &is_class)
    };
    (0..classes).map(of).collect()
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
    fn metrics_of_each_class_and_their_means() {
        let c = Confusion { counts: vec![vec![8, 2, 0], vec![1, 3, 0], vec![0, 0, 0]] };
        let m = c.metrics();
        assert_eq!((m[0].precision, m[0].recall), (8.0 / 9.0, 0.8));
        assert!((m[0].f1 - 2.0 * m[0].precision * m[0].recall / (m[0].precision + m[0].recall)).abs() < 1e-12);
        assert_eq!(m[2], ClassMetrics { precision: 0.0, recall: 0.0, f1: 0.0 });
        let mean = c.macro_metrics();
        assert!((mean.recall - (0.8 + 0.75) / 2.0).abs() < 1e-12, "a class without samples does not count");
    }

    #[test]
    fn area_under_the_curve_counts_pairs() {
        // Of the 2 x 3 pairs, 4 are in order and 1 is a draw.
        let scores = [0.9, 0.4, 0.8, 0.4, 0.1];
        let auc = roc_auc(&scores, &[true, true, false, false, false]).unwrap();
        assert!((auc - 4.5 / 6.0).abs() < 1e-12, "{auc}");
        assert_eq!(roc_auc(&scores, &[true; 5]), None);
        assert_eq!(roc_auc(&[f32::NAN, 1.0], &[true, false]), None);
        let aucs = roc_aucs(&[vec![0.2], vec![0.7]], &[0, 1], 2);
        assert_eq!(aucs, [Some(1.0), Some(1.0)]);
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
