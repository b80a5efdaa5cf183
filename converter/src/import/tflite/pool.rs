//! AVERAGE_POOL_2D and MAX_POOL_2D.

use super::error::LowerError;
use super::file::Operator;
use super::lowering::Lowering;
use super::options::{Window, fused_clamp, hwc, node_then_clamp, options};
use super::schema::tflite::BuiltinOptionsRef;
use crate::ir::Op;

pub(super) fn average(cx: &mut Lowering<'_, '_>, op: &Operator<'_>) -> Result<(), LowerError> {
    pool(cx, op, true)
}

pub(super) fn max(cx: &mut Lowering<'_, '_>, op: &Operator<'_>) -> Result<(), LowerError> {
    pool(cx, op, false)
}

fn pool(cx: &mut Lowering, op: &Operator, average: bool) -> Result<(), LowerError> {
    let Some(BuiltinOptionsRef::Pool2DOptions(o)) = options(op)? else {
        return Err(cx.wrong(op, "has no options"));
    };
    let (x, y) = (cx.operand(op, 0)?, cx.result(op)?);
    let ([h, w, c], [y_h, y_w, y_c]) = (hwc(cx, op, x)?, hwc(cx, op, y)?);
    if c != y_c {
        return Err(cx.wrong(op, format!("turns {c} channels into {y_c}")));
    }
    let size = |n: i32| usize::try_from(n).unwrap_or(0);
    let window = Window {
        kernel: [size(o.filter_height()?), size(o.filter_width()?)],
        stride: [o.stride_h()?, o.stride_w()?],
        dilation: [1, 1],
        padding: o.padding()?,
    };
    let placed = window.place(cx, op, [h, w], [y_h, y_w])?;
    let activation = fused_clamp(o.fused_activation_function()?)?;
    let x_id = cx.value(x)?;
    let y_id = cx.declare(y)?;
    cx.same_scale(op, x_id, y_id)?;
    let (kernel, stride, dilation, pads) = (window.kernel, placed.stride, placed.dilation, placed.pads);
    let op_ir = match average {
        true => Op::AveragePool2d { kernel, stride, dilation, pads, count_include_pad: false },
        false => Op::MaxPool2d { kernel, stride, dilation, pads },
    };
    let stored = cx.stored(cx.tensor(y)?)?;
    node_then_clamp(cx, op_ir, vec![x_id], y_id, stored, activation);
    Ok(())
}
