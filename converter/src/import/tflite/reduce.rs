//! MEAN.

use super::error::LowerError;
use super::file::Operator;
use super::lowering::Lowering;
use super::options::{axis, options};
use super::schema::tflite::BuiltinOptionsRef;
use crate::ir::Op;

pub(super) fn mean(cx: &mut Lowering<'_, '_>, op: &Operator<'_>) -> Result<(), LowerError> {
    let keep_dims = match options(op)? {
        Some(BuiltinOptionsRef::ReducerOptions(o)) => o.keep_dims()?,
        _ => false,
    };
    let x = cx.value(cx.operand(op, 0)?)?;
    let rank = cx.graph.value(x).shape.len();
    let mut axes = Vec::new();
    for at in cx.integers(cx.operand(op, 1)?)? {
        axes.push(axis(cx, op, at, rank)?);
    }
    axes.sort_unstable();
    axes.dedup();
    let y = cx.declare(cx.result(op)?)?;
    cx.same_kind(op, x, y)?;
    cx.node(Op::Mean { axes, keep_dims }, vec![x], y);
    Ok(())
}
