//! Integer arithmetic that stands in for real scales: from accumulators to stored values.
//!
//! A real factor is a Q0.31 mantissa and a power of two, see [`Multiplier`]. Every function here is total: it gives
//! the same bytes on every target for every argument, and never panics.

mod sigmoid;

pub use sigmoid::{logistic_q15, logistic_q31, tanh_q15, tanh_q31};

use crate::format::Rounding;
use crate::format::instruction::Multiplier;

/// `acc * multiplier * 2^(shift - 31)`, rounded as `rounding` says. `multiplier` is 0 or more; a `shift` outside
/// `[-31, 30]` counts as the nearest bound.
///
/// | rounding | arithmetic | ties | too large for `i32` |
/// |---|---|---|---|
/// | [`Rounding::Tflite`] | shift left, saturating rounding doubling high multiply, rounding divide | up, then away from zero | the left shift wraps |
/// | [`Rounding::Single`] | 64-bit product, add half, arithmetic shift | up | saturates |
///
/// `Tflite` equals `MultiplyByQuantizedMultiplier` of the TensorFlow Lite reference kernels (double rounding).
#[inline]
pub fn requantize(acc: i32, multiplier: i32, shift: i8, rounding: Rounding) -> i32 {
    let shift = i32::from(shift).clamp(-31, 30);
    match rounding {
        Rounding::Tflite => {
            if shift < 0 {
                // A multiplier of 0 or more leaves the high product short of the ends of `i32`, so that neither it nor
                // the sums saturate: half away from zero is half up of a negative number less 1.
                let high = high_multiply(acc, multiplier);
                (high.wrapping_add(high >> 31) >> (-1 - shift)).wrapping_add(1) >> 1
            } else {
                high_multiply(acc.wrapping_shl(shift as u32), multiplier)
            }
        }
        Rounding::Single => {
            let product = i64::from(acc) * i64::from(multiplier);
            if shift <= -2 {
                // The half lies in the high word, so the low word cannot change the result.
                let down = (-1 - shift) as u32;
                ((product >> 32) as i32).wrapping_add(1 << (down - 1)) >> down
            } else {
                let down = (31 - shift) as u32;
                saturate((product + (1i64 << (down - 1))) >> down)
            }
        }
    }
}

/// As [`requantize`], of a sum of up to 47 bits; a `shift` above 14 counts as 14. [`Rounding::Tflite`] saturates the sum to 32
/// bits first, as 32-bit accumulators hold it; [`Rounding::Single`] rounds the whole product, ties up, and saturates.
#[inline]
pub fn requantize_wide(acc: i64, multiplier: i32, shift: i8, rounding: Rounding) -> i32 {
    match rounding {
        Rounding::Tflite => requantize(saturate(acc), multiplier, shift.min(14), rounding),
        Rounding::Single => {
            // The product in units of 2^16: what is cut off lies below the half that is added, so it cannot change the result.
            let factor = i64::from(multiplier);
            let low = (acc & 0xffff).wrapping_mul(factor) >> 16;
            let product = (acc >> 16).wrapping_mul(factor).wrapping_add(low);
            let down = 15 - i32::from(shift).clamp(-31, 14);
            saturate(product.wrapping_add(1i64.wrapping_shl((down - 1) as u32)) >> down)
        }
    }
}

/// `acc * multiplier * 2^(shift - 31)` with the multiplier rounded to 16 bits, rounded to nearest, ties up: equals
/// `MultiplyByQuantizedMultiplier` of the TensorFlow Lite reference kernels for 64-bit accumulators of up to 47 bits. A
/// result beyond 32 bits wraps; a `shift` outside `[-31, 14]` counts as the nearest bound.
#[inline]
pub fn requantize_reduced(acc: i64, multiplier: i32, shift: i8) -> i32 {
    let factor = if multiplier < 0x7fff_0000 { multiplier.wrapping_add(1 << 15) >> 16 } else { 0x7fff };
    let down = 15 - i32::from(shift).clamp(-31, 14);
    (acc.wrapping_mul(factor.into()).wrapping_add(1i64.wrapping_shl((down - 1) as u32)) >> down) as i32
}

/// [`doubling_high_multiply`] of a `b` that is not `i32::MIN`.
#[inline]
pub(crate) fn high_multiply(a: i32, b: i32) -> i32 {
    ((i64::from(a) * i64::from(b) + (1 << 30)) >> 31) as i32
}

/// The high half of `2 * a * b`, rounded to nearest, ties up; saturates the one product that does not fit.
#[inline]
pub fn doubling_high_multiply(a: i32, b: i32) -> i32 {
    // gemmlowp adds `1 - 2^30` to negative products and truncates, which is the same as adding 2^30 and flooring.
    saturate((i64::from(a) * i64::from(b) + (1 << 30)) >> 31)
}

/// `x / 2^exponent`, rounded to nearest, ties away from zero. An exponent of 32 or more gives 0.
#[inline]
pub fn rounding_divide_by_power_of_two(x: i32, exponent: u32) -> i32 {
    if exponent > 31 {
        return 0;
    }
    let mask = (1u32 << exponent).wrapping_sub(1);
    let remainder = x as u32 & mask;
    let threshold = (mask >> 1) + u32::from(x < 0);
    (x >> exponent) + i32::from(remainder > threshold)
}

#[inline]
fn saturate(x: i64) -> i32 {
    x.max(i64::from(i32::MIN)).min(i64::from(i32::MAX)) as i32
}

impl Multiplier {
    /// The factor 0.
    pub const ZERO: Self = Self { multiplier: 0, shift: 0 };

    /// The nearest multiplier to `real`, ties away from zero, as `QuantizeMultiplier` of TensorFlow Lite.
    ///
    /// Gives [`Multiplier::ZERO`] for factors below `2^-32`, for negative ones and for NaN; the largest multiplier for
    /// factors of `2^30` and more.
    pub fn from_real(real: f64) -> Self {
        if real.is_nan() || real <= 0.0 {
            return Self::ZERO;
        }
        let bits = real.to_bits();
        // real = mantissa * 2^(exponent - 53) with mantissa in [2^52, 2^53). Subnormal numbers are far below 2^-32.
        let exponent = ((bits >> 52) & 0x7ff) as i32 - 1022;
        let mantissa = (bits & ((1 << 52) - 1)) | (1 << 52);
        let rounded = (mantissa + (1 << 21)) >> 22;
        let (rounded, shift) = if rounded == 1 << 31 { (1 << 30, exponent + 1) } else { (rounded, exponent) };
        if shift < -31 {
            Self::ZERO
        } else if shift > 30 {
            Self { multiplier: i32::MAX, shift: 30 }
        } else {
            Self { multiplier: rounded as i32, shift: shift as i8 }
        }
    }

    /// `x` times this factor; see [`requantize`].
    #[inline]
    pub fn apply(self, x: i32, rounding: Rounding) -> i32 {
        requantize(x, self.multiplier, self.shift, rounding)
    }
}

#[cfg(test)]
#[path = "fixed_point/tests.rs"]
mod tests;
