//! CONV_2D and DEPTHWISE_CONV_2D.

use super::error::LowerError;
use super::file::{ElementType, Operator};
use super::lowering::{Arrange, Lowering, Stored, Weights};
use super::options::{Window, fused_clamp, hwc, options};
use super::schema::tflite::BuiltinOptionsRef;
use crate::ir::Op;

pub(super) fn conv2d(cx: &mut Lowering<'_, '_>, op: &Operator<'_>) -> Result<(), LowerError> {
    let Some(BuiltinOptionsRef::Conv2DOptions(o)) = options(op)? else {
        return Err(cx.wrong(op, "has no options"));
    };
    let (x, w, y) = (cx.operand(op, 0)?, cx.operand(op, 1)?, cx.result(op)?);
    let ([h, width, c], [y_h, y_w, y_c]) = (hwc(cx, op, x)?, hwc(cx, op, y)?);
    let &[out, kernel_h, kernel_w, in_c] = cx.tensor(w)?.shape.as_slice() else {
        return Err(cx.wrong(op, format!("has weights of shape {:?}, not [out, h, w, in]", cx.tensor(w)?.shape)));
    };
    if out != y_c || in_c == 0 || !c.is_multiple_of(in_c) || !out.is_multiple_of((c / in_c).max(1)) {
        let shape = &cx.tensor(w)?.shape;
        return Err(cx.wrong(op, format!("has weights {shape:?} for {c} input and {y_c} output channels")));
    }
    let window = Window {
        kernel: [kernel_h, kernel_w],
        stride: [o.stride_h()?, o.stride_w()?],
        dilation: [o.dilation_h_factor()?, o.dilation_w_factor()?],
        padding: o.padding()?,
    };
    let placed = window.place(cx, op, [h, width], [y_h, y_w])?;
    let activation = fused_clamp(o.fused_activation_function()?)?;
    let spec = Weights {
        weights: w,
        bias: op.inputs.get(2).copied().flatten(),
        shape: vec![out, kernel_h, kernel_w, in_c],
        axis: 0,
        shape_axis: 0,
        arrange: Arrange::AsIs,
        channels: out,
    };
    let groups = c / in_c;
    let op_ir = Op::Conv2d { stride: placed.stride, dilation: placed.dilation, pads: placed.pads, groups, activation };
    finish(cx, op, x, y, spec, op_ir)
}

pub(super) fn depthwise(cx: &mut Lowering<'_, '_>, op: &Operator<'_>) -> Result<(), LowerError> {
    let Some(BuiltinOptionsRef::DepthwiseConv2DOptions(o)) = options(op)? else {
        return Err(cx.wrong(op, "has no options"));
    };
    let (x, w, y) = (cx.operand(op, 0)?, cx.operand(op, 1)?, cx.result(op)?);
    let ([h, width, c], [y_h, y_w, y_c]) = (hwc(cx, op, x)?, hwc(cx, op, y)?);
    let file_shape = cx.tensor(w)?.shape.clone();
    let &[1, kernel_h, kernel_w, out] = file_shape.as_slice() else {
        return Err(cx.wrong(op, format!("has weights of shape {file_shape:?}, not [1, h, w, out]")));
    };
    // The depth multiplier that some files give contradicts their shapes; the reference kernels go by the shapes.
    if out != y_c || !out.is_multiple_of(c) {
        return Err(cx.wrong(op, format!("has weights {file_shape:?} for {c} input and {y_c} output channels")));
    }
    let window = Window {
        kernel: [kernel_h, kernel_w],
        stride: [o.stride_h()?, o.stride_w()?],
        dilation: [o.dilation_h_factor()?, o.dilation_w_factor()?],
        padding: o.padding()?,
    };
    let placed = window.place(cx, op, [h, width], [y_h, y_w])?;
    let activation = fused_clamp(o.fused_activation_function()?)?;
    if let (Stored::I16 { .. }, Some(bias)) = (cx.stored(cx.tensor(x)?)?, op.inputs.get(2).copied().flatten())
        && cx.tensor(bias)?.dtype != ElementType::I64
    {
        return Err(cx
            .tensor(bias)?
            .error("is the bias of a depthwise convolution on int16, which must be int64")
            .into());
    }
    let spec = Weights {
        weights: w,
        bias: op.inputs.get(2).copied().flatten(),
        shape: vec![out, kernel_h, kernel_w, 1],
        axis: 3,
        shape_axis: 0,
        arrange: Arrange::Permute(&file_shape, &[3, 1, 2, 0]),
        channels: out,
    };
    let op_ir =
        Op::Conv2d { stride: placed.stride, dilation: placed.dilation, pads: placed.pads, groups: c, activation };
    finish(cx, op, x, y, spec, op_ir)
}

fn finish(cx: &mut Lowering, op: &Operator, x: usize, y: usize, spec: Weights, op_ir: Op) -> Result<(), LowerError> {
    let stored = cx.stored(cx.tensor(x)?)?;
    let x_id = cx.value(x)?;
    let mut inputs = vec![x_id];
    inputs.extend(cx.weights(spec, stored)?);
    let y_id = cx.declare(y)?;
    cx.same_kind(op, x_id, y_id)?;
    cx.node(op_ir, inputs, y_id);
    Ok(())
}
