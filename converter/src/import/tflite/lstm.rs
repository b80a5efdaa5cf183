//! UNIDIRECTIONAL_SEQUENCE_LSTM: int8 weights with an int16 cell, or all in float.

use super::error::{LowerError, unsupported};
use super::file::{ElementType, Operator};
use super::lowering::{Lowering, Stored};
use super::options::options;
use super::schema::tflite::BuiltinOptionsRef;
use crate::ir::{DType, Op, Tensor, ValueId};
use crate::quantize::Quantization;

/// Positions of the operands.
const INPUT_WEIGHTS: [usize; 4] = [1, 2, 3, 4];
const RECURRENT_WEIGHTS: [usize; 4] = [5, 6, 7, 8];
const PEEPHOLES: [usize; 3] = [9, 10, 11];
const BIASES: [usize; 4] = [12, 13, 14, 15];
const PROJECTION: [usize; 2] = [16, 17];
const HIDDEN: usize = 18;
const CELL: usize = 19;
const LAYER_NORM: [usize; 4] = [20, 21, 22, 23];
/// Among the intermediate tensors, the one that tells the hidden state's scale.
const HIDDEN_INTERMEDIATE: usize = 4;

pub(super) fn lstm(cx: &mut Lowering<'_, '_>, op: &Operator<'_>) -> Result<(), LowerError> {
    let Some(BuiltinOptionsRef::UnidirectionalSequenceLstmOptions(o)) = options(op)? else {
        return Err(cx.wrong(op, "has no options"));
    };
    let given = |positions: &[usize]| positions.iter().any(|&p| op.inputs.get(p).copied().flatten().is_some());
    for (positions, what) in
        [(&PEEPHOLES[..], "peepholes"), (&PROJECTION, "a projection"), (&LAYER_NORM, "layer normalization")]
    {
        if given(positions) {
            return unsupported(format!("an LSTM with {what}"), "use a plain LSTM, as `tf.keras.layers.LSTM` makes it");
        }
    }
    if !given(&INPUT_WEIGHTS[..1]) {
        return unsupported("an LSTM with coupled input and forget gates", "use a plain LSTM");
    }
    if o.fused_activation_function()? != 4 {
        return unsupported("an LSTM whose activation is not tanh", "use a plain LSTM");
    }
    if o.proj_clip()? > 0.0 {
        return unsupported("an LSTM with a clipped projection", "use a plain LSTM");
    }
    let (x, y) = (cx.operand(op, 0)?, cx.result(op)?);
    let x_stored = cx.stored(cx.tensor(x)?)?;
    let (steps, in_n) = match (cx.tensor(x)?.shape.as_slice(), o.time_major()?) {
        (&[1, steps, in_n], false) | (&[steps, 1, in_n], true) => (steps, in_n),
        (other, _) => return Err(cx.wrong(op, format!("needs an input [1, steps, in], got {other:?}"))),
    };
    let units = cx.tensor(y)?.shape.last().copied().unwrap_or(0);
    let stored = cx.stored(cx.tensor(y)?)?;
    if cx.tensor(y)?.elements() != steps.saturating_mul(units) {
        return Err(cx.wrong(op, format!("makes {:?} of {steps} steps", cx.tensor(y)?.shape)));
    }
    check_hidden(cx, op, stored)?;

    let cell = state(cx, op, CELL, units, stored)?;
    let hidden = state(cx, op, HIDDEN, units, stored)?;
    let mut inputs = vec![cx.value(x)?, cell, hidden];
    for gate in 0..4 {
        let (from_x, from_h) = (cx.operand(op, INPUT_WEIGHTS[gate])?, cx.operand(op, RECURRENT_WEIGHTS[gate])?);
        let from_x = weights(cx, from_x, [units, in_n], x_stored)?;
        inputs.push(from_x);
        inputs.push(weights(cx, from_h, [units, units], x_stored)?);
        inputs.push(bias(cx, cx.operand(op, BIASES[gate])?, units, x_stored, from_x)?);
    }
    let y_id = cx.declare(y)?;
    cx.same_kind(op, inputs[0], y_id)?;
    let name = cx.graph.value(y_id).name.clone();
    let cell_clip = o.cell_clip()?;
    let lstm = Op::Lstm { cell_clip: if cell_clip > 0.0 { cell_clip } else { 0.0 } };
    // With one sample, both orders of batch and time are the same bytes.
    if cx.tensor(x)?.shape != [1, steps, in_n] {
        let rows = cx.stored(cx.tensor(x)?)?;
        let batch_major = cx.intermediate(format!("{name}/rows"), vec![1, steps, in_n], rows);
        cx.node(Op::Reshape, vec![inputs[0]], batch_major);
        inputs[0] = batch_major;
    }
    if cx.tensor(y)?.shape == [1, steps, units] {
        cx.node(lstm, inputs, y_id);
    } else {
        let rows = cx.intermediate(format!("{name}/all steps"), vec![1, steps, units], stored);
        cx.node(lstm, inputs, rows);
        cx.node(Op::Reshape, vec![rows], y_id);
    }
    Ok(())
}

