use super::elementwise::{check_unary, in_place};
use super::{Limits, Memory, parameter, product};
use crate::error::Fault;
use crate::fixed_point::{doubling_high_multiply, high_multiply, rounding_divide_by_power_of_two};
use crate::format::instruction::Softmax;
use core::num::NonZeroUsize;

/// Integer bits of the sum of exponentials: room for 4096 elements of 1.
const SUM_INTEGER_BITS: u32 = 12;

/// Softmax over each row of `depth` elements, in place: `y[i] = exp(x[i]) / sum(exp(x))`.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `x` | `[rows, depth]` | i8 | within `op.scale` | cancels |
/// | `y` | `[rows, depth]` | i8 | 1/256 | -128 |
///
/// Differences to the row's maximum as fixed point with 5 integer bits, exponentials with none, their sum with 12, a
/// reciprocal by three Newton steps; every product rounds to nearest, ties up, the last division ties away from zero.
/// Bit-exact with the TFLite int8 reference kernel, in both rounding modes.
///
/// An exponential is computed once for each difference to the maximum.
pub(crate) fn softmax(op: &Softmax, y: &mut [i8]) -> Option<()> {
    let depth = NonZeroUsize::new(op.depth as usize)?;
    for row in y.chunks_exact_mut(depth.get()) {
        softmax_row(op, row);
    }
    Some(())
}

/// Of one difference: its exponential, or, once that is known, its output, or nothing yet.
#[derive(Clone, Copy)]
struct Entry(i32);

impl Entry {
    /// Also an exponential of 0, which is then found again each time. Memory that is 0 needs no code of its own.
    const UNKNOWN: Self = Self(0);

    /// Exponentials are not negative, and this is.
    fn of_output(output: i8) -> Self {
        Self(i32::MIN | i32::from(output as u8))
    }
}

#[inline(never)]
fn softmax_row(op: &Softmax, row: &mut [i8]) {
    let max = row.iter().copied().fold(i8::MIN, Ord::max);
    // As many as there can be differences.
    let mut table = [Entry::UNKNOWN; 256];
    let mut sum = 0i32;
    for &x in row.iter() {
        let entry = &mut table[usize::from(max.wrapping_sub(x) as u8)];
        if entry.0 == Entry::UNKNOWN.0 {
            *entry = match op.exponential(i32::from(x) - i32::from(max)) {
                Some(exponential) => Entry(exponential),
                None => Entry::of_output(i8::MIN),
            };
        }
        sum = sum.wrapping_add(term(entry.0));
    }
    let reciprocal = reciprocal(sum as u32);
    for y in row {
        let entry = &mut table[usize::from(max.wrapping_sub(*y) as u8)];
        if entry.0 >= 0 {
            *entry = Entry::of_output(output(reciprocal, entry.0));
        }
        *y = entry.0 as i8;
    }
}

impl Softmax {
    /// `exp` of a difference to the maximum in Q31; `None` for differences that count as 0.
    fn exponential(&self, difference: i32) -> Option<i32> {
        (difference >= self.diff_min).then(|| {
            let shifted = difference.wrapping_shl(self.scale.shift as u32);
            exp_on_negative_values(doubling_high_multiply(shifted, self.scale.multiplier))
        })
    }
}

/// What an exponential adds to the sum; outputs that are known at once, which are negative, add nothing.
fn term(exponential: i32) -> i32 {
    // Half up: exponentials are not negative, so that it is half away from zero.
    (exponential.max(0).wrapping_add(1 << (SUM_INTEGER_BITS - 1)) as u32 >> SUM_INTEGER_BITS) as i32
}

/// The stored output of an exponential.
fn output((reciprocal, bits_over_unit): (i32, u32), exponential: i32) -> i8 {
    let product = high_multiply(reciprocal, exponential);
    // Half up: neither factor is negative. The sum is 2^19 at least, that of one element, so that it is 23 bits and more.
    let bits = bits_over_unit.wrapping_add(31 - 8);
    let half = 1u32.wrapping_shl(bits.wrapping_sub(1));
    let value = (product as u32).wrapping_add(half).checked_shr(bits).unwrap_or(0);
    (value.min(255) as i32).wrapping_add(i8::MIN.into()) as i8
}

