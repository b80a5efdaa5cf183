//! How often which values occur, without knowing their range in advance.

/// Bins on either side of zero. A range that fills a quarter of the bins still has 16 for each int8 step.
const HALF: usize = 8192;
/// No value is so small that it needs bins narrower than this.
const SMALLEST_EXPONENT: i32 = -100;

/// Counts in bins of equal width, a power of two, that cover `-2^exponent .. 2^exponent`.
///
/// When a value does not fit, pairs of bins merge until it does. Because widths are powers of two, the result depends
/// only on which values were added, not on their order.
#[derive(Clone, Debug)]
pub struct Histogram {
    exponent: i32,
    counts: Vec<u64>,
    zeros: u64,
    min: f32,
    max: f32,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { exponent: SMALLEST_EXPONENT, counts: vec![0; 2 * HALF], zeros: 0, min: 0.0, max: 0.0 }
    }
}

/// Smallest `e` with `|x| < 2^e`, for finite `x`.
fn exponent_above(x: f32) -> i32 {
    let bits = (x.abs().to_bits() >> 23) as i32;
    (bits - 126).max(SMALLEST_EXPONENT)
}

impl Histogram {
    /// Adds finite values.
    pub fn add(&mut self, values: &[f32]) {
        for &x in values {
            self.min = self.min.min(x);
            self.max = self.max.max(x);
        }
        let largest = self.max.max(-self.min);
        if largest > 0.0 {
            self.grow(exponent_above(largest));
        }
        let inverse_width = 1.0 / self.width();
        for &x in values {
            if x == 0.0 {
                self.zeros += 1;
            } else {
                let bin = (f64::from(x) * inverse_width).floor() as isize + HALF as isize;
                self.counts[bin.clamp(0, 2 * HALF as isize - 1) as usize] += 1;
            }
        }
    }

    /// Adds everything that `other` holds.
    #[cfg(test)]
    pub fn merge(&mut self, other: &Self) {
        let mut other = other.clone();
        let exponent = self.exponent.max(other.exponent);
        self.grow(exponent);
        other.grow(exponent);
        for (a, b) in self.counts.iter_mut().zip(other.counts) {
            *a += b;
        }
        self.zeros += other.zeros;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    fn grow(&mut self, exponent: i32) {
        let by = exponent - self.exponent;
        if by <= 0 {
            return;
        }
        let old = std::mem::replace(&mut self.counts, vec![0; 2 * HALF]);
        for (i, n) in old.into_iter().enumerate().filter(|(_, n)| *n > 0) {
            let from_zero = i as i64 - HALF as i64;
            self.counts[((from_zero >> by.min(62)) + HALF as i64) as usize] += n;
        }
        self.exponent = exponent;
    }

    fn width(&self) -> f64 {
        f64::from(self.exponent).exp2() / HALF as f64
    }

    /// Smallest value, at most 0.
    pub fn min(&self) -> f32 {
        self.min
    }

    /// Largest value, at least 0.
    pub fn max(&self) -> f32 {
        self.max
    }

    /// Centers and counts of the bins that hold something other than exact zeros, in ascending order.
    pub fn bins(&self) -> Vec<(f64, u64)> {
        let center = |i: usize| (i as f64 - HALF as f64 + 0.5) * self.width();
        self.counts.iter().enumerate().filter(|(_, n)| **n > 0).map(|(i, &n)| (center(i), n)).collect()
    }

    /// Values that are exactly zero.
    pub fn zeros(&self) -> u64 {
        self.zeros
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bins_hold_what_was_added() {
        let mut h = Histogram::default();
        h.add(&[0.0, 1.0, 1.0, -0.25]);
        assert_eq!((h.zeros(), h.min(), h.max()), (1, -0.25, 1.0));
        let bins = h.bins();
        assert_eq!(bins.iter().map(|b| b.1).collect::<Vec<_>>(), [1, 2]);
        assert!((bins[0].0 + 0.25).abs() < 1e-3 && (bins[1].0 - 1.0).abs() < 1e-3);
    }

    #[test]
    fn extreme_magnitudes_fit() {
        let mut h = Histogram::default();
        h.add(&[1e-45, -1e-45, f32::MAX, f32::MIN]);
        assert_eq!(h.bins().iter().map(|b| b.1).sum::<u64>(), 4);
        assert_eq!(h.max(), f32::MAX);
    }

    proptest! {
        #[test]
        fn order_and_grouping_do_not_matter(values in prop::collection::vec(-1e4f32..1e4, 1..60), cut in 0usize..60) {
            let cut = cut.min(values.len());
            let mut at_once = Histogram::default();
            at_once.add(&values);
            let (mut a, mut b) = (Histogram::default(), Histogram::default());
            b.add(&values[..cut]);
            a.add(&values[cut..]);
            a.merge(&b);
            prop_assert_eq!(a.bins(), at_once.bins());
        }
    }
}
