//! int8 functions of one element, computed for all 256 inputs with the integer arithmetic of the reference kernels.

use crate::ir::Unary;
use mote_runtime::fixed_point::{logistic_q31, requantize, rounding_divide_by_power_of_two, tanh_q31};
use mote_runtime::format::Rounding;
use mote_runtime::format::instruction::Multiplier;

/// Scale and zero point of an int8 tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Affine {
    pub scale: f32,
    pub zero_point: i32,
}

/// What the output of LOGISTIC always means.
pub(super) const LOGISTIC: Affine = Affine { scale: 1.0 / 256.0, zero_point: -128 };
/// What the output of TANH always means.
pub(super) const TANH: Affine = Affine { scale: 1.0 / 128.0, zero_point: 0 };

fn table(f: impl Fn(i32) -> i32) -> Box<[i8; 256]> {
    let mut table = Box::new([0; 256]);
    for (x, y) in (-128..=127).zip(table.iter_mut()) {
        *y = f(x).clamp(-128, 127) as i8;
    }
    table
}

fn multiplier(real: f64) -> Option<Multiplier> {
    crate::emit::multiplier(real)
}

fn scaled(x: i32, by: Multiplier) -> i32 {
    by.apply(x, Rounding::Tflite)
}

/// A real bound in stored integers: divided in single precision, halves away from zero.
fn stored(real: f32, to: Affine) -> i32 {
    ((real / to.scale).round() as i32).saturating_add(to.zero_point)
}

/// `QuantizedReluX`; the factor is a quotient in single precision.
pub(super) fn relu(x: Affine, y: Affine, min: f32, max: f32) -> Option<Box<[i8; 256]>> {
    let factor = multiplier(f64::from(x.scale / y.scale))?;
    let low = stored(min, y).max(-128);
    let high = if max.is_finite() { stored(max, y).min(127) } else { 127 };
    Some(table(|q| y.zero_point.saturating_add(scaled(q - x.zero_point, factor)).max(low).min(high)))
}

/// `QuantizeLeakyRelu`: one factor for each sign.
pub(super) fn leaky_relu(x: Affine, y: Affine, alpha: f32) -> Option<Box<[i8; 256]>> {
    let identity = multiplier(f64::from(x.scale / y.scale))?;
    let slope = multiplier(f64::from(x.scale * alpha / y.scale))?;
    Some(table(|q| {
        let centred = q - x.zero_point;
        y.zero_point.saturating_add(scaled(centred, if centred >= 0 { identity } else { slope }))
    }))
}

/// Differences to the zero point in fixed point with four integer bits, and from which one the result is the limit.
fn four_integer_bits(x: Affine) -> Option<(Multiplier, i32)> {
    let factor = multiplier(f64::from(x.scale) * f64::from(1 << 27))?;
    if factor.shift < 0 {
        return None;
    }
    let radius = 15.0 * f64::from(1 << 27) / 2f64.powi(factor.shift.into());
    Some((factor, radius.floor() as i32))
}

fn saturating(x: Affine, f: impl Fn(i32) -> i32) -> Option<Box<[i8; 256]>> {
    let (factor, radius) = four_integer_bits(x)?;
    Some(table(|q| match q - x.zero_point {
        centred if centred <= -radius => -128,
        centred if centred >= radius => 127,
        centred => f(requantize(centred, factor.multiplier, factor.shift, Rounding::Tflite)),
    }))
}

/// The sigmoid, in fixed point.
pub(super) fn logistic(x: Affine) -> Option<Box<[i8; 256]>> {
    saturating(x, |x| rounding_divide_by_power_of_two(logistic_q31(x, 4), 23) - 128)
}

/// The hyperbolic tangent, in fixed point.
pub(super) fn tanh(x: Affine) -> Option<Box<[i8; 256]>> {
    saturating(x, |x| rounding_divide_by_power_of_two(tanh_q31(x, 4), 24))
}

