use super::*;
use proptest::prelude::*;

/// gemmlowp's definition, word for word: nudge by the sign, then a division that truncates.
fn literal_doubling_high_multiply(a: i32, b: i32) -> i32 {
    if a == i32::MIN && b == i32::MIN {
        return i32::MAX;
    }
    let product = i64::from(a) * i64::from(b);
    let nudge = if product >= 0 { 1 << 30 } else { 1 - (1 << 30) };
    ((product + nudge) / (1 << 31)) as i32
}

/// Nearest integer to `x / 2^n`, ties away from zero, by magnitude.
fn literal_rounding_divide(x: i64, n: u32) -> i64 {
    let magnitude = (x.unsigned_abs() + ((1u64 << n) >> 1)) >> n;
    if x < 0 { -(magnitude as i64) } else { magnitude as i64 }
}

const HALF: i32 = 1 << 30;

#[test]
fn negative_tie_rounds_away_from_zero_in_tflite() {
    // -3 * 1/2 * 1/2 = -0.75 -> the first rounding gives -1 (tie up), the second -1/2 -> -1 (tie away).
    assert_eq!(requantize(-3, HALF, -1, Rounding::Tflite), -1);
    assert_eq!(requantize(3, HALF, -1, Rounding::Tflite), 1);
    assert_eq!(rounding_divide_by_power_of_two(-2, 2), -1);
    assert_eq!(rounding_divide_by_power_of_two(-1, 1), -1);
    assert_eq!(rounding_divide_by_power_of_two(1, 1), 1);
}

#[test]
fn negative_tie_rounds_up_in_single() {
    assert_eq!(requantize(-1, HALF, 0, Rounding::Single), 0);
    assert_eq!(requantize(1, HALF, 0, Rounding::Single), 1);
    assert_eq!(requantize(-2, HALF, -1, Rounding::Single), 0);
    assert_eq!(requantize(-6, HALF, -1, Rounding::Single), -1);
}

#[test]
fn double_rounding_differs_from_single_rounding() {
    // 5 * 0.3 = 1.5 just below the tie: rounded first to 5 * 0.6 = 3, then 1.5 -> 2.
    let m = Multiplier::from_real(0.299_999_9);
    assert_eq!(m.apply(5, Rounding::Tflite), 2);
    assert_eq!(m.apply(5, Rounding::Single), 1);
}

#[test]
fn extremes_are_defined() {
    for acc in [i32::MIN, -1, 0, 1, i32::MAX] {
        for multiplier in [0, 1, HALF, i32::MAX] {
            for shift in (i8::MIN..=i8::MAX).step_by(if cfg!(miri) { 17 } else { 1 }) {
                for rounding in [Rounding::Tflite, Rounding::Single] {
                    requantize(acc, multiplier, shift, rounding);
                }
            }
        }
    }
    assert_eq!(requantize(i32::MAX, i32::MAX, 30, Rounding::Single), i32::MAX);
    assert_eq!(requantize(i32::MIN, i32::MAX, 30, Rounding::Single), i32::MIN);
    assert_eq!(doubling_high_multiply(i32::MIN, i32::MIN), i32::MAX);
    assert_eq!(rounding_divide_by_power_of_two(i32::MIN, 31), -1);
    assert_eq!(rounding_divide_by_power_of_two(i32::MAX, 31), 1);
    assert_eq!(rounding_divide_by_power_of_two(i32::MIN, 32), 0);
}

#[test]
fn multiplier_from_real_has_a_mantissa_in_the_upper_half() {
    assert_eq!(Multiplier::from_real(1.0), Multiplier { multiplier: HALF, shift: 1 });
    assert_eq!(Multiplier::from_real(0.75), Multiplier { multiplier: 3 << 29, shift: 0 });
    assert_eq!(Multiplier::from_real(0.5f64.powi(32)), Multiplier { multiplier: HALF, shift: -31 });
    // The mantissa rounds up to 2^31 and moves to the next power of two.
    assert_eq!(Multiplier::from_real(1.0 - 1e-12), Multiplier { multiplier: HALF, shift: 1 });
}

