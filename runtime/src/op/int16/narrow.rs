use crate::error::Fault;
use crate::format::Rounding;
use crate::format::instruction::NarrowI16;
use crate::op::{Limits, Memory};

/// int16 to int8: `y = clamp(requantize(x, scale) + y_zero_point, -128, 127)`.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `x` | `[len]` | i16 | per tensor | 0 |
/// | `y` | `[len]` | i8 | per tensor | `y_zero_point` |
///
/// `scale = x_scale / y_scale`. Bit-exact with the TFLite reference kernel when the rounding is `Tflite`.
fn narrow(op: &NarrowI16, rounding: Rounding, x: &[i16], y: &mut [i8]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = crate::op::scales::store(op.scale.apply(x.into(), rounding), op.y_zero_point, i8::MIN, i8::MAX);
    }
}

pub(crate) fn check(op: &NarrowI16, limits: &Limits) -> Result<(), Fault> {
    op.scale.check()?;
    if op.len == 0 {
        return Err(Fault::Shape);
    }
    limits.arena::<i16>(op.x, op.len)?.disjoint(limits.arena::<i8>(op.y, op.len)?)
}

pub(crate) fn run(op: &NarrowI16, memory: &mut Memory) -> Option<()> {
    let rounding = memory.rounding;
    let (x, y) = memory.x_y(op.x, op.len, op.y, op.len)?;
    narrow(op, rounding, x, y);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::instruction::Multiplier;

    #[test]
    fn zero_is_the_zero_point_and_the_ends_saturate() {
        let op = NarrowI16 { x: 0, y: 0, len: 4, y_zero_point: -10, scale: Multiplier::from_real(1.0 / 256.0) };
        let mut y = [0; 4];
        narrow(&op, Rounding::Tflite, &[0, 256, 32767, -32768], &mut y);
        assert_eq!(y, [-10, -9, 118, -128]);
    }
}
