use super::store;
use crate::error::Fault;
use crate::format::Rounding;
use crate::format::instruction::RescaleI16;
use crate::op::elementwise::{check_unary, in_place};
use crate::op::{Limits, Memory, parameter};

/// Another scale, a factor for each sign, in place: `y = clamp(requantize(x, if x < 0 { negative } else { positive }))`.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `x` | `[len]` | i16 | per tensor | 0 |
/// | `y` | `[len]` | i16 | per tensor | 0 |
///
/// Bit-exact with the TFLite int16 reference kernels of QUANTIZE, RELU and LEAKY_RELU when the rounding is `Tflite`.
fn rescale(op: &RescaleI16, rounding: Rounding, y: &mut [i16]) {
    for y in y {
        let factor = if *y < 0 { op.negative } else { op.positive };
        *y = store(factor.apply((*y).into(), rounding), op.min, op.max);
    }
}

pub(crate) fn check(op: &RescaleI16, limits: &Limits) -> Result<(), Fault> {
    parameter(op.min <= op.max)?;
    op.positive.check()?;
    op.negative.check()?;
    check_unary::<i16>(op.x, op.y, op.len, limits)
}

pub(crate) fn run(op: &RescaleI16, memory: &mut Memory) -> Option<()> {
    let rounding = memory.rounding;
    rescale(op, rounding, in_place(memory, op.x, op.y, op.len)?);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::instruction::Multiplier;

    #[test]
    fn each_sign_has_its_factor() {
        let [positive, negative] = [2.0, 0.25].map(Multiplier::from_real);
        let op = RescaleI16 { x: 0, y: 0, len: 5, positive, negative, min: -5000, max: 30000 };
        for rounding in [Rounding::Tflite, Rounding::Single] {
            let mut y = [-32768, -6, 0, 7, 20000];
            rescale(&op, rounding, &mut y);
            let tie = if rounding == Rounding::Tflite { -2 } else { -1 };
            assert_eq!(y, [-5000, tie, 0, 14, 30000]);
        }
    }
}
