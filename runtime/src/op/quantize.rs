use super::{Limits, Memory, parameter};
use crate::error::Fault;
use crate::format::instruction::Quantize;

/// Elements handled at a time; they are copied to the stack first, so the output may start where the input starts.
const BLOCK: usize = 32;

/// `clamp(round(x / scale) + zero_point, -128, 127)`, ties away from zero; NaN gives the zero point.
#[inline]
pub(crate) fn quantize_value(x: f32, scale: f32, zero_point: i8) -> i8 {
    super::scales::store(round_ratio(x, scale), zero_point, i8::MIN, i8::MAX)
}

/// `round(x / scale)`, ties away from zero, saturated; NaN gives 0.
///
/// Written without `libm`, so that a model with float inputs needs no feature.
#[inline]
pub(crate) fn round_ratio(x: f32, scale: f32) -> i32 {
    let ratio = x / scale;
    // The cast truncates, saturates, and turns NaN into 0. From 2^23 on there is no fraction left to round.
    let truncated = ratio as i32;
    let fraction = ratio - truncated as f32;
    if fraction >= 0.5 {
        truncated.saturating_add(1)
    } else if fraction <= -0.5 {
        truncated.saturating_sub(1)
    } else {
        truncated
    }
}

/// Float to int8: `y = clamp(round(x / scale) + zero_point, -128, 127)`.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `x` | `[len]` | f32 | | |
/// | `y` | `[len]` | i8 | per tensor | `zero_point` |
///
/// Rounds half away from zero; NaN gives the zero point. Part of every build: it needs no `libm`.
pub(crate) fn quantize(op: &Quantize, x: &[f32], y: &mut [i8]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = quantize_value(x, op.scale, op.zero_point);
    }
}

pub(crate) fn check(op: &Quantize, limits: &Limits) -> Result<(), Fault> {
    check_scale(op.scale)?;
    if op.len == 0 {
        return Err(Fault::Shape);
    }
    let x = limits.arena::<f32>(op.x, op.len)?;
    let y = limits.arena::<i8>(op.y, op.len)?;
    if x.start == y.start { Ok(()) } else { x.disjoint(y) }
}

/// Finite and above 0.
pub(crate) fn check_scale(scale: f32) -> Result<(), Fault> {
    parameter(scale.is_finite() && scale > 0.0)
}

pub(crate) fn run(op: &Quantize, memory: &mut Memory) -> Option<()> {
    let mut block = [0.0f32; BLOCK];
    let mut start = 0;
    while start < op.len {
        let n = op.len.wrapping_sub(start).min(BLOCK as u32);
        let block = block.get_mut(..n as usize)?;
        let x = memory.arena::<f32>(op.x, op.len)?.get(start as usize..)?;
        block.iter_mut().zip(x).for_each(|(to, &from)| *to = from);
        // In place, output `i` lies in the bytes of input `i / 4`, which has been read.
        quantize(op, block, memory.arena(op.y, op.len)?.get_mut(start as usize..)?);
        start = start.wrapping_add(n);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_round_away_from_zero() {
        let q = |x| quantize_value(x, 1.0, 0);
        assert_eq!([q(0.5), q(-0.5), q(1.5), q(-1.5), q(0.49), q(-0.49)], [1, -1, 2, -2, 0, 0]);
    }

    #[test]
    fn largest_below_half_is_zero() {
        assert_eq!(quantize_value(0.499_999_97, 1.0, 0), 0);
    }

    #[test]
    fn everything_saturates_and_nan_is_the_zero_point() {
        let q = |x| quantize_value(x, 0.1, 10);
        assert_eq!([q(1e30), q(-1e30), q(f32::INFINITY), q(f32::NEG_INFINITY)], [127, -128, 127, -128]);
        assert_eq!([q(f32::NAN), q(0.0)], [10, 10]);
    }
}
