use super::elementwise::Operands;
use super::scales::store;
use super::{Limits, Memory, parameter};
use crate::error::Fault;
use crate::fixed_point::requantize;
use crate::format::Rounding;
use crate::format::instruction::{Add, Multiplier};

/// Subtraction: `y = clamp(requantize((a - za) * a_scale - (b - zb) * b_scale) + zy, min, max)`.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `a` | `[len]` | i8 | per tensor | `a_zero_point` |
/// | `b` | `[len]` (broadcast before) | i8 | per tensor | `b_zero_point` |
/// | `y` | `[len]` | i8 | per tensor | `y_zero_point` |
///
/// Both operands are shifted left and scaled, their difference is scaled, each rounded twice: bit-exact with the TFLite int8
/// reference kernel. Only in models with that rounding; others add with a negative multiplier.
pub(crate) fn sub(op: &Add, a: &[i8], b: &[i8], y: &mut [i8]) {
    let Add { binary, left_shift, a_scale, b_scale, y_scale } = op;
    let scaled = |x: i8, zero_point: i8, by: &Multiplier| {
        let centred = i32::from(x).wrapping_sub(zero_point.into());
        requantize(centred.wrapping_shl((*left_shift).into()), by.multiplier, by.shift, Rounding::Tflite)
    };
    for ((y, &a), &b) in y.iter_mut().zip(a).zip(b) {
        let difference = scaled(a, binary.a_zero_point, a_scale).wrapping_sub(scaled(b, binary.b_zero_point, b_scale));
        *y = store(y_scale.apply(difference, Rounding::Tflite), binary.y_zero_point, binary.min, binary.max);
    }
}

pub(crate) fn check(op: &Add, limits: &Limits) -> Result<(), Fault> {
    parameter(limits.rounding == Rounding::Tflite)?;
    super::add::check(op, limits)
}

pub(crate) fn run(op: &Add, memory: &mut Memory) -> Option<()> {
    Operands::from(&op.binary).run(memory, |a, b, y| sub(op, a, b, y))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::instruction::{Binary, Operand};

    #[test]
    fn it_is_addition_of_the_negated_operand() {
        let half = Multiplier { multiplier: 1 << 30, shift: 0 };
        let binary = Binary {
            a: Operand::Arena(0),
            b: Operand::Arena(0),
            y: 0,
            len: 4,
            b_len: 4,
            b_inner: 1,
            a_zero_point: 1,
            b_zero_point: -1,
            y_zero_point: 2,
            min: -100,
            max: 100,
        };
        // Scales of 1 / 2, then 2^-20 * 2: what was halved is restored.
        let y_scale = Multiplier { multiplier: 1 << 30, shift: -18 };
        let op = Add { binary, left_shift: 20, a_scale: half, b_scale: half, y_scale };
        let mut y = [0; 4];
        sub(&op, &[11, 1, 127, -128], &[4, -1, -128, 127], &mut y);
        assert_eq!(y, [(10 - 5) + 2, 2, 100, -100]);
    }
}