/// `HardSwish`: 16-bit arithmetic on inputs at 128 times their resolution.
pub(super) fn hard_swish(x: Affine, y: Affine) -> Option<Box<[i8; 256]>> {
    let high = x.scale * (1.0 / 128.0);
    let output = multiplier(f64::from(high / y.scale))?;
    let reluish = multiplier(f64::from(high / (3.0 / 32768.0)))?;
    if output.shift > 0 {
        return None;
    }
    let narrow = |m: i32| if m >= i32::MAX - (1 << 15) { i32::from(i16::MAX) } else { (m + (1 << 15)) >> 16 };
    let (output_factor, reluish_factor) = (narrow(output.multiplier), narrow(reluish.multiplier));
    let saturate = |x: i64| x.clamp(i16::MIN.into(), i16::MAX.into()) as i32;
    let rounding_high = |a: i32, b: i32| saturate((i64::from(a) * i64::from(b) + (1 << 14)) >> 15);
    // Truncates towards zero, unlike the rounding form.
    let high_product = |a: i32, b: i32| saturate(i64::from(a) * i64::from(b) / (1 << 15));
    let exponent = i32::from(reluish.shift);
    Some(table(|q| {
        let input = (q - x.zero_point) * 128;
        let preshift = rounding_high(input, output_factor);
        let mut relu = input;
        if exponent > 0 {
            relu = saturate(i64::from(relu) << (exponent - 1));
        }
        relu = rounding_high(relu, reluish_factor);
        if exponent > 0 {
            relu = saturate(i64::from(relu) << 1);
        } else if exponent < 0 {
            relu = rounding_divide_by_power_of_two(relu, exponent.unsigned_abs());
        }
        relu = (relu + (1 << 15)) >> 1;
        let value = high_product(relu, preshift);
        rounding_divide_by_power_of_two(value, i32::from(output.shift).unsigned_abs()) + y.zero_point
    }))
}

/// A float function looked up: dequantized, computed, quantized with halves away from zero.
pub(super) fn of_function(x: Affine, y: Affine, function: Unary) -> Box<[i8; 256]> {
    table(|q| {
        let real = crate::execute::unary(function, &[x.scale * (q - x.zero_point) as f32]);
        let real = real.first().copied().unwrap_or(0.0);
        if real.is_nan() { y.zero_point } else { stored(real, y) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every table must be within one step of the real function; what the steps are is the reference's business.
    fn close(table: &[i8; 256], x: Affine, y: Affine, function: Unary, steps: i32) {
        let exact = of_function(x, y, function);
        for ((&got, &want), q) in table.iter().zip(exact.iter()).zip(-128..) {
            assert!((i32::from(got) - i32::from(want)).abs() <= steps, "{function:?} of {q}: {got}, exactly {want}");
        }
    }

    const X: Affine = Affine { scale: 0.05, zero_point: 3 };
    const Y: Affine = Affine { scale: 0.04, zero_point: -5 };

    #[test]
    fn fixed_point_functions_are_those_functions() {
        close(&logistic(X).unwrap(), X, LOGISTIC, Unary::Sigmoid, 1);
        close(&tanh(X).unwrap(), X, TANH, Unary::Tanh, 1);
        close(&hard_swish(X, Y).unwrap(), X, Y, Unary::HardSwish, 1);
        close(&leaky_relu(X, Y, 0.1).unwrap(), X, Y, Unary::LeakyRelu { alpha: 0.1 }, 1);
        close(&relu(X, Y, 0.0, 6.0).unwrap(), X, Y, Unary::Clamp { min: 0.0, max: 6.0 }, 1);
    }

    #[test]
    fn limits_are_reached() {
        let wide = Affine { scale: 0.2, zero_point: 0 };
        let table = logistic(wide).unwrap();
        assert_eq!((table[0], table[128], table[255]), (-128, 0, 127));
        let table = tanh(wide).unwrap();
        assert_eq!((table[0], table[128], table[255]), (-128, 0, 127));
    }

    #[test]
    fn scales_beyond_fixed_point_are_refused() {
        assert!(logistic(Affine { scale: 1e-12, zero_point: 0 }).is_none());
        assert!(
            relu(Affine { scale: 1e30, zero_point: 0 }, Affine { scale: 1e-30, zero_point: 0 }, 0.0, 6.0).is_none()
        );
    }
}
