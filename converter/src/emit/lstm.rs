//! Long short-term memory; in int8 with the parameters of the TensorFlow Lite reference kernel.

use super::EmitError;
use super::context::NodeContext;
use crate::ir::{DType, Tensor, ValueId};
use mote_runtime::format::Instruction;
use mote_runtime::format::instruction::{Lstm, LstmF32, LstmGate, LstmGateF32};

/// What a gate's function gets has 12 bits below the point.
const GATE_SCALE: f32 = 1.0 / 4096.0;

pub fn emit(n: &mut NodeContext, cell_clip: f32) -> Result<(), EmitError> {
    match (n.x_dtype()?, n.value(n.input(1)?).dtype) {
        (DType::I8, DType::I16) => emit_i8(n, cell_clip),
        (DType::F32, DType::F32) => emit_f32(n, cell_clip),
        (other, _) => n.unsupported_dtype(other),
    }
}

/// Steps, elements of a row of the input, elements of a row of the output.
fn sizes(n: &NodeContext) -> Result<[u32; 3], EmitError> {
    let &[_, steps, units] = n.output().shape.as_slice() else {
        return Err(n.error(format!("must make [1, steps, units], got {:?}", n.output().shape)));
    };
    let in_n = n.value(n.input(0)?).shape.last().copied().unwrap_or(0);
    Ok([n.size(steps)?, n.size(in_n)?, n.size(units)?])
}

fn emit_f32(n: &mut NodeContext, cell_clip: f32) -> Result<(), EmitError> {
    let [steps, in_n, units] = sizes(n)?;
    let [input, forget, candidate, output] = [gate_f32(n, 3)?, gate_f32(n, 6)?, gate_f32(n, 9)?, gate_f32(n, 12)?];
    n.push(Instruction::LstmF32(LstmF32 {
        x: n.offset(n.input(0)?)?,
        y: n.offset(n.node.output)?,
        cell: n.offset(n.input(1)?)?,
        hidden: n.offset(n.input(2)?)?,
        steps,
        in_n,
        units,
        input,
        forget,
        candidate,
        output,
        cell_clip: if cell_clip > 0.0 { cell_clip } else { f32::INFINITY },
    }));
    Ok(())
}

fn gate_f32(n: &mut NodeContext, first: usize) -> Result<LstmGateF32, EmitError> {
    let [weights_x, weights_h, bias] = [first, first + 1, first + 2].map(|i| n.const_f32(n.input(i)?));
    let (weights_x, weights_h) = (n.add_float_weights(weights_x?), n.add_float_weights(weights_h?));
    Ok(LstmGateF32 { weights_x, weights_h, bias: n.context.weights.add_f32(bias?) })
}

fn emit_i8(n: &mut NodeContext, cell_clip: f32) -> Result<(), EmitError> {
    let (x_id, cell_id, hidden_id) = (n.input(0)?, n.input(1)?, n.input(2)?);
    let (hidden, y) = (n.affine(hidden_id)?, n.affine(n.node.output)?);
    if hidden != y {
        return Err(n.error(format!("hidden state and output must share their scale, got {hidden:?}, {y:?}")));
    }
    let [steps, in_n, units] = sizes(n)?;
    let cell_scale = scale(n, cell_id)?;
    let exponent = cell_scale.log2().round();
    if !(-15.0..=-9.0).contains(&exponent) || exponent.exp2() != cell_scale {
        return Err(n.error(format!("the cell's scale {cell_scale} must be a power of two from 2^-15 to 2^-9")));
    }
    // In this order and precision, because the reference computes so.
    let hidden_scale = (2f64.powi(-15) / f64::from(hidden.scale) * 2f64.powi(-15)) as f32;
    let hidden_scale = n.multiplier(hidden_scale.into())?;
    let cell_clip = (cell_clip / cell_scale).clamp(0.0, i16::MAX.into()) as i16;
    let [input, forget, candidate, output] = [gate(n, 3)?, gate(n, 6)?, gate(n, 9)?, gate(n, 12)?];
    n.push(Instruction::Lstm(Lstm {
        x: n.offset(x_id)?,
        y: n.offset(n.node.output)?,
        cell: n.offset(cell_id)?,
        hidden: n.offset(hidden_id)?,
        steps,
        in_n,
        units,
        input,
        forget,
        candidate,
        output,
        cell_integer_bits: (15.0 + exponent) as u8,
        cell_clip,
        hidden_scale,
        hidden_zero_point: hidden.zero_point,
    }));
    Ok(())
}

fn scale(n: &NodeContext, id: ValueId) -> Result<f32, EmitError> {
    let q = n.context.plan.quant.quantization.get(id.0).and_then(Option::as_ref);
    match q.map(|q| q.scales.as_slice()) {
        Some(&[scale]) if scale.is_finite() && scale > 0.0 => Ok(scale),
        _ => Err(n.error(format!("`{}` needs one positive scale", n.value(id).name))),
    }
}

/// Weights and biases of the gate whose operands start at `first`.
fn gate(n: &mut NodeContext, first: usize) -> Result<LstmGate, EmitError> {
    let (x, hidden) = (n.affine(n.input(0)?)?, n.affine(n.input(2)?)?);
    let (w_x, w_h, bias) = (n.input(first)?, n.input(first + 1)?, n.input(first + 2)?);
    let Some(Tensor::I32 { data: bias, .. }) = n.graph().constant(bias) else {
        return Err(n.error(format!("bias `{}` must be constants of type int32", n.value(bias).name)));
    };
    let (weights_x, weights_h) = (n.const_i8(w_x)?, n.const_i8(w_h)?);
    let zeros = vec![0; bias.len()];
    let bias_x = folded(weights_x, bias, x.zero_point);
    let bias_h = folded(weights_h, &zeros, hidden.zero_point);
    // Single precision and this order are the reference's.
    let scale_x = n.multiplier((scale(n, w_x)? * x.scale / GATE_SCALE).into())?;
    let scale_h = n.multiplier((scale(n, w_h)? * hidden.scale / GATE_SCALE).into())?;
    let weights = &mut n.context.weights;
    Ok(LstmGate {
        weights_x: weights.add_i8(weights_x),
        weights_h: weights.add_i8(weights_h),
        bias_x: weights.add_i32(&bias_x),
        bias_h: weights.add_i32(&bias_h),
        scale_x,
        scale_h,
    })
}

/// `bias[u] - zero_point * sum(weights[u])`.
fn folded(weights: &[i8], bias: &[i32], zero_point: i8) -> Vec<i32> {
    let columns = weights.len() / bias.len().max(1);
    let rows = weights.chunks(columns.max(1));
    let sum = |row: &[i8]| row.iter().fold(0i32, |sum, &w| sum.wrapping_add(w.into()));
    rows.zip(bias).map(|(row, &b)| b.wrapping_sub(i32::from(zero_point).wrapping_mul(sum(row)))).collect()
}
