//! ADD, SUB and MUL.

use super::error::{LowerError, unsupported};
use super::file::Operator;
use super::lowering::{Lowering, Stored};
use super::options::{fused_clamp, options};
use super::schema::tflite::BuiltinOptionsRef;
use crate::ir::{Activation, Op, Tensor};

pub(super) fn add(cx: &mut Lowering<'_, '_>, op: &Operator<'_>) -> Result<(), LowerError> {
    let activation = match options(op)? {
        Some(BuiltinOptionsRef::AddOptions(o)) => fused_clamp(o.fused_activation_function()?)?,
        _ => Activation::NONE,
    };
    general_scales(cx, op)?;
    binary(cx, op, Op::Add { activation })
}

/// Refuses int16 sums whose scales are all powers of two: the reference kernels may have other arithmetic for them, which
/// shifts instead of scaling.
fn general_scales(cx: &Lowering, op: &Operator) -> Result<(), LowerError> {
    let is_power = |tensor: usize| match cx.stored(cx.tensor(tensor)?)? {
        Stored::I16 { scale } => Ok((scale.log2() - scale.log2().round()).abs() < 1e-3),
        _ => Ok::<bool, LowerError>(false),
    };
    if is_power(cx.operand(op, 0)?)? && is_power(cx.operand(op, 1)?)? && is_power(cx.result(op)?)? {
        return unsupported(
            "int16 sums of power-of-two scales",
            "quantize with general scales, as TensorFlow's converter does",
        );
    }
    Ok(())
}

pub(super) fn mul(cx: &mut Lowering<'_, '_>, op: &Operator<'_>) -> Result<(), LowerError> {
    let activation = match options(op)? {
        Some(BuiltinOptionsRef::MulOptions(o)) => fused_clamp(o.fused_activation_function()?)?,
        _ => Activation::NONE,
    };
    binary(cx, op, Op::Mul { activation })
}

fn binary(cx: &mut Lowering, op: &Operator, op_ir: Op) -> Result<(), LowerError> {
    let (a, b) = (cx.operand(op, 0)?, cx.operand(op, 1)?);
    let inputs = vec![cx.value(a)?, cx.value(b)?];
    let y = cx.declare(cx.result(op)?)?;
    for &input in &inputs {
        cx.same_kind(op, input, y)?;
    }
    cx.node(op_ir, inputs, y);
    Ok(())
}

pub(super) fn sub(cx: &mut Lowering<'_, '_>, op: &Operator<'_>) -> Result<(), LowerError> {
    let activation = match options(op)? {
        Some(BuiltinOptionsRef::SubOptions(o)) => fused_clamp(o.fused_activation_function()?)?,
        _ => Activation::NONE,
    };
    let (a, b) = (cx.operand(op, 0)?, cx.operand(op, 1)?);
    if cx.stored(cx.tensor(b)?)? != Stored::F32 {
        general_scales(cx, op)?;
        return binary(cx, op, Op::Sub { activation });
    }
    let inputs = [cx.value(a)?, cx.value(b)?];
    let y = cx.declare(cx.result(op)?)?;
    let name = cx.graph.value(y).name.clone();
    let minus_one = cx.constant(format!("{name}/minus one"), Tensor::f32([1], vec![-1.0]), None)?;
    let shape = cx.graph.value(inputs[1]).shape.clone();
    let negated = cx.intermediate(format!("{name}/negated"), shape, Stored::F32);
    cx.node(Op::Mul { activation: Activation::NONE }, vec![inputs[1], minus_one], negated);
    cx.same_kind(op, inputs[0], y)?;
    cx.node(Op::Add { activation }, vec![inputs[0], negated], y);
    Ok(())
}
