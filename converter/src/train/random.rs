//! Random numbers that depend on what they are for, not on what was drawn before: a run that goes on from a checkpoint, or
//! on another number of threads, draws the same ones.

use crate::data::SplitMix64;

/// What a stream of numbers is for.
#[derive(Clone, Copy, Debug)]
#[repr(u64)]
pub enum Purpose {
    /// First values of parameters.
    Weights = 1,
    /// Order of the samples in an epoch.
    Order,
    /// Which samples are for validation and test.
    Split,
    /// Changes of one sample.
    Augment,
    /// Which elements dropout drops.
    Dropout,
}

/// A stream of pseudo-random numbers, the same on every machine.
#[derive(Clone, Debug)]
pub struct Random(SplitMix64);

impl Random {
    /// The stream for `purpose` of a run with `seed`; `place` says which of many (epoch, step, sample).
    pub fn new(seed: u64, purpose: Purpose, place: &[u64]) -> Self {
        let mut state = SplitMix64(seed);
        for part in [purpose as u64].iter().chain(place) {
            state = SplitMix64(state.next() ^ part.wrapping_mul(0xd6e8_feb8_6659_fd93));
        }
        Self(SplitMix64(state.next()))
    }

    /// Uniform in [0, 1), on a grid of 2^24 values.
    pub fn unit(&mut self) -> f32 {
        (self.0.next() >> 40) as f32 / (1u32 << 24) as f32
    }

    /// Uniform in [low, high).
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Uniform in 0..n; 0 if `n` is 0. The high half of a product: the bias is below 2^-32 for any n in use here.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.0.next()) * n as u128) >> 64) as usize
    }

    /// Uniform in -most..=most.
    pub fn around_zero(&mut self, most: usize) -> isize {
        self.below(2 * most + 1) as isize - most as isize
    }

    /// Normal with mean 0 and deviation 1, by Box and Muller.
    pub fn normal(&mut self) -> f32 {
        let u = 1.0 - f64::from(self.unit());
        let angle = f64::from(self.unit()) * std::f64::consts::TAU;
        ((-2.0 * u.ln()).sqrt() * angle.cos()) as f32
    }

    /// The numbers 0..n in random order, by Fisher and Yates.
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            order.swap(i, self.below(i + 1));
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_seed_purpose_and_place_and_repeat() {
        let draw = |seed, purpose, place: &[u64]| Random::new(seed, purpose, place).0.next();
        let all = [
            draw(1, Purpose::Order, &[0]),
            draw(2, Purpose::Order, &[0]),
            draw(1, Purpose::Augment, &[0]),
            draw(1, Purpose::Order, &[1]),
            draw(1, Purpose::Order, &[0, 0]),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(all.iter().skip(i + 1).all(|b| a != b));
        }
        assert_eq!(all[0], draw(1, Purpose::Order, &[0]));
    }

    #[test]
    fn numbers_have_their_distributions() {
        let mut random = Random::new(5, Purpose::Weights, &[]);
        let n = 20_000;
        let normal: Vec<f64> = (0..n).map(|_| f64::from(random.normal())).collect();
        let mean = normal.iter().sum::<f64>() / f64::from(n);
        let variance = normal.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / f64::from(n);
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
        let mut seen = [0; 5];
        (0..5000).for_each(|_| seen[(random.around_zero(2) + 2) as usize] += 1);
        assert!(seen.iter().all(|&n| (850..1150).contains(&n)), "{seen:?}");
        let mut order = random.permutation(100);
        assert_ne!(order, (0..100).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..100).collect::<Vec<_>>());
    }
}
