//! Scales and zero points.

use super::{Quantization, Range, Width};
use crate::ir::{Op, Unary};

/// Smallest and largest stored int8 value.
const STORED: (f64, f64) = (-128.0, 127.0);

/// Widths below this are no signal: the value was constant zero on all samples.
const SMALLEST_WIDTH: f64 = 1e-30;

/// Asymmetric int8 for `range`: zero is exact, and both ends are within half a scale.
pub fn activation(range: Range) -> Quantization {
    let (min, max) = (f64::from(range.min), f64::from(range.max));
    if max - min < SMALLEST_WIDTH {
        return Quantization::per_tensor(1.0, 0);
    }
    let scale = ((max - min) / (STORED.1 - STORED.0)) as f32;
    let zero_point = (STORED.0 - min / f64::from(scale)).round().clamp(STORED.0, STORED.1);
    Quantization::per_tensor(scale, zero_point as i32)
}

/// Symmetric int16 for `range`.
pub fn activation16(range: Range) -> Quantization {
    let largest = f64::from(range.max.max(-range.min));
    let scale = (largest / Width::I16.stored().1) as f32;
    let is_signal = largest >= SMALLEST_WIDTH && scale >= f32::MIN_POSITIVE;
    Quantization::per_tensor(if is_signal { scale } else { 1.0 }, 0)
}

/// [`activation`] or [`activation16`].
pub fn of_width(range: Range, width: Width) -> Quantization {
    match width {
        Width::I8 => activation(range),
        Width::I16 => activation16(range),
    }
}

/// The quantization that a softmax output always has.
pub fn softmax() -> Quantization {
    Quantization::per_tensor(1.0 / 256.0, -128)
}

/// The quantization of what `op` writes, if the kernel leaves no choice.
pub fn fixed(op: &Op, width: Width) -> Option<Quantization> {
    match (op, width) {
        (Op::Softmax { .. }, Width::I8) => Some(softmax()),
        (Op::Softmax { .. } | Op::Unary(Unary::Sigmoid | Unary::Tanh), Width::I16) => {
            Some(Quantization::per_tensor(1.0 / 32768.0, 0))
        }
        _ => None,
    }
}

/// Nearest stored value, halves away from zero.
pub fn quantize(x: f32, q: &Quantization) -> i8 {
    nearest(x, q, Width::I8) as i8
}

/// As [`quantize`], of an int16.
pub fn quantize16(x: f32, q: &Quantization) -> i16 {
    nearest(x, q, Width::I16) as i16
}

fn nearest(x: f32, q: &Quantization, width: Width) -> f64 {
    let stored = (f64::from(x) / f64::from(q.scale())).round() + f64::from(q.zero_point);
    let (low, high) = width.stored();
    stored.clamp(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn dequantize(x: i8, q: &Quantization) -> f32 {
        q.scale() * (i32::from(x) - q.zero_point) as f32
    }

    #[test]
    fn natural_ranges_give_the_fixed_parameters() {
        assert_eq!(activation(Range { min: 0.0, max: 255.0 / 256.0 }), softmax());
        assert_eq!(activation(Range { min: -1.0, max: 127.0 / 128.0 }), Quantization::per_tensor(1.0 / 128.0, 0));
    }

    #[test]
    fn a_constant_zero_has_parameters() {
        assert_eq!(activation(Range { min: 0.0, max: 0.0 }), Quantization::per_tensor(1.0, 0));
    }

    #[test]
    fn int16_is_symmetric() {
        let q = activation16(Range { min: -2.0, max: 0.5 });
        assert_eq!((quantize16(-2.0, &q), quantize16(0.0, &q), q.zero_point), (-32767, 0, 0));
        assert_eq!(activation16(Range { min: 0.0, max: 0.0 }), Quantization::per_tensor(1.0, 0));
    }

    #[test]
    fn one_sided_ranges_use_all_256_values() {
        let q = activation(Range { min: 0.0, max: 6.0 });
        assert_eq!((quantize(0.0, &q), quantize(6.0, &q)), (-128, 127));
        let q = activation(Range { min: -6.0, max: 0.0 });
        assert_eq!((quantize(0.0, &q), quantize(-6.0, &q)), (127, -128));
    }

    proptest! {
        #[test]
        fn round_trip_stays_within_half_a_scale_and_zero_is_exact(
            min in -1e3f32..0.0, max in 0.0f32..1e3, at in 0.0f32..=1.0,
        ) {
            prop_assume!(max - min > 1e-3);
            let q = activation(Range { min, max });
            let x = min + at * (max - min);
            // Rounding the zero point moves the ends by up to half a scale.
            prop_assert!((dequantize(quantize(x, &q), &q) - x).abs() <= q.scale() * 1.001);
            let inside = x > min + q.scale() && x < max - q.scale();
            prop_assert!(!inside || (dequantize(quantize(x, &q), &q) - x).abs() <= q.scale() * 0.501);
            prop_assert_eq!(dequantize(quantize(0.0, &q), &q), 0.0);
        }
    }
}