/// `exp(x)` with 0 integer bits for `x <= 0` with 5: a Taylor polynomial on `[-1/4, 0)` around -1/8, then one factor
/// for every binary digit of the rest.
fn exp_on_negative_values(x: i32) -> i32 {
    const FRACTION_BITS: u32 = 26;
    /// `exp(-2^k)` in Q31, for k from -2.
    const FACTORS: [i32; 7] = [1_672_461_947, 1_302_514_674, 790_015_084, 290_630_308, 39_332_535, 720_401, 242];
    if x == 0 {
        return i32::MAX;
    }
    let quarter = 1 << (FRACTION_BITS - 2);
    let below_zero = (x & (quarter - 1)) - quarter;
    // No product here is of `i32::MIN` twice.
    let mut result = exp_near_zero(below_zero << 5);
    let rest = below_zero.wrapping_sub(x);
    let mut digit = quarter;
    for factor in FACTORS {
        if rest & digit != 0 {
            result = high_multiply(result, factor);
        }
        digit <<= 1;
    }
    result
}

/// `exp(x)` in Q31 for `x` in `[-1/4, 0)`: `exp(-1/8) * (1 + t + t^2/2 + t^3/6 + t^4/24)` with `t = x + 1/8`.
fn exp_near_zero(x: i32) -> i32 {
    const EXP_MINUS_EIGHTH: i32 = 1_895_147_668;
    const THIRD: i32 = 715_827_883;
    let t = x.wrapping_add(1 << 28);
    let t2 = high_multiply(t, t);
    let t3 = high_multiply(t2, t);
    let t4 = high_multiply(t2, t2);
    let t4_over_4 = rounding_divide_by_power_of_two(t4, 2);
    let thirds = high_multiply(t4_over_4.wrapping_add(t3), THIRD);
    let tail = rounding_divide_by_power_of_two(thirds.wrapping_add(t2), 1);
    EXP_MINUS_EIGHTH.wrapping_add(high_multiply(EXP_MINUS_EIGHTH, t.wrapping_add(tail)))
}

/// One over the sum as a Q31 mantissa, and by how many bits (wrapping below 0) the sum exceeds 1.
fn reciprocal(sum: u32) -> (i32, u32) {
    let headroom = sum.leading_zeros();
    let fraction = sum.wrapping_shl(headroom).wrapping_sub(1 << 31) as i32;
    (one_over_one_plus(fraction), SUM_INTEGER_BITS.wrapping_sub(headroom))
}

/// `1 / (1 + x)` in Q31 for `x` in `[0, 1)`: three Newton-Raphson steps on half the denominator.
fn one_over_one_plus(x: i32) -> i32 {
    // Two integer bits from here on.
    const ONE: i32 = 1 << 29;
    const FORTY_EIGHT_SEVENTEENTHS: i32 = 1_515_870_810;
    const MINUS_THIRTY_TWO_SEVENTEENTHS: i32 = -1_010_580_540;
    let half_denominator = ((i64::from(x) + i64::from(i32::MAX) + 1) / 2) as i32;
    let mut y =
        FORTY_EIGHT_SEVENTEENTHS.wrapping_add(doubling_high_multiply(half_denominator, MINUS_THIRTY_TWO_SEVENTEENTHS));
    for _ in 0..3 {
        let error = ONE.wrapping_sub(doubling_high_multiply(half_denominator, y));
        y = y.wrapping_add(saturating_shift_left(doubling_high_multiply(y, error), 2));
    }
    saturating_shift_left(y, 1)
}

fn saturating_shift_left(x: i32, by: u32) -> i32 {
    x.saturating_mul(1 << by)
}

pub(crate) fn check(op: &Softmax, limits: &Limits) -> Result<(), Fault> {
    if op.depth > 4096 {
        return Err(Fault::Shape);
    }
    op.scale.check()?;
    parameter(op.scale.shift >= 0 && op.diff_min <= 0)?;
    // No difference that counts may leave i32 when it is shifted.
    let largest = i64::from(op.diff_min.max(-255)) << op.scale.shift;
    parameter(largest >= i32::MIN.into())?;
    check_unary::<i8>(op.x, op.y, product(&[op.rows, op.depth])?, limits)
}

pub(crate) fn run(op: &Softmax, memory: &mut Memory) -> Option<()> {
    softmax(op, in_place(memory, op.x, op.y, op.rows.checked_mul(op.depth)?)?)
}

#[cfg(test)]
#[path = "softmax/tests.rs"]
mod tests;
