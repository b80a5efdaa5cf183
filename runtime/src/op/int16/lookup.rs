use crate::error::Fault;
use crate::format::instruction::LookupI16;
use crate::op::elementwise::{check_unary, in_place};
use crate::op::{Limits, Memory};

/// Points of a table.
pub(super) const POINTS: u32 = 513;

/// The table's value at `x`, linear between its points, rounded to nearest, ties up.
#[inline]
pub(super) fn interpolate(table: &[i16; POINTS as usize], x: i16) -> i16 {
    let at = 256 + (i32::from(x) >> 7);
    // Always inside: `x >> 7` lies in `-256..=255`.
    let [Some(&base), Some(&next)] = [table.get(at as usize), table.get((at + 1) as usize)] else { return 0 };
    // A slope is stored in 16 bits, and wraps if it needs more.
    let slope = next.wrapping_sub(base);
    let delta = (i32::from(slope).wrapping_mul(i32::from(x) & 0x7f).wrapping_add(64)) >> 7;
    base.wrapping_add(delta as i16)
}

/// A function of each element, in place.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `table` | `[513]` | i16 | as `y` | 0 |
/// | `x` | `[len]` | i16 | within the table | 0 |
/// | `y` | `[len]` | i16 | per tensor | 0 |
///
/// Bit-exact with the TFLite reference kernels that look int16 up.
fn lookup(table: &[i16; POINTS as usize], y: &mut [i16]) {
    y.iter_mut().for_each(|y| *y = interpolate(table, *y));
}

pub(crate) fn check(op: &LookupI16, limits: &Limits) -> Result<(), Fault> {
    limits.weights::<i16>(op.table, POINTS)?;
    check_unary::<i16>(op.x, op.y, op.len, limits)
}

pub(crate) fn run(op: &LookupI16, memory: &mut Memory) -> Option<()> {
    let table = memory.weights(op.table, POINTS)?.first_chunk()?;
    lookup(table, in_place(memory, op.x, op.y, op.len)?);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_met_and_between_them_is_a_line() {
        let table = core::array::from_fn(|i| (i as i16 - 256).wrapping_mul(100));
        let mut y = [-32768, -128, 0, 64, 127, 128, 32767];
        lookup(&table, &mut y);
        assert_eq!(y, [-25600, -100, 0, 50, 99, 100, 25599]);
    }
}
