use super::elementwise::{check_unary, in_place};
use super::{Limits, Memory};
use crate::error::Fault;
use crate::format::instruction::Lookup;

/// Any unary function as a table, in place: `y = table[x + 128]`.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `table` | `[256]` | i8 | as `y` | as `y` |
/// | `x` | `[len]` | i8 | within the table | within the table |
/// | `y` | `[len]` | i8 | per tensor | per tensor |
pub(crate) fn lookup(table: &[i8; 256], y: &mut [i8]) {
    for y in y {
        // Flipping the sign bit adds 128; a `u8` is always inside the table.
        *y = table[usize::from(*y as u8 ^ 0x80)];
    }
}

pub(crate) fn check(op: &Lookup, limits: &Limits) -> Result<(), Fault> {
    limits.weights::<i8>(op.table, 256)?;
    check_unary::<i8>(op.x, op.y, op.len, limits)
}

pub(crate) fn run(op: &Lookup, memory: &mut Memory) -> Option<()> {
    let table = memory.weights(op.table, 256)?.first_chunk()?;
    lookup(table, in_place(memory, op.x, op.y, op.len)?);
    Some(())
}
