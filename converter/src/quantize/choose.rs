//! From the values seen to the range worth representing.

use super::histogram::Histogram;

/// How a range is chosen from the values seen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Method {
    /// Everything seen.
    MinMax,
    /// All but the outer `100 - p` percent, half of them at either end.
    Percentile(f32),
    /// What gives the smallest mean squared quantization error.
    #[default]
    Mse,
    /// What loses the least information (Kullback-Leibler divergence).
    Entropy,
}

impl std::fmt::Display for Method {
    /// As the command line spells it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Mse => f.write_str("mse"),
            Self::MinMax => f.write_str("minmax"),
            Self::Entropy => f.write_str("entropy"),
            Self::Percentile(p) => write!(f, "percentile:{p}"),
        }
    }
}

/// Smallest and largest real value to represent; always holds 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// At most 0.
    pub min: f32,
    /// At least 0.
    pub max: f32,
}

impl Range {
    /// The smallest range that holds both.
    pub fn union(self, other: Self) -> Self {
        Self { min: self.min.min(other.min), max: self.max.max(other.max) }
    }

    /// The smallest range that holds `values` and 0.
    pub fn of(values: &[f32]) -> Self {
        let grow = |r: Self, &x: &f32| Self { min: r.min.min(x), max: r.max.max(x) };
        values.iter().fold(Self { min: 0.0, max: 0.0 }, grow)
    }
}

/// The range that `method` chooses.
pub fn choose(method: Method, histogram: &Histogram) -> Range {
    let all = Range { min: histogram.min(), max: histogram.max() };
    match method {
        Method::MinMax => all,
        Method::Percentile(p) => percentile(histogram, f64::from(p), all),
        Method::Mse => mse(histogram, all),
        Method::Entropy => entropy(histogram, all),
    }
}

fn percentile(histogram: &Histogram, p: f64, all: Range) -> Range {
    let mut bins = histogram.bins();
    if histogram.zeros() > 0 {
        let at = bins.partition_point(|b| b.0 < 0.0);
        bins.insert(at, (0.0, histogram.zeros()));
    }
    let total: u64 = bins.iter().map(|b| b.1).sum();
    let outside = ((1.0 - p / 100.0).clamp(0.0, 1.0) * 0.5 * total as f64) as u64;
    fn end<'a>(mut bins: impl Iterator<Item = &'a (f64, u64)>, outside: u64) -> f32 {
        let mut seen = 0;
        let inside = |b: &&(f64, u64)| {
            seen += b.1;
            seen > outside
        };
        bins.find(inside).map_or(0.0, |b| b.0 as f32)
    }
    let (low, high) = (end(bins.iter(), outside), end(bins.iter().rev(), outside));
    if outside == 0 { all } else { Range { min: low.clamp(all.min, 0.0), max: high.clamp(0.0, all.max) } }
}

/// Ratios of the full range that are tried at either end: 1, and down to 0.2 in steps of 1/128.
fn ratios() -> impl Iterator<Item = f64> {
    (26..=128).rev().map(|k| f64::from(k) / 128.0)
}

/// Counts and sums over all bins before a position, so that a tail's error takes constant time.
struct Prefix {
    centers: Vec<f64>,
    /// Per position: count, sum of `x`, sum of `x * x`.
    sums: Vec<[f64; 3]>,
}

impl Prefix {
    fn new(bins: &[(f64, u64)]) -> Self {
        let mut sums = vec![[0.0; 3]];
        let mut total = [0.0; 3];
        for &(x, n) in bins {
            let n = n as f64;
            total = [total[0] + n, total[1] + n * x, total[2] + n * x * x];
            sums.push(total);
        }
        Self { centers: bins.iter().map(|b| b.0).collect(), sums }
    }

    fn position(&self, x: f64) -> usize {
        self.centers.partition_point(|&c| c < x)
    }

    /// Count of the bins from `a` to `b`, and their summed squared distance to `x`.
    fn spread(&self, a: usize, b: usize, x: f64) -> (f64, f64) {
        let [n, s, q] = std::array::from_fn(|i| self.sums[b][i] - self.sums[a][i]);
        (n, (q - 2.0 * x * s + x * x * n).max(0.0))
    }
}

/// Minimises `inside * step^2 / 12 + clipping error`. Exact zeros cost nothing: they are always representable.
fn mse(histogram: &Histogram, all: Range) -> Range {
    let prefix = Prefix::new(&histogram.bins());
    let last = prefix.centers.len();
    let ends =
        |end: f32| -> Vec<f64> { if end == 0.0 { vec![0.0] } else { ratios().map(|r| r * f64::from(end)).collect() } };
    let mut best = (f64::INFINITY, all);
    for low in ends(all.min) {
        let from = prefix.position(low);
        let (_, clipped_low) = prefix.spread(0, from, low);
        for high in ends(all.max) {
            let to = prefix.position(high).max(from);
            let (_, clipped_high) = prefix.spread(to, last, high);
            let (inside, _) = prefix.spread(from, to, 0.0);
            let step = (high - low) / 255.0;
            let error = inside * step * step / 12.0 + clipped_low + clipped_high;
            if error < best.0 {
                best = (error, Range { min: low as f32, max: high as f32 });
            }
        }
    }
    best.1
}

