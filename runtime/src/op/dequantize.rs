use super::quantize::check_scale;
use super::{Limits, Memory};
use crate::error::Fault;
use crate::format::instruction::Dequantize;

/// Int8 to float: `y = scale * (x - zero_point)`.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `x` | `[len]` | i8 | per tensor | `zero_point` |
/// | `y` | `[len]` | f32 | | |
///
/// Part of every build: it needs no `libm`.
pub(crate) fn dequantize(op: &Dequantize, x: &[i8], y: &mut [f32]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = op.scale * (i32::from(x) - i32::from(op.zero_point)) as f32;
    }
}

pub(crate) fn check(op: &Dequantize, limits: &Limits) -> Result<(), Fault> {
    check_scale(op.scale)?;
    if op.len == 0 {
        return Err(Fault::Shape);
    }
    limits.arena::<i8>(op.x, op.len)?.disjoint(limits.arena::<f32>(op.y, op.len)?)
}

pub(crate) fn run(op: &Dequantize, memory: &mut Memory) -> Option<()> {
    let (x, y) = memory.x_y(op.x, op.len, op.y, op.len)?;
    dequantize(op, x, y);
    Some(())
}
