//! Pseudo-random numbers, and noise in place of data, for measuring size and speed only.

use super::{Dataset, InputSpec};

/// SplitMix64: the same numbers on every machine.
#[derive(Clone, Debug)]
pub(crate) struct SplitMix64(pub u64);

impl SplitMix64 {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in [-1, 1), on a grid of 2^24 values.
    fn signed_unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    }
}

pub(crate) fn dataset(inputs: &[InputSpec], n: usize) -> Dataset {
    let mut rng = SplitMix64(0);
    let mut values = |spec: &InputSpec| (0..spec.elements()).map(|_| rng.signed_unit()).collect();
    let samples = (0..n).map(|_| inputs.iter().map(&mut values).collect()).collect();
    Dataset { samples, origin: format!("{n} samples of random noise"), ..Dataset::default() }
}
