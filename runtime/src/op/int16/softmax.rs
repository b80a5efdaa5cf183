use super::lookup::{POINTS, interpolate};
use super::store;
use crate::error::Fault;
use crate::format::Rounding;
use crate::format::instruction::SoftmaxI16;
use crate::op::elementwise::{check_unary, in_place};
use crate::op::{Limits, Memory, parameter, product};
use core::num::NonZeroUsize;

type Table = [i16; POINTS as usize];

/// Softmax over each row of `depth` elements, in place: `y[i] = exp(x[i]) / sum(exp(x))`.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `x` | `[rows, depth]` | i16 | within `op.scale` | 0 |
/// | `y` | `[rows, depth]` | i16 | 1/32768 | 0 |
///
/// Differences to the row's maximum of up to 10 are looked up as exponentials in Q15; one over their sum is looked up too.
/// Bit-exact with the TFLite int16 reference kernel, in both rounding modes.
fn softmax(op: &SoftmaxI16, exp: &Table, reciprocal: &Table, y: &mut [i16]) -> Option<()> {
    let depth = NonZeroUsize::new(op.depth as usize)?;
    for row in y.chunks_exact_mut(depth.get()) {
        let max = row.iter().copied().fold(i16::MIN, Ord::max);
        let mut sum = 0i32;
        for y in row.iter_mut() {
            let difference = i32::from(*y) - i32::from(max);
            let scaled = op.scale.apply(difference, Rounding::Tflite);
            // From -65535..=0 to the table's ends.
            *y = interpolate(exp, store(scaled.saturating_add(32767), i16::MIN, i16::MAX));
            sum = sum.wrapping_add((*y).into());
        }
        // The sum as a mantissa of 17 bits in `[1, 2)`, less 1, from the table's lower end on.
        let headroom = (sum as u32).leading_zeros();
        let mantissa = (i64::from(sum).wrapping_shl(headroom.wrapping_sub(1)).wrapping_add(1 << 13) >> 14) as i32;
        let centred = mantissa.wrapping_sub((1 << 15) + (1 << 16));
        let reciprocal = i64::from(interpolate(reciprocal, store(centred, i16::MIN, i16::MAX)));
        // A sum of the tables of a softmax has at least 15 bits.
        let down = 31u32.saturating_sub(headroom).max(1);
        for y in row {
            let product = i64::from(*y).wrapping_mul(reciprocal).wrapping_add(1i64.wrapping_shl(down - 1));
            *y = store((product >> down) as i32, 0, i16::MAX);
        }
    }
    Some(())
}

pub(crate) fn check(op: &SoftmaxI16, limits: &Limits) -> Result<(), Fault> {
    if op.depth > 65535 {
        return Err(Fault::Shape);
    }
    op.scale.check()?;
    parameter(op.scale.shift <= 14)?;
    limits.weights::<i16>(op.exp_table, POINTS)?;
    limits.weights::<i16>(op.reciprocal_table, POINTS)?;
    check_unary::<i16>(op.x, op.y, product(&[op.rows, op.depth])?, limits)
}

pub(crate) fn run(op: &SoftmaxI16, memory: &mut Memory) -> Option<()> {
    let exp = memory.weights(op.exp_table, POINTS)?.first_chunk()?;
    let reciprocal = memory.weights(op.reciprocal_table, POINTS)?.first_chunk()?;
    softmax(op, exp, reciprocal, in_place(memory, op.x, op.y, op.rows.checked_mul(op.depth)?)?)
}

#[cfg(test)]
#[path = "softmax/tests.rs"]
mod tests;
