//! Few values for all weights of a layer.

use std::ops::RangeInclusive;

/// Stored weights are in here.
const VALUES: RangeInclusive<i16> = -127..=127;

/// Replaces `weights`, of channels with these `scales`, by at most `most` values (2 or more), with the least sum of squared
/// errors in real numbers. One of the values is 0, which only 0 itself and what is near it become, so that zeros stay.
///
/// On a line, the best clusters are intervals: a table over all ends of them finds the best ones, always the same.
pub fn cluster(weights: &mut [i8], scales: &[f32], most: usize) {
    let per_channel = weights.len() / scales.len().max(1);
    let largest = scales.iter().fold(f32::MIN_POSITIVE, |m, &scale| m.max(scale));
    let mut errors = [0.0; 256];
    for (channel, &scale) in weights.chunks(per_channel.max(1)).zip(scales) {
        let importance = f64::from(scale / largest).powi(2);
        channel.iter().for_each(|&weight| errors[index(weight.into())] += importance);
    }
    let values: Vec<i16> = VALUES.filter(|&value| value == 0 || weights.contains(&(value as i8))).collect();
    if values.len() <= most {
        return;
    }
    let sums = Sums::of(&values, &errors);
    let mut nearest = [0; 256];
    for cluster in clusters(&sums, values.len(), most) {
        let (center, _) = sums.center(&cluster);
        values[cluster].iter().for_each(|&value| nearest[index(value)] = center);
    }
    weights.iter_mut().for_each(|weight| *weight = nearest[index((*weight).into())]);
}

fn index(value: i16) -> usize {
    (value + 128) as usize
}

/// Of all values before each: how important they are, the same times the value, and times its square.
struct Sums<'v> {
    values: &'v [i16],
    sums: Vec<[f64; 3]>,
}

impl<'v> Sums<'v> {
    fn of(values: &'v [i16], importance: &[f64; 256]) -> Self {
        let mut sums = vec![[0.0; 3]];
        let mut sum = [0.0; 3];
        for &value in values {
            let (v, w) = (f64::from(value), importance[index(value)]);
            sum = [sum[0] + w, sum[1] + w * v, sum[2] + w * v * v];
            sums.push(sum);
        }
        Self { values, sums }
    }

    /// What these values become, and the squared error of that.
    fn center(&self, cluster: &std::ops::Range<usize>) -> (i8, f64) {
        let (before, after) = (self.sums[cluster.start], self.sums[cluster.end]);
        let [weight, first, second] = [0, 1, 2].map(|i| after[i] - before[i]);
        let (low, high) = (self.values[cluster.start], self.values[cluster.end - 1]);
        let center = if low <= 0 && high >= 0 {
            0.0
        } else if weight > 0.0 {
            (first / weight).round().clamp(low.into(), high.into())
        } else {
            // Only channels that do not matter have these.
            f64::from(low)
        };
        (center as i8, (second - 2.0 * center * first + center * center * weight).max(0.0))
    }
}

/// The best `most` intervals of `values` values.
fn clusters(sums: &Sums, values: usize, most: usize) -> Vec<std::ops::Range<usize>> {
    // Per number of intervals and of values in them: the least error, and where the last interval starts.
    let mut least = vec![vec![(f64::INFINITY, 0); values + 1]; most + 1];
    least[0][0] = (0.0, 0);
    for count in 1..=most {
        for end in count..=values {
            let error = |start: usize| least[count - 1][start].0 + sums.center(&(start..end)).1;
            let best = (count - 1..end).map(|start| (error(start), start)).min_by(|a, b| a.0.total_cmp(&b.0));
            least[count][end] = best.unwrap_or((f64::INFINITY, 0));
        }
    }
    let mut all = Vec::new();
    let mut end = values;
    for count in (1..=most).rev() {
        let start = least[count][end].1;
        all.push(start..end);
        end = start;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn clustered(weights: &[i8], scales: &[f32], most: usize) -> Vec<i8> {
        let mut weights = weights.to_vec();
        cluster(&mut weights, scales, most);
        weights
    }

    #[test]
    fn near_values_become_one() {
        assert_eq!(clustered(&[10, 12, 0, 100, 102, -50], &[1.0], 4), [11, 11, 0, 101, 101, -50]);
        assert_eq!(clustered(&[1, 2, 3], &[1.0], 4), [1, 2, 3], "few enough");
        assert_eq!(clustered(&[1, 100, 101], &[1.0], 2), [0, 101, 101], "one of two is zero");
    }

    #[test]
    fn channels_count_by_their_scales() {
        // 10 and 20 share a value, which is that of the channel with the larger scale.
        assert_eq!(clustered(&[10, 10, 20, 20], &[1.0, 100.0], 2), [20; 4]);
        assert_eq!(clustered(&[10, 10, 20, 20], &[100.0, 1.0], 2), [10; 4]);
    }

    proptest! {
        #[test]
        fn no_other_palette_is_better(weights in prop::collection::vec(-9i8..=9, 1..20)) {
            let got = clustered(&weights, &[1.0], 3);
            let values: BTreeSet<i8> = got.iter().copied().collect();
            prop_assert!(values.len() <= 3);
            prop_assert!(weights.iter().zip(&got).all(|(w, g)| *w != 0 || *g == 0));
            let error = |palette: &[i8]| -> i32 {
                let square = |w: i8, p: i8| (i32::from(w) - i32::from(p)).pow(2);
                weights.iter().map(|&w| palette.iter().map(|&p| square(w, p)).min().unwrap()).sum()
            };
            let mine: i32 = weights.iter().zip(&got).map(|(&w, &g)| (i32::from(w) - i32::from(g)).pow(2)).sum();
            for a in -9..=9 {
                for b in a..=9 {
                    prop_assert!(mine <= error(&[0, a, b]), "{:?} with 0, {}, {}", got, a, b);
                }
            }
        }
    }
}
