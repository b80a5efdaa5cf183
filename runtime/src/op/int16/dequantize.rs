use crate::error::Fault;
use crate::format::instruction::DequantizeI16;
use crate::op::quantize::check_scale;
use crate::op::{Limits, Memory};

/// int16 to float: `y = scale * x`.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `x` | `[len]` | i16 | per tensor | 0 |
/// | `y` | `[len]` | f32 | | |
fn dequantize(op: &DequantizeI16, x: &[i16], y: &mut [f32]) {
    y.iter_mut().zip(x).for_each(|(y, &x)| *y = op.scale * f32::from(x));
}

pub(crate) fn check(op: &DequantizeI16, limits: &Limits) -> Result<(), Fault> {
    check_scale(op.scale)?;
    if op.len == 0 {
        return Err(Fault::Shape);
    }
    limits.arena::<i16>(op.x, op.len)?.disjoint(limits.arena::<f32>(op.y, op.len)?)
}

pub(crate) fn run(op: &DequantizeI16, memory: &mut Memory) -> Option<()> {
    let (x, y) = memory.x_y(op.x, op.len, op.y, op.len)?;
    dequantize(op, x, y);
    Some(())
}
