//! Rounding to what an integer can store.

use super::Array;
use crate::ir::DType;

/// `real = scale * (stored - zero_point)`, `stored` being of `dtype`.
pub(super) struct Rounding {
    pub scale: f32,
    pub zero_point: i32,
    pub dtype: DType,
}

impl Rounding {
    /// The nearest representable value of each element, halves to even, as ONNX rounds.
    pub fn apply(&self, x: &Array) -> Array {
        let [low, high] = self.ends();
        x.map(|x| x.div_scalar(self.scale).round().clamp(low, high).mul_scalar(self.scale))
    }

    /// `stored`, or else what [`Self::apply`] gives, with the gradient of a clamp: that of the rounding itself is 0 almost
    /// everywhere (Bengio et al. 2013).
    pub fn straight_through(&self, x: &Array, stored: Option<Array>) -> Array {
        let rounded = match stored {
            Some(stored) => stored.with_record(),
            None => self.apply(&x.map(|x| x.detach())),
        };
        let [low, high] = self.ends().map(|end| end * f64::from(self.scale));
        x.map(|x| {
            let inside = x.clamp(low, high);
            // The difference is exactly 0, and carries the gradient.
            rounded.full().add(inside.clone().sub(inside.detach()))
        })
    }

    /// Smallest and largest value in units of the scale.
    fn ends(&self) -> [f64; 2] {
        let (low, high) = if self.dtype == DType::I16 { (-32768, 32767) } else { (-128, 127) };
        [low, high].map(|stored: i32| f64::from(stored - self.zero_point))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::{Precision, Target};

    const ROUNDING: Rounding = Rounding { scale: 0.5, zero_point: -128, dtype: DType::I8 };

    #[test]
    fn values_are_rounded_and_clamped() {
        let x = Array::new(vec![-1.0, 0.2, 0.3, 200.0], &[4], &Target::cpu(Precision::Double));
        assert_eq!(ROUNDING.apply(&x).to_vec(), [0.0, 0.0, 0.5, 127.5]);
    }

    #[test]
    fn gradients_pass_where_nothing_is_clamped() {
        let target = Target::cpu(Precision::Double).recording();
        let x = Array::new(vec![-1.0, 0.2, 0.3, 200.0], &[4], &target).as_parameter();
        for stored in [None, Some(Array::new(vec![7.0; 4], &[4], &Target::cpu(Precision::Double)))] {
            let y = ROUNDING.straight_through(&x, stored.clone());
            assert_eq!(y.to_vec(), stored.map_or(vec![0.0, 0.0, 0.5, 127.5], |s| s.to_vec()));
            let gradients = y.full().sum().backward();
            let gradient = x.full().grad(&gradients).unwrap().try_to_vec_as::<f64>().unwrap();
            assert_eq!(gradient, [0.0, 1.0, 1.0, 0.0]);
        }
    }
}
