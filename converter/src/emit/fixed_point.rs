//! Real numbers as the integers that kernels compute with.

use mote_runtime::format::instruction::Multiplier;

/// Product of two scales, with no bit lost.
pub fn exact_product(x: f32, w: f32) -> f64 {
    f64::from(x) * f64::from(w)
}

/// `real` as Q0.31 mantissa and power of two. Too small to matter gives 0; negative, not finite or 2^30 and above give
/// `None`: no kernel could apply it.
pub fn multiplier(real: f64) -> Option<Multiplier> {
    (0.0..f64::from(1 << 30)).contains(&real).then(|| Multiplier::from_real(real))
}

/// A real value as a stored int8: divided in single precision as the device and the reference kernels do, half away from
/// zero, clamped.
pub fn stored(real: f32, scale: f32, zero_point: i8) -> i8 {
    if real.is_nan() {
        return zero_point;
    }
    let steps = f64::from((real / scale).round());
    (steps + f64::from(zero_point)).clamp(-128.0, 127.0) as i8
}

/// As [`stored`], of an int16, whose zero point is 0.
pub fn stored16(real: f32, scale: f32) -> i16 {
    if real.is_nan() { 0 } else { f64::from((real / scale).round()).clamp(-32768.0, 32767.0) as i16 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn real(m: Multiplier) -> f64 {
        f64::from(m.multiplier) * 2f64.powi(i32::from(m.shift) - 31)
    }

    #[test]
    fn one_is_half_shifted_left() {
        assert_eq!(multiplier(1.0), Some(Multiplier { multiplier: 1 << 30, shift: 1 }));
    }

    #[test]
    fn mantissa_that_rounds_up_to_one_moves_the_shift() {
        assert_eq!(multiplier(1.0 - 1e-12), Some(Multiplier { multiplier: 1 << 30, shift: 1 }));
    }

    #[test]
    fn vanishing_and_impossible_factors() {
        assert_eq!(multiplier(1e-12), Some(Multiplier { multiplier: 0, shift: 0 }));
        assert_eq!(multiplier(2f64.powi(30)), None);
        assert_eq!(multiplier(f64::NAN), None);
        assert_eq!(multiplier(-1.0), None);
    }

    proptest::proptest! {
        #[test]
        fn is_within_half_a_unit_of_the_last_place(exponent in -30f64..29.0) {
            let wanted = 2f64.powf(exponent);
            let got = multiplier(wanted).unwrap();
            proptest::prop_assert!(got.multiplier >= 1 << 30);
            proptest::prop_assert!((real(got) / wanted - 1.0).abs() <= 2f64.powi(-31));
        }
    }

    #[test]
    fn stored_values_round_half_away_and_saturate() {
        assert_eq!(stored(0.25, 0.5, 0), 1);
        assert_eq!(stored(-0.25, 0.5, 0), -1);
        assert_eq!(stored(f32::INFINITY, 0.5, 3), 127);
        assert_eq!(stored(f32::NEG_INFINITY, 0.5, 3), -128);
        assert_eq!(stored(f32::NAN, 0.5, 3), 3);
    }
}
