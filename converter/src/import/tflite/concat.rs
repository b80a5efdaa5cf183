//! CONCATENATION and PACK.

use super::error::LowerError;
use super::file::Operator;
use super::lowering::Lowering;
use super::options::{axis, fused_clamp, node_then_clamp, options};
use super::schema::tflite::BuiltinOptionsRef;
use crate::ir::{Activation, Op, ValueId};

pub(super) fn concat(cx: &mut Lowering<'_, '_>, op: &Operator<'_>) -> Result<(), LowerError> {
    let (at, activation) = match options(op)? {
        Some(BuiltinOptionsRef::ConcatenationOptions(o)) => (o.axis()?, fused_clamp(o.fused_activation_function()?)?),
        _ => (0, Activation::NONE),
    };
    let y = cx.result(op)?;
    let at = axis(cx, op, at.into(), cx.tensor(y)?.shape.len())?;
    let parts = parts(cx, op)?;
    let y_id = cx.declare(y)?;
    for &part in &parts {
        cx.same_scale(op, part, y_id)?;
    }
    let stored = cx.stored(cx.tensor(y)?)?;
    node_then_clamp(cx, Op::Concat { axis: at }, parts, y_id, stored, activation);
    Ok(())
}

fn parts(cx: &mut Lowering, op: &Operator) -> Result<Vec<ValueId>, LowerError> {
    (0..op.inputs.len())
        .map(|i| cx.operand(op, i))
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .map(|t| cx.value(t))
        .collect()
}

pub(super) fn pack(cx: &mut Lowering<'_, '_>, op: &Operator<'_>) -> Result<(), LowerError> {
    let at = match options(op)? {
        Some(BuiltinOptionsRef::PackOptions(o)) => o.axis()?,
        _ => 0,
    };
    let y = cx.result(op)?;
    let at = axis(cx, op, at.into(), cx.tensor(y)?.shape.len())?;
    let parts = parts(cx, op)?;
    let y_id = cx.declare(y)?;
    let stored = cx.stored(cx.tensor(y)?)?;
    let mut shape = cx.tensor(y)?.shape.clone();
    shape[at] = 1;
    let name = cx.graph.value(y_id).name.clone();
    let mut rows = Vec::with_capacity(parts.len());
    for (i, part) in parts.into_iter().enumerate() {
        cx.same_scale(op, part, y_id)?;
        let row = cx.intermediate(format!("{name}/part {i}"), shape.clone(), stored);
        cx.same_elements(op, part, row)?;
        cx.node(Op::Reshape, vec![part], row);
        rows.push(row);
    }
    cx.node(Op::Concat { axis: at }, rows, y_id);
    Ok(())
}
