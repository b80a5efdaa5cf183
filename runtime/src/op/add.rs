use super::elementwise::Operands;
use super::scales::store;
use super::{Limits, Memory, parameter};
use crate::arch::{self, Addition, Store, Term};
use crate::error::Fault;
use crate::format::Rounding;
use crate::format::instruction::Add;

/// Addition: `y = clamp(requantize((a - za) * a_scale + (b - zb) * b_scale) + zy, min, max)`.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `a` | `[len]` | i8 | per tensor | `a_zero_point` |
/// | `b` | `[len]` (broadcast before) | i8 | per tensor | `b_zero_point` |
/// | `y` | `[len]` | i8 | per tensor | `y_zero_point` |
///
/// With `Tflite`: both operands shifted left by `left_shift` and scaled, the sum scaled by `y_scale`, each rounded
/// twice; bit-exact with the TFLite int8 reference kernel. With `Single`: one 32-bit sum of two products, half added,
/// shifted right by `-y_scale.shift`; ties round up.
pub(crate) fn add(op: &Add, rounding: Rounding, a: &[i8], b: &[i8], y: &mut [i8]) {
    let Add { binary, left_shift, a_scale, b_scale, y_scale } = op;
    match rounding {
        Rounding::Tflite => {
            let addition = Addition {
                a: Term { zero_point: binary.a_zero_point, scale: *a_scale },
                b: Term { zero_point: binary.b_zero_point, scale: *b_scale },
                left_shift: u32::from(*left_shift),
                y_scale: *y_scale,
                y_zero_point: binary.y_zero_point,
                store: Store { rounding, min: binary.min, max: binary.max },
            };
            arch::add_tflite(&addition, a, b, y);
        }
        Rounding::Single => {
            let down = i32::from(y_scale.shift).wrapping_neg() as u32;
            let half = 1i32.wrapping_shl(down.wrapping_sub(1));
            let zero = (i32::from(binary.a_zero_point), i32::from(binary.b_zero_point));
            for ((y, &a), &b) in y.iter_mut().zip(a).zip(b) {
                let (a, b) = (i32::from(a) - zero.0, i32::from(b) - zero.1);
                let products = a.wrapping_mul(a_scale.multiplier).wrapping_add(b.wrapping_mul(b_scale.multiplier));
                let sum = products.wrapping_add(half).wrapping_shr(down);
                *y = store(sum, binary.y_zero_point, binary.min, binary.max);
            }
        }
    }
}

pub(crate) fn check(op: &Add, limits: &Limits) -> Result<(), Fault> {
    parameter(op.binary.min <= op.binary.max && op.left_shift <= 20)?;
    match limits.rounding {
        Rounding::Tflite => {
            for scale in [op.a_scale, op.b_scale, op.y_scale] {
                scale.check()?;
                parameter(scale.shift <= 0)?;
            }
        }
        Rounding::Single => {
            // 2 * 255 * 2^21 + 2^29 fits i32.
            let factors = [op.a_scale.multiplier, op.b_scale.multiplier];
            parameter(factors.iter().all(|f| (-(1 << 21)..=1 << 21).contains(f)))?;
            parameter((-30..=-1).contains(&op.y_scale.shift))?;
            parameter(op.left_shift == 0 && op.a_scale.shift == 0 && op.b_scale.shift == 0)?;
            parameter(op.y_scale.multiplier == 0)?;
        }
    }
    Operands::from(&op.binary).check::<i8>(limits)
}

pub(crate) fn run(op: &Add, memory: &mut Memory) -> Option<()> {
    let rounding = memory.rounding;
    Operands::from(&op.binary).run(memory, |a, b, y| add(op, rounding, a, b, y))
}
