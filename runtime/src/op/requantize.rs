use super::elementwise::{check_unary, in_place};
use super::scales::store;
use super::{Limits, Memory};
use crate::error::Fault;
use crate::format::Rounding;
use crate::format::instruction::Requantize;

/// New scale and zero point, in place: `y = clamp(requantize(x - x_zero_point, scale) + y_zero_point, -128, 127)`.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `x` | `[len]` | i8 | per tensor | `x_zero_point` |
/// | `y` | `[len]` | i8 | per tensor | `y_zero_point` |
///
/// `scale = x_scale / y_scale`. Bit-exact with the TFLite int8 reference kernel when the rounding is `Tflite`.
pub(crate) fn requantize(op: &Requantize, rounding: Rounding, y: &mut [i8]) {
    for y in y {
        let centred = i32::from(*y) - i32::from(op.x_zero_point);
        *y = store(op.scale.apply(centred, rounding), op.y_zero_point, i8::MIN, i8::MAX);
    }
}

pub(crate) fn check(op: &Requantize, limits: &Limits) -> Result<(), Fault> {
    op.scale.check()?;
    check_unary::<i8>(op.x, op.y, op.len, limits)
}

pub(crate) fn run(op: &Requantize, memory: &mut Memory) -> Option<()> {
    let rounding = memory.rounding;
    requantize(op, rounding, in_place(memory, op.x, op.y, op.len)?);
    Some(())
}
