use super::store;
use crate::error::Fault;
use crate::format::Rounding;
use crate::format::instruction::WidenI8;
use crate::op::{Limits, Memory};

/// int8 to int16: `y = clamp(requantize(x - x_zero_point, scale), -32768, 32767)`.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `x` | `[len]` | i8 | per tensor | `x_zero_point` |
/// | `y` | `[len]` | i16 | per tensor | 0 |
///
/// `scale = x_scale / y_scale`. Bit-exact with the TFLite reference kernel when the rounding is `Tflite`.
fn widen(op: &WidenI8, rounding: Rounding, x: &[i8], y: &mut [i16]) {
    for (y, &x) in y.iter_mut().zip(x) {
        let centred = i32::from(x) - i32::from(op.x_zero_point);
        *y = store(op.scale.apply(centred, rounding), i16::MIN, i16::MAX);
    }
}

pub(crate) fn check(op: &WidenI8, limits: &Limits) -> Result<(), Fault> {
    op.scale.check()?;
    if op.len == 0 {
        return Err(Fault::Shape);
    }
    limits.arena::<i8>(op.x, op.len)?.disjoint(limits.arena::<i16>(op.y, op.len)?)
}

pub(crate) fn run(op: &WidenI8, memory: &mut Memory) -> Option<()> {
    let rounding = memory.rounding;
    let (x, y) = memory.x_y(op.x, op.len, op.y, op.len)?;
    widen(op, rounding, x, y);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::instruction::Multiplier;

    #[test]
    fn the_zero_point_is_zero_and_the_ends_saturate() {
        let op = WidenI8 { x: 0, y: 0, len: 4, x_zero_point: 100, scale: Multiplier::from_real(200.0) };
        let mut y = [0; 4];
        widen(&op, Rounding::Tflite, &[100, 127, 99, -128], &mut y);
        assert_eq!(y, [0, 5400, -200, -32768]);
    }
}