/// Clips both ends at the same magnitude, where the clipped distribution differs least from its 256-level version.
fn entropy(histogram: &Histogram, all: Range) -> Range {
    let bins = histogram.bins();
    let largest = f64::from(all.max.max(-all.min));
    let mut best = (f64::INFINITY, all);
    for threshold in ratios().map(|r| r * largest) {
        let low = f64::from(all.min).max(-threshold);
        let high = f64::from(all.max).min(threshold);
        let divergence = divergence(&bins, low, high);
        if divergence < best.0 {
            best = (divergence, Range { min: low as f32, max: high as f32 });
        }
    }
    best.1
}

/// Divergence between the distribution clipped to `low..high` and the same with one level per int8 step.
fn divergence(bins: &[(f64, u64)], low: f64, high: f64) -> f64 {
    let inside = &bins[bins.partition_point(|b| b.0 < low)..bins.partition_point(|b| b.0 <= high)];
    let (Some(first), Some(last)) = (inside.first(), inside.last()) else { return f64::INFINITY };
    let outliers = |part: &dyn Fn(f64) -> bool| bins.iter().filter(|b| part(b.0)).map(|b| b.1).sum::<u64>() as f64;
    let (below, above) = (outliers(&|x| x < first.0), outliers(&|x| x > last.0));
    let step = (high - low) / 255.0;
    let level = |x: f64| (((x - low) / step) as usize).min(255);

    let mut levels = [(0.0, 0.0); 256];
    for &(x, n) in inside {
        let entry = &mut levels[level(x)];
        *entry = (entry.0 + n as f64, entry.1 + 1.0);
    }
    let all: f64 = inside.iter().map(|b| b.1 as f64).sum();
    let (mut sum, total) = (0.0, all + below + above);
    for (i, &(x, n)) in inside.iter().enumerate() {
        let tail = if i == 0 { below } else { 0.0 } + if i + 1 == inside.len() { above } else { 0.0 };
        let p = (n as f64 + tail) / total;
        let (count, width) = levels[level(x)];
        let q = count / width / all;
        sum += p * (p / q).ln();
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(values: impl IntoIterator<Item = f32>) -> Histogram {
        let mut h = Histogram::default();
        h.add(&values.into_iter().collect::<Vec<_>>());
        h
    }

    /// A bell of four million values with standard deviation 1, and one value far out.
    fn bell_and_outlier(outlier: f32) -> Histogram {
        let mut state = 1u32;
        let mut uniform = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32
        };
        let bell: Vec<f32> = (0..20_000).map(|_| (0..12).map(|_| uniform()).sum::<f32>() - 6.0).collect();
        let mut h = histogram([outlier]);
        for _ in 0..200 {
            h.add(&bell);
        }
        h
    }

    #[test]
    fn min_max_keeps_everything() {
        assert_eq!(choose(Method::MinMax, &bell_and_outlier(90.0)).max, 90.0);
    }

    #[test]
    fn other_methods_give_up_a_far_outlier() {
        for method in [Method::Mse, Method::Percentile(99.9), Method::Entropy] {
            let range = choose(method, &bell_and_outlier(20.0));
            assert!(range.max < 12.0 && range.max > 2.0, "{method:?}: {range:?}");
        }
    }

    #[test]
    fn mse_keeps_an_even_distribution_whole() {
        let range = choose(Method::Mse, &histogram((0..1000).map(|i| i as f32)));
        assert_eq!(range, Range { min: 0.0, max: 999.0 });
    }

    #[test]
    fn constants_and_nothing_have_a_range() {
        for method in [Method::MinMax, Method::Mse, Method::Percentile(99.0), Method::Entropy] {
            assert_eq!(choose(method, &Histogram::default()), Range { min: 0.0, max: 0.0 });
            assert_eq!(choose(method, &histogram([0.0; 9])), Range { min: 0.0, max: 0.0 });
            let range = choose(method, &histogram([3.0; 9]));
            assert!(range.min == 0.0 && (range.max - 3.0).abs() < 1e-2, "{method:?}: {range:?}");
            let range = choose(method, &histogram([-3.0; 9]));
            assert!(range.max == 0.0 && (range.min + 3.0).abs() < 1e-2, "{method:?}: {range:?}");
        }
    }

    #[test]
    fn zeros_do_not_shrink_the_range() {
        let values = (0..1000).map(|i| i as f32);
        let range = choose(Method::Mse, &histogram(values.chain(std::iter::repeat_n(0.0, 100_000))));
        assert_eq!(range.max, 999.0);
    }
}