#[test]
fn multiplier_from_real_is_zero_below_its_range_and_largest_above() {
    for real in [0.0, -0.0, -1.0, f64::NAN, f64::NEG_INFINITY, f64::MIN_POSITIVE, 1e-310, 0.49 * 0.5f64.powi(31)] {
        assert_eq!(Multiplier::from_real(real), Multiplier::ZERO, "{real}");
    }
    let largest = Multiplier { multiplier: i32::MAX, shift: 30 };
    assert_eq!(Multiplier::from_real(f64::INFINITY), largest);
    assert_eq!(Multiplier::from_real(2f64.powi(40)), largest);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 4 } else { 2000 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn doubling_high_multiply_is_gemmlowps(a: i32, b: i32) {
        prop_assert_eq!(doubling_high_multiply(a, b), literal_doubling_high_multiply(a, b));
    }

    #[test]
    fn rounding_divide_rounds_half_away_from_zero(x: i32, exponent in 0u32..32) {
        prop_assert_eq!(
            i64::from(rounding_divide_by_power_of_two(x, exponent)),
            literal_rounding_divide(i64::from(x), exponent)
        );
    }

    #[test]
    fn single_is_one_rounded_shift(acc: i32, multiplier in 0..=i32::MAX, shift in -31i8..=30) {
        let down = (31 - i32::from(shift)) as u32;
        let product = i128::from(acc) * i128::from(multiplier);
        let exact = (product + (1i128 << (down - 1))) >> down;
        let expected = exact.clamp(i128::from(i32::MIN), i128::from(i32::MAX)) as i32;
        prop_assert_eq!(requantize(acc, multiplier, shift, Rounding::Single), expected);
    }

    #[test]
    fn tflite_is_two_rounded_steps(acc in -(1i32 << 24)..(1 << 24), multiplier in HALF..=i32::MAX, shift in -31i8..=6) {
        let shifted = acc << shift.max(0);
        let high = literal_doubling_high_multiply(shifted, multiplier);
        let expected = literal_rounding_divide(i64::from(high), (-shift).max(0) as u32) as i32;
        prop_assert_eq!(requantize(acc, multiplier, shift, Rounding::Tflite), expected);
    }

    #[test]
    fn from_real_is_within_half_a_unit(mantissa in 0.5f64..1.0, exponent in -31i32..=30) {
        let real = mantissa * 2f64.powi(exponent);
        let m = Multiplier::from_real(real);
        let back = f64::from(m.multiplier) * 2f64.powi(i32::from(m.shift) - 31);
        prop_assert!((back / real - 1.0).abs() <= 0.5f64.powi(31));
    }
}

fn exactly(acc: i64, multiplier: i32, shift: i8) -> i128 {
    let down = 31 - i32::from(shift);
    (i128::from(acc) * i128::from(multiplier) + (1 << (down - 1))) >> down
}

proptest! {
    #[test]
    fn wide_sums_are_rounded_once(acc in -(1i64 << 46)..1 << 46, multiplier in 0..=i32::MAX, shift in -31i8..=14) {
        let limits = (i128::from(i32::MIN), i128::from(i32::MAX));
        let expected = exactly(acc, multiplier, shift).clamp(limits.0, limits.1) as i32;
        prop_assert_eq!(requantize_wide(acc, multiplier, shift, Rounding::Single), expected);
    }

    #[test]
    fn wide_sums_of_32_bits_are_as_narrow_ones(acc: i32, multiplier in 0..=i32::MAX, shift in -31i8..=14) {
        for rounding in [Rounding::Single, Rounding::Tflite] {
            let narrow = requantize(acc, multiplier, shift, rounding);
            prop_assert_eq!(requantize_wide(acc.into(), multiplier, shift, rounding), narrow);
        }
    }

    #[test]
    fn reduced_factors_have_sixteen_bits(acc in -(1i64 << 46)..1 << 46, multiplier in 1 << 30..=i32::MAX, shift in -31i8..=7) {
        let factor = ((i64::from(multiplier) + (1 << 15)) >> 16).min(0x7fff) as i32;
        let expected = exactly(acc, factor << 16, shift) as i32;
        prop_assert_eq!(requantize_reduced(acc, multiplier, shift), expected);
    }
}
