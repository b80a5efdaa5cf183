use super::store;
use crate::error::Fault;
use crate::format::instruction::QuantizeI16;
use crate::op::quantize::{check_scale, round_ratio};
use crate::op::{Limits, Memory};

/// Elements handled at a time; they are copied to the stack first, so the output may start where the input starts.
const BLOCK: usize = 32;

/// Float to int16: `y = clamp(round(x / scale), -32768, 32767)`.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `x` | `[len]` | f32 | | |
/// | `y` | `[len]` | i16 | per tensor | 0 |
///
/// Rounds half away from zero; NaN gives 0.
fn quantize(op: &QuantizeI16, x: &[f32], y: &mut [i16]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = store(round_ratio(x, op.scale), i16::MIN, i16::MAX);
    }
}

pub(crate) fn check(op: &QuantizeI16, limits: &Limits) -> Result<(), Fault> {
    check_scale(op.scale)?;
    if op.len == 0 {
        return Err(Fault::Shape);
    }
    let x = limits.arena::<f32>(op.x, op.len)?;
    let y = limits.arena::<i16>(op.y, op.len)?;
    if x.start == y.start { Ok(()) } else { x.disjoint(y) }
}

pub(crate) fn run(op: &QuantizeI16, memory: &mut Memory) -> Option<()> {
    let mut block = [0.0f32; BLOCK];
    let mut start = 0;
    while start < op.len {
        let n = op.len.wrapping_sub(start).min(BLOCK as u32);
        let block = block.get_mut(..n as usize)?;
        let x = memory.arena::<f32>(op.x, op.len)?.get(start as usize..)?;
        block.iter_mut().zip(x).for_each(|(to, &from)| *to = from);
        // In place, output `i` lies in the bytes of input `i / 2`, which has been read.
        quantize(op, block, memory.arena(op.y, op.len)?.get_mut(start as usize..)?);
        start = start.wrapping_add(n);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_round_away_from_zero_and_the_ends_saturate() {
        let op = QuantizeI16 { x: 0, y: 0, len: 6, scale: 0.5 };
        let mut y = [0; 6];
        quantize(&op, &[0.25, -0.25, 0.2, 1e30, -1e30, f32::NAN], &mut y);
        assert_eq!(y, [1, -1, 0, 32767, -32768, 0]);
    }
}
