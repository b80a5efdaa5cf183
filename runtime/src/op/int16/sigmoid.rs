use crate::error::Fault;
use crate::format::instruction::SigmoidI16;
use crate::op::elementwise::{check_unary, in_place};
use crate::op::{Limits, Memory, parameter};

/// Points of the table.
const POINTS: u32 = 256;

/// Sigmoid or hyperbolic tangent of each element, in place; `tanh(x) = 2 * sigmoid(2x) - 1`.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `table` | `[256]` | u16 | 1/65536, at steps of 1/24 | 0 |
/// | `x` | `[len]` | i16 | within `op.multiplier` | 0 |
/// | `y` | `[len]` | i16 | 1/32768 | 0 |
///
/// Bit-exact with the TFLite int16 reference kernels, in both rounding modes.
fn sigmoid(op: &SigmoidI16, table: &[u16; POINTS as usize], y: &mut [i16]) {
    let shift = u32::from(op.shift);
    let round = if shift > 0 { 1i32.wrapping_shl(shift - 1) } else { 0 };
    // Bits of a position between two points.
    let between = if op.tanh { 8 } else { 9 };
    for y in y {
        let input = i32::from(*y).wrapping_mul(op.multiplier as i32).wrapping_add(round).wrapping_shr(shift);
        let magnitude = input.unsigned_abs();
        let at = (magnitude >> between) as usize;
        let value = match (table.get(at), table.get(at.wrapping_add(1))) {
            (Some(&low), Some(&high)) => {
                let fraction = (magnitude & ((1 << between) - 1)) as i32;
                (i32::from(low) << between).wrapping_add(fraction.wrapping_mul(i32::from(high) - i32::from(low)))
            }
            // Past the last point it is 1, or what the reference kernel takes for it.
            _ if op.tanh => 0xffff << 8,
            _ => 0x7fff << 10,
        };
        *y = match (op.tanh, input >= 0) {
            (true, true) => value.wrapping_sub(1 << 23).wrapping_add(1 << 7) >> 8,
            (true, false) => value.wrapping_neg().wrapping_add((1 << 23) + (1 << 7) - 1) >> 8,
            (false, true) => value.wrapping_add(1 << 9) >> 10,
            (false, false) => ((1i32 << 25) + (1 << 9) - 1).wrapping_sub(value) >> 10,
        } as i16;
    }
}

pub(crate) fn check(op: &SigmoidI16, limits: &Limits) -> Result<(), Fault> {
    parameter(op.multiplier <= 32767 && op.shift <= 31)?;
    limits.weights::<u16>(op.table, POINTS)?;
    check_unary::<i16>(op.x, op.y, op.len, limits)
}

pub(crate) fn run(op: &SigmoidI16, memory: &mut Memory) -> Option<()> {
    let table = memory.weights(op.table, POINTS)?.first_chunk()?;
    sigmoid(op, table, in_place(memory, op.x, op.y, op.len)?);
    Some(())
}

#[cfg(test)]
#[path = "sigmoid/tests.rs"]
mod tests;
