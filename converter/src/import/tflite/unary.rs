//! Functions of one element, QUANTIZE and DEQUANTIZE. On int8 each becomes the table of what its reference kernel gives.

use super::error::{LowerError, unsupported};
use super::file::Operator;
use super::lowering::{Lowering, Stored};
use super::options::options;
use super::schema::tflite::BuiltinOptionsRef;
use super::tables::{self, Affine};
use crate::ir::{DType, Op, Unary};

type Table = Box<[i8; 256]>;

/// Lowers to a table made by `table`, or to the float function.
fn unary(
    cx: &mut Lowering,
    op: &Operator,
    function: Unary,
    table: impl Fn(Affine, Affine) -> Option<Table>,
) -> Result<(), LowerError> {
    let (x, y) = (cx.operand(op, 0)?, cx.result(op)?);
    let stored = (cx.stored(cx.tensor(x)?)?, cx.stored(cx.tensor(y)?)?);
    let x_id = cx.value(x)?;
    let y_id = cx.declare(y)?;
    cx.same_kind(op, x_id, y_id)?;
    cx.same_elements(op, x_id, y_id)?;
    let op_ir = match stored {
        (Stored::I8 { scale, zero_point }, Stored::I8 { scale: y_scale, zero_point: y_zero_point }) => {
            let from = Affine { scale, zero_point };
            let to = Affine { scale: y_scale, zero_point: y_zero_point };
            let Some(table) = table(from, to) else {
                return Err(cx.wrong(op, format!("has scales that no kernel takes: {scale} and {y_scale}")));
            };
            Op::Table { function, table }
        }
        (Stored::I16 { .. }, Stored::I16 { scale }) => {
            int16(cx, op, function, scale)?;
            Op::Unary(function)
        }
        _ => Op::Unary(function),
    };
    cx.node(op_ir, vec![x_id], y_id);
    Ok(())
}

/// Functions that reference kernels know on int16.
fn int16(cx: &Lowering, op: &Operator, function: Unary, y_scale: f32) -> Result<(), LowerError> {
    match function {
        Unary::Sigmoid | Unary::Tanh if y_scale != 1.0 / 32768.0 => {
            Err(cx.wrong(op, format!("has the output scale {y_scale} instead of 1/32768")))
        }
        Unary::Clamp { min: 0.0, .. } => Ok(()),
        Unary::LeakyRelu { .. } | Unary::Sigmoid | Unary::Tanh | Unary::Exp => Ok(()),
        _ => unsupported(
            "this function on int16",
            "TensorFlow Lite has no kernel for it: convert that part of the network with int8 activations",
        ),
    }
}

pub(super) fn relu(cx: &mut Lowering<'_, '_>, op: &Operator<'_>, min: f32, max: f32) -> Result<(), LowerError> {
    unary(cx, op, Unary::Clamp { min, max }, |x, y| tables::relu(x, y, min, max))
}

pub(super) fn leaky_relu(cx: &mut Lowering<'_, '_>, op: &Operator<'_>) -> Result<(), LowerError> {
    let alpha = match options(op)? {
        Some(BuiltinOptionsRef::LeakyReluOptions(o)) => o.alpha()?,
        _ => return Err(cx.wrong(op, "has no options")),
    };
    if !alpha.is_finite() || alpha < 0.0 {
        return Err(cx.wrong(op, format!("has the slope {alpha}")));
    }
    unary(cx, op, Unary::LeakyRelu { alpha }, |x, y| tables::leaky_relu(x, y, alpha))
}

pub(super) fn logistic(cx: &mut Lowering<'_, '_>, op: &Operator<'_>) -> Result<(), LowerError> {
    unary(cx, op, Unary::Sigmoid, |x, y| (y == tables::LOGISTIC).then(|| tables::logistic(x)).flatten())
}

pub(super) fn tanh(cx: &mut Lowering<'_, '_>, op: &Operator<'_>) -> Result<(), LowerError> {
    unary(cx, op, Unary::Tanh, |x, y| (y == tables::TANH).then(|| tables::tanh(x)).flatten())
}

pub(super) fn hard_swish(cx: &mut Lowering<'_, '_>, op: &Operator<'_>) -> Result<(), LowerError> {
    unary(cx, op, Unary::HardSwish, tables::hard_swish)
}

/// Functions whose int8 kernels look a float function up.
pub(super) fn float_table(cx: &mut Lowering<'_, '_>, op: &Operator<'_>, function: Unary) -> Result<(), LowerError> {
    unary(cx, op, function, |x, y| Some(tables::of_function(x, y, function)))
}

pub(super) fn quantize(cx: &mut Lowering<'_, '_>, op: &Operator<'_>) -> Result<(), LowerError> {
    let (x, y) = (cx.operand(op, 0)?, cx.result(op)?);
    let x = cx.value(x)?;
    let y = cx.declare(y)?;
    cx.same_elements(op, x, y)?;
    let op_ir = match (cx.graph.value(x).dtype, cx.graph.value(y).dtype) {
        (DType::F32, DType::I8 | DType::I16) => Op::Quantize,
        (DType::I8 | DType::I16, DType::I8 | DType::I16) => Op::Requantize,
        (from, to) => return Err(cx.wrong(op, format!("turns {from:?} into {to:?}"))),
    };
    cx.node(op_ir, vec![x], y);
    Ok(())
}

/// Of an activation, or of weights that are stored in a small type.
pub(super) fn dequantize(cx: &mut Lowering<'_, '_>, op: &Operator<'_>) -> Result<(), LowerError> {
    let (x, y) = (cx.operand(op, 0)?, cx.result(op)?);
    if cx.tensor(x)?.data.is_some() {
        return cx.constant_result(op, y, |cx| cx.floats(x));
    }
    let x = cx.value(x)?;
    let y = cx.declare(y)?;
    cx.same_elements(op, x, y)?;
    match (cx.graph.value(x).dtype, cx.graph.value(y).dtype) {
        (DType::I8 | DType::I16, DType::F32) => cx.node(Op::Dequantize, vec![x], y),
        (from, to) => return Err(cx.wrong(op, format!("turns {from:?} into {to:?}"))),
    }
    Ok(())
}
