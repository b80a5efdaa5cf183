//! PAD and PADV2.

use super::error::{LowerError, unsupported};
use super::file::{ElementType, Operator};
use super::lowering::{Lowering, Stored};
use crate::ir::Op;

pub(super) fn pad(cx: &mut Lowering<'_, '_>, op: &Operator<'_>) -> Result<(), LowerError> {
    let (x, paddings, y) = (cx.operand(op, 0)?, cx.operand(op, 1)?, cx.result(op)?);
    let paddings = cx.integers(paddings)?;
    let rank = cx.tensor(x)?.shape.len();
    if paddings.len() != 2 * rank {
        return Err(cx.wrong(op, format!("has {} paddings for {rank} axes", paddings.len())));
    }
    let size = |n: i64| usize::try_from(n).ok().filter(|&n| n <= crate::ir::MAX_ELEMENTS);
    let mut before = Vec::with_capacity(rank);
    let mut after = Vec::with_capacity(rank);
    for pair in paddings.as_chunks::<2>().0 {
        let [Some(b), Some(a)] = pair.map(size) else {
            return Err(cx.wrong(op, format!("has the padding {pair:?}")));
        };
        before.push(b);
        after.push(a);
    }
    let value = match op.inputs.get(2).copied().flatten() {
        None => 0.0,
        Some(constant) => fill(cx, x, constant)?,
    };
    let x_id = cx.value(x)?;
    let y_id = cx.declare(y)?;
    cx.same_scale(op, x_id, y_id)?;
    cx.node(Op::Pad { before, after, value }, vec![x_id], y_id);
    Ok(())
}

/// The fill value in real numbers; its stored form must survive the way there and back.
fn fill(cx: &Lowering, x: usize, constant: usize) -> Result<f32, LowerError> {
    let info = cx.tensor(constant)?;
    if info.elements() != 1 {
        return Err(info.error(format!("is a fill value of shape {:?}", info.shape)).into());
    }
    match (cx.stored(cx.tensor(x)?)?, info.dtype) {
        (Stored::F32, ElementType::F32) => Ok(cx.floats(constant)?.first().copied().unwrap_or(0.0)),
        (Stored::I8 { scale, zero_point }, ElementType::I8) => {
            let stored = cx.bytes(constant)?.first().copied().unwrap_or(0);
            Ok(scale * (i32::from(stored) - zero_point) as f32)
        }
        (Stored::I16 { scale }, ElementType::I16) => {
            Ok(scale * f32::from(cx.words(constant)?.first().copied().unwrap_or(0)))
        }
        (_, other) => unsupported(format!("a fill value of type {}", other.name()), "give it the operand's type"),
    }
}
