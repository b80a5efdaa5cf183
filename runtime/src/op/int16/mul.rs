use super::store;
use crate::error::Fault;
use crate::format::Rounding;
use crate::format::instruction::MulI16;
use crate::op::elementwise::Operands;
use crate::op::{Limits, Memory, parameter};

/// Multiplication: `y = clamp(requantize(a * b, scale), min, max)`.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `a` | `[len]` | i16 | per tensor | 0 |
/// | `b` | `[len]` (broadcast before) | i16 | per tensor | 0 |
/// | `y` | `[len]` | i16 | per tensor | 0 |
///
/// Bit-exact with the TFLite int16 reference kernel when the rounding is `Tflite`.
fn mul(op: &MulI16, rounding: Rounding, a: &[i16], b: &[i16], y: &mut [i16]) {
    for ((y, &a), &b) in y.iter_mut().zip(a).zip(b) {
        let product = i32::from(a).wrapping_mul(b.into());
        *y = store(op.scale.apply(product, rounding), op.binary.min, op.binary.max);
    }
}

pub(crate) fn check(op: &MulI16, limits: &Limits) -> Result<(), Fault> {
    parameter(op.binary.min <= op.binary.max)?;
    op.scale.check()?;
    Operands::from(&op.binary).check::<i16>(limits)
}

pub(crate) fn run(op: &MulI16, memory: &mut Memory) -> Option<()> {
    let rounding = memory.rounding;
    Operands::from(&op.binary).run(memory, |a, b, y| mul(op, rounding, a, b, y))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::instruction::{BinaryI16, Multiplier, Operand};

    #[test]
    fn the_largest_product_fits() {
        let (a, b) = (Operand::Arena(0), Operand::Arena(0));
        let binary = BinaryI16 { a, b, y: 0, len: 3, b_len: 3, b_inner: 1, min: -32000, max: 32700 };
        let scale = Multiplier::from_real(1.0 / 32768.0);
        let mut y = [0; 3];
        for rounding in [Rounding::Tflite, Rounding::Single] {
            mul(&MulI16 { binary, scale }, rounding, &[i16::MIN, 100, i16::MAX], &[i16::MIN, 491, i16::MIN], &mut y);
            assert_eq!(y, [32700, 1, -32000]);
        }
    }
}
