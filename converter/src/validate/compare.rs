//! How far one array of numbers is from another.

use serde::Serialize;

/// How alike two arrays are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Similarity {
    /// Power of the reference over power of the difference, in decibel; infinite if equal.
    pub sqnr_db: f64,
    /// Largest absolute difference.
    pub max_abs: f64,
    /// Mean absolute difference.
    pub mean_abs: f64,
    /// Cosine of the angle between the two; 1 if one of them is all zero.
    pub cosine: f64,
}

impl Similarity {
    /// Compares two arrays of the same length.
    pub fn of(reference: &[f32], got: &[f32]) -> Self {
        let mut sums = Sums::default();
        reference.iter().zip(got).for_each(|(&r, &g)| sums.add(r, g));
        sums.similarity()
    }
}

/// One value's error over all samples.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerError {
    /// Index of the instruction that completes the value.
    pub instruction: usize,
    /// Node name.
    pub node: String,
    /// Op name.
    pub op: String,
    /// Real value of one step of the stored integers; 0 for float.
    pub scale: f32,
    /// Over all samples taken together.
    pub similarity: Similarity,
}

/// Sums over pairs of elements, from which a [`Similarity`] follows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    elements: f64,
    reference: f64,
    got: f64,
    product: f64,
    difference: f64,
    absolute: f64,
    max_abs: f64,
}

impl Sums {
    pub fn add(&mut self, reference: f32, got: f32) {
        let (r, g) = (f64::from(reference), f64::from(got));
        let d = (r - g).abs();
        self.elements += 1.0;
        self.reference += r * r;
        self.got += g * g;
        self.product += r * g;
        self.difference += d * d;
        self.absolute += d;
        self.max_abs = self.max_abs.max(d);
    }

    pub fn similarity(self) -> Similarity {
        let norms = (self.reference * self.got).sqrt();
        let equal = self.difference == 0.0;
        Similarity {
            sqnr_db: if equal { f64::INFINITY } else { 10.0 * (self.reference / self.difference).log10() },
            max_abs: self.max_abs,
            mean_abs: self.absolute / self.elements.max(1.0),
            cosine: if norms > 0.0 { self.product / norms } else { 1.0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_arrays_have_infinite_sqnr() {
        let s = Similarity::of(&[1.0, -2.0], &[1.0, -2.0]);
        assert_eq!((s.sqnr_db, s.max_abs), (f64::INFINITY, 0.0));
        assert!((s.cosine - 1.0).abs() < 1e-12);
        assert_eq!(Similarity::of(&[0.0], &[0.0]).sqnr_db, f64::INFINITY);
    }

    #[test]
    fn a_tenth_of_the_amplitude_is_twenty_decibel() {
        let s = Similarity::of(&[10.0, -10.0], &[9.0, -9.0]);
        assert!((s.sqnr_db - 20.0).abs() < 1e-9);
        assert_eq!((s.max_abs, s.mean_abs), (1.0, 1.0));
    }
}