/// The hidden state's three descriptions must agree: without a projection it is the output.
fn check_hidden(cx: &Lowering, op: &Operator, y: Stored) -> Result<(), LowerError> {
    let mut all = vec![cx.operand(op, HIDDEN)?];
    all.extend(op.intermediates.get(HIDDEN_INTERMEDIATE).copied().flatten());
    for tensor in all {
        let info = cx.tensor(tensor)?;
        if info.quantization.is_some() && cx.stored(info)? != y {
            return unsupported(
                format!("`{}` has another scale than the output of the LSTM", info.name),
                "convert the network again with a current converter",
            );
        }
    }
    Ok(())
}

fn state(cx: &mut Lowering, op: &Operator, position: usize, units: usize, y: Stored) -> Result<ValueId, LowerError> {
    let tensor = cx.operand(op, position)?;
    let info = cx.tensor(tensor)?;
    if !info.is_variable || info.shape != [1, units] {
        return Err(info.error(format!("must be a variable of shape [1, {units}], is {:?}", info.shape)).into());
    }
    let id = match y {
        Stored::F32 if info.dtype != ElementType::F32 => {
            return Err(info.error(format!("must be float32, is {}", info.dtype.name())).into());
        }
        Stored::I8 { .. } if position == CELL => {
            let scale = info.quantization.and_then(|q| q.scales.get(0)).unwrap_or(0.0);
            if info.dtype != ElementType::I16 || !(scale.is_finite() && scale > 0.0) {
                return Err(info.error(format!("must be int16 with a scale, is {}", info.dtype.name())).into());
            }
            cx.declare_as(tensor, DType::I16, Some(Quantization::per_tensor(scale, 0)))?
        }
        _ => cx.declare(tensor)?,
    };
    cx.graph.state.push(id);
    Ok(id)
}

fn weights(cx: &mut Lowering, tensor: usize, shape: [usize; 2], x: Stored) -> Result<ValueId, LowerError> {
    let info = cx.tensor(tensor)?;
    if info.shape != shape {
        return Err(info.error(format!("must be weights of shape {shape:?}, is {:?}", info.shape)).into());
    }
    if x == Stored::F32 {
        let data = cx.floats(tensor)?;
        return Ok(cx.constant(info.name.clone(), Tensor::f32(shape, data), None)?);
    }
    if info.dtype != ElementType::I8 {
        return Err(info.error(format!("must be int8 weights, is {}", info.dtype.name())).into());
    }
    let scales = cx.scales(info, 1)?;
    let data = cx.bytes(tensor)?;
    let q = Quantization { scales, zero_point: 0, axis: None };
    Ok(cx.constant(info.name.clone(), Tensor::I8 { shape: shape.to_vec(), data }, Some(q))?)
}

/// A bias that is added to products of the input with `weights`.
fn bias(cx: &mut Lowering, tensor: usize, units: usize, x: Stored, weights: ValueId) -> Result<ValueId, LowerError> {
    let info = cx.tensor(tensor)?;
    if info.elements() != units {
        return Err(info.error(format!("must be a bias of {units}, is {:?}", info.shape)).into());
    }
    let Stored::I8 { scale: x_scale, .. } = x else {
        let data = cx.floats(tensor)?;
        return Ok(cx.constant(info.name.clone(), Tensor::f32([units], data), None)?);
    };
    if info.dtype != ElementType::I32 {
        return Err(info.error(format!("must be an int32 bias, is {}", info.dtype.name())).into());
    }
    let data = cx.integers(tensor)?.into_iter().map(|v| v as i32).collect();
    let weights_scale = cx.quantization.get(weights.0).and_then(Option::as_ref).map_or(1.0, Quantization::scale);
    let q = Quantization::per_tensor(x_scale * weights_scale, 0);
    Ok(cx.constant(info.name.clone(), Tensor::I32 { shape: vec![units], data }, Some(q))?)
}
