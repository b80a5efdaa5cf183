//! One set of data in two: to choose ranges from, and to measure accuracy on.

use crate::data::{Dataset, SplitMix64};

/// Any fixed number serves: it only has to be the same every time.
const SEED: u64 = 1;

/// Halves of `data`: calibration, and evaluation (the larger one). The samples are drawn at random, the same ones every time, so
/// that neither sorted sets nor regular ones leave a class out; each half keeps the order.
pub fn split(data: &Dataset) -> (Dataset, Dataset) {
    let mut order: Vec<usize> = (0..data.len()).collect();
    let mut random = SplitMix64(SEED);
    for i in (1..order.len()).rev() {
        order.swap(i, (random.next() % (i as u64 + 1)) as usize);
    }
    let (calibrate, evaluate) = order.split_at_mut(data.len() / 2);
    (part(data, calibrate), part(data, evaluate))
}

fn part(data: &Dataset, samples: &mut [usize]) -> Dataset {
    samples.sort_unstable();
    fn pick<T: Clone>(from: &[T], samples: &[usize]) -> Vec<T> {
        samples.iter().filter_map(|&i| from.get(i).cloned()).collect()
    }
    Dataset {
        samples: pick(&data.samples, samples),
        labels: data.labels.as_ref().map(|labels| pick(labels, samples)),
        class_names: data.class_names.clone(),
        sample_names: pick(&data.sample_names, samples),
        origin: format!("{} of {}", samples.len(), data.origin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_in_one_half_and_classes_are_in_both() {
        let samples: Vec<Vec<Vec<f32>>> = (0..101).map(|i| vec![vec![i as f32]]).collect();
        let labels = (0..101).map(|i| i % 2).collect();
        let data = Dataset { samples, labels: Some(labels), ..Dataset::default() };
        let (a, b) = split(&data);
        assert_eq!((a.len(), b.len()), (50, 51));
        let mut all: Vec<usize> = a.samples.iter().chain(&b.samples).map(|s| s[0][0] as usize).collect();
        all.sort_unstable();
        assert_eq!(all, (0..101).collect::<Vec<_>>());
        for half in [&a, &b] {
            let ones = half.labels.as_ref().unwrap().iter().filter(|l| **l == 1).count();
            assert!((15..=36).contains(&ones), "{ones}");
            let matches = half.samples.iter().zip(half.labels.as_ref().unwrap());
            assert!(matches.clone().all(|(s, &l)| s[0][0] as usize % 2 == l));
        }
        assert_eq!(split(&data).0.samples, a.samples, "the same every time");
    }
}
