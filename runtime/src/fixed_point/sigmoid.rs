//! Sigmoid and hyperbolic tangent in fixed point, bit for bit as gemmlowp's templates that the TensorFlow Lite reference
//! kernels use. `F` is the number of bits below the sign: 31 or 15.

use super::rounding_divide_by_power_of_two;

/// Values saturate at the ends of the type.
const fn saturate<const F: u32>(x: i64) -> i32 {
    let (min, max) = (-(1i64 << F), (1i64 << F) - 1);
    if x < min {
        min as i32
    } else if x > max {
        max as i32
    } else {
        x as i32
    }
}

/// Product of two fractions, rounded to nearest, ties up.
fn mul<const F: u32>(a: i32, b: i32) -> i32 {
    saturate::<F>((i64::from(a).wrapping_mul(i64::from(b)).wrapping_add(1 << (F - 1))) >> F)
}

/// A constant given for 31 bits.
fn constant<const F: u32>(q31: i32) -> i32 {
    rounding_divide_by_power_of_two(q31, 31 - F)
}

fn shift_left<const F: u32>(x: i32, by: u32) -> i32 {
    saturate::<F>(i64::from(x) << (by & 31))
}

/// `exp(x)` for `x` in `[-1/4, 0)`, no integer bits: four terms around -1/8.
fn exp_of_a_quarter<const F: u32>(x: i32) -> i32 {
    let (factor, third) = (constant::<F>(1_895_147_668), constant::<F>(715_827_883));
    let x = x.wrapping_add(1 << (F - 3));
    let x2 = mul::<F>(x, x);
    let x3 = mul::<F>(x2, x);
    let x4_over_4 = rounding_divide_by_power_of_two(mul::<F>(x2, x2), 2);
    let sum = mul::<F>(x4_over_4.wrapping_add(x3), third).wrapping_add(x2);
    let terms = x.wrapping_add(rounding_divide_by_power_of_two(sum, 1));
    saturate::<F>(i64::from(factor).wrapping_add(i64::from(mul::<F>(factor, terms))))
}

/// `exp(x)` for `x <= 0` with `integer_bits`, up to 7; the result has none.
fn exp_of_negative<const F: u32>(x: i32, integer_bits: u32) -> i32 {
    if x == 0 {
        return saturate::<F>(1 << F);
    }
    let fraction_bits = F.wrapping_sub(integer_bits);
    let quarter = 1i32 << (fraction_bits.wrapping_sub(2) & 31);
    let modulo = (x & quarter.wrapping_sub(1)).wrapping_sub(quarter);
    let mut result = exp_of_a_quarter::<F>(shift_left::<F>(modulo, integer_bits));
    let remainder = modulo.wrapping_sub(x);
    // exp(-2^k) for k from -2 on.
    const POWERS: [i32; 7] = [1_672_461_947, 1_302_514_674, 790_015_084, 290_630_308, 39_332_535, 720_401, 242];
    for (k, power) in POWERS.iter().enumerate() {
        let bit = fraction_bits.wrapping_add(k as u32).wrapping_sub(2);
        if bit < F && remainder & (1i32 << (bit & 31)) != 0 {
            result = mul::<F>(result, constant::<F>(*power));
        }
    }
    // Beyond five integer bits the powers above do not reach: everything below -32 is 0.
    if integer_bits > 5 && i64::from(x) < -(32i64 << (fraction_bits & 31)) {
        result = 0;
    }
    result
}

/// Newton's reciprocal of half of `1 + x`, `x` in `[0, 1]`: two integer bits.
fn reciprocal_of_half_denominator<const F: u32>(x: i32) -> i32 {
    let half = ((i64::from(x).wrapping_add(1 << F)) / 2) as i32;
    let one = 1i32 << (F - 2);
    let mut y = constant::<F>(1_515_870_810).wrapping_add(mul::<F>(half, constant::<F>(-1_010_580_540)));
    for _ in 0..3 {
        let error = one.wrapping_sub(mul::<F>(half, y));
        y = y.wrapping_add(shift_left::<F>(mul::<F>(y, error), 2));
    }
    y
}

/// `1 / (1 + exp(-x))`.
fn logistic<const F: u32>(x: i32, integer_bits: u32) -> i32 {
    if x == 0 {
        return 1 << (F - 1);
    }
    let below = if x > 0 { x.wrapping_neg() } else { x };
    let y = reciprocal_of_half_denominator::<F>(exp_of_negative::<F>(below, integer_bits));
    let positive = shift_left::<F>(y, 1);
    if x > 0 { positive } else { saturate::<F>(1 << F).wrapping_sub(positive) }
}

/// `tanh(x)`.
fn tanh<const F: u32>(x: i32, integer_bits: u32) -> i32 {
    if x == 0 {
        return 0;
    }
    let below = if x > 0 { x.wrapping_neg() } else { x };
    // The same bits with one integer bit more are twice the value.
    let y = reciprocal_of_half_denominator::<F>(exp_of_negative::<F>(below, integer_bits.wrapping_add(1)));
    let magnitude = shift_left::<F>(y.wrapping_sub(1 << (F - 2)), 2);
    if x > 0 { magnitude } else { magnitude.wrapping_neg() }
}

/// `1 / (1 + exp(-x))` in Q0.31, `x` with `integer_bits` (0 to 6) above the point.
pub fn logistic_q31(x: i32, integer_bits: u32) -> i32 {
    logistic::<31>(x, integer_bits.min(6))
}

/// `tanh(x)` in Q0.31, `x` with `integer_bits` (0 to 6) above the point.
pub fn tanh_q31(x: i32, integer_bits: u32) -> i32 {
    tanh::<31>(x, integer_bits.min(6))
}

/// `1 / (1 + exp(-x))` in Q0.15, `x` with `integer_bits` (0 to 6) above the point.
pub fn logistic_q15(x: i16, integer_bits: u32) -> i16 {
    logistic::<15>(x.into(), integer_bits.min(6)) as i16
}

/// `tanh(x)` in Q0.15, `x` with `integer_bits` (0 to 6) above the point.
pub fn tanh_q15(x: i16, integer_bits: u32) -> i16 {
    tanh::<15>(x.into(), integer_bits.min(6)) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_widths_follow_the_real_functions() {
        for x in (-32768..=32767i32).step_by(if cfg!(miri) { 15013 } else { 7 }) {
            for bits in 0..=6 {
                let real = f64::from(x) * 2f64.powi(bits as i32 - 15);
                let sigmoid = 1.0 / (1.0 + (-real).exp());
                let close = |got: f64, want: f64, by: f64| assert!((got - want).abs() < by, "{got} {want} at {real}");
                close(f64::from(logistic_q15(x as i16, bits)) / 32768.0, sigmoid, 1e-3);
                close(f64::from(tanh_q15(x as i16, bits)) / 32768.0, real.tanh(), 1e-3);
                close(f64::from(logistic_q31(x << 16, bits)) / 2f64.powi(31), sigmoid, 1e-5);
                close(f64::from(tanh_q31(x << 16, bits)) / 2f64.powi(31), real.tanh(), 1e-5);
            }
        }
    }
}
