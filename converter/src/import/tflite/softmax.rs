//! SOFTMAX.

use super::error::{LowerError, unsupported};
use super::file::Operator;
use super::lowering::{Lowering, Stored};
use super::options::options;
use super::schema::tflite::BuiltinOptionsRef;
use crate::ir::Op;

pub(super) fn softmax(cx: &mut Lowering<'_, '_>, op: &Operator<'_>) -> Result<(), LowerError> {
    let beta = match options(op)? {
        Some(BuiltinOptionsRef::SoftmaxOptions(o)) => o.beta()?,
        _ => 1.0,
    };
    if beta != 1.0 {
        return unsupported(format!("a softmax with beta {beta}"), "scale the operand before it instead");
    }
    let x = cx.value(cx.operand(op, 0)?)?;
    let result = cx.result(op)?;
    if let Stored::I8 { scale, zero_point } = cx.stored(cx.tensor(result)?)?
        && (scale, zero_point) != (1.0 / 256.0, -128)
    {
        return unsupported(
            format!("a softmax output of scale {scale} and zero point {zero_point}"),
            "int8 softmax has scale 1/256 and zero point -128; convert the network again",
        );
    }
    if let Stored::I16 { scale } = cx.stored(cx.tensor(result)?)?
        && scale != 1.0 / 32768.0
    {
        return unsupported(
            format!("a softmax output of scale {scale}"),
            "int16 softmax has scale 1/32768; convert the network again",
        );
    }
    let y = cx.declare(result)?;
    cx.same_kind(op, x, y)?;
    let rank = cx.graph.value(x).shape.len();
    let Some(axis) = rank.checked_sub(1) else { return Err(cx.wrong(op, "needs an operand with an axis")) };
    cx.node(Op::Softmax { axis }, vec![x], y);
    Ok(())
}
