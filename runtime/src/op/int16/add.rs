use super::store;
use crate::error::Fault;
use crate::format::Rounding;
use crate::format::instruction::{AddI16, Multiplier};
use crate::op::elementwise::Operands;
use crate::op::{Limits, Memory, parameter};

/// Addition: `y = clamp(requantize(requantize(a << l, a_scale) + requantize(b << l, b_scale), y_scale), min, max)`, or the
/// difference of the two.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `a` | `[len]` | i16 | per tensor | 0 |
/// | `b` | `[len]` (broadcast before) | i16 | per tensor | 0 |
/// | `y` | `[len]` | i16 | per tensor | 0 |
///
/// Bit-exact with the TFLite int16 reference kernels of general scales when the rounding is `Tflite`.
fn add(op: &AddI16, rounding: Rounding, a: &[i16], b: &[i16], y: &mut [i16]) {
    let term = |x: i16, by: Multiplier| by.apply(i32::from(x).wrapping_shl(op.left_shift.into()), rounding);
    for ((y, &a), &b) in y.iter_mut().zip(a).zip(b) {
        let (a, b) = (term(a, op.a_scale), term(b, op.b_scale));
        let sum = if op.subtract { a.wrapping_sub(b) } else { a.wrapping_add(b) };
        *y = store(op.y_scale.apply(sum, rounding), op.binary.min, op.binary.max);
    }
}

pub(crate) fn check(op: &AddI16, limits: &Limits) -> Result<(), Fault> {
    parameter(op.binary.min <= op.binary.max && op.left_shift <= 15)?;
    for scale in [op.a_scale, op.b_scale, op.y_scale] {
        scale.check()?;
        parameter(scale.shift <= 0)?;
    }
    Operands::from(&op.binary).check::<i16>(limits)
}

pub(crate) fn run(op: &AddI16, memory: &mut Memory) -> Option<()> {
    let rounding = memory.rounding;
    Operands::from(&op.binary).run(memory, |a, b, y| add(op, rounding, a, b, y))
}

#[cfg(test)]
#[path = "add/tests.rs"]
mod tests;
