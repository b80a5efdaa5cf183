use super::elementwise::Operands;
use super::scales::store;
use super::{Limits, Memory, parameter};
use crate::error::Fault;
use crate::format::Rounding;
use crate::format::instruction::Mul;

/// Multiplication: `y = clamp(requantize((a - za) * (b - zb), scale) + zy, min, max)`.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `a` | `[len]` | i8 | per tensor | `a_zero_point` |
/// | `b` | `[len]` (broadcast before) | i8 | per tensor | `b_zero_point` |
/// | `y` | `[len]` | i8 | per tensor | `y_zero_point` |
///
/// `scale = a_scale * b_scale / y_scale`. Bit-exact with the TFLite int8 reference kernel when the rounding is `Tflite`.
pub(crate) fn mul(op: &Mul, rounding: Rounding, a: &[i8], b: &[i8], y: &mut [i8]) {
    let binary = &op.binary;
    for ((y, &a), &b) in y.iter_mut().zip(a).zip(b) {
        let a = i32::from(a) - i32::from(binary.a_zero_point);
        let b = i32::from(b) - i32::from(binary.b_zero_point);
        *y = store(op.scale.apply(a * b, rounding), binary.y_zero_point, binary.min, binary.max);
    }
}

pub(crate) fn check(op: &Mul, limits: &Limits) -> Result<(), Fault> {
    parameter(op.binary.min <= op.binary.max)?;
    op.scale.check()?;
    Operands::from(&op.binary).check::<i8>(limits)
}

pub(crate) fn run(op: &Mul, memory: &mut Memory) -> Option<()> {
    let rounding = memory.rounding;
    Operands::from(&op.binary).run(memory, |a, b, y| mul(op, rounding, a, b, y))
}
