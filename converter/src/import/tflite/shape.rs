//! RESHAPE, SQUEEZE, EXPAND_DIMS and TRANSPOSE.

use super::error::LowerError;
use super::file::Operator;
use super::lowering::Lowering;
use crate::ir::{Op, is_permutation};

/// The result's shape is in the file, whatever way it was asked for.
pub(super) fn reshape(cx: &mut Lowering<'_, '_>, op: &Operator<'_>) -> Result<(), LowerError> {
    let x = cx.value(cx.operand(op, 0)?)?;
    let y = cx.declare(cx.result(op)?)?;
    cx.same_scale(op, x, y)?;
    cx.same_elements(op, x, y)?;
    cx.node(Op::Reshape, vec![x], y);
    Ok(())
}

pub(super) fn transpose(cx: &mut Lowering<'_, '_>, op: &Operator<'_>) -> Result<(), LowerError> {
    let x = cx.value(cx.operand(op, 0)?)?;
    let perm = cx.integers(cx.operand(op, 1)?)?;
    let perm: Vec<usize> = perm.iter().map(|&p| usize::try_from(p).unwrap_or(usize::MAX)).collect();
    if !is_permutation(&perm, cx.graph.value(x).shape.len()) {
        return Err(cx.wrong(op, format!("{perm:?} does not permute the axes of {:?}", cx.graph.value(x).shape)));
    }
    let y = cx.declare(cx.result(op)?)?;
    cx.same_scale(op, x, y)?;
    cx.node(Op::Transpose { perm }, vec![x], y);
    Ok(())
}
