//! Functions of one element, and changes of precision. On int8 every function is a 256-byte table; on int16 piecewise linear
//! ones are a factor for each sign, and the others tables of 513 points.

use super::EmitError;
use super::context::NodeContext;
use super::fixed_point::{stored, stored16};
use super::tables16;
use crate::execute;
use crate::ir::{DType, Unary};
use mote_runtime::format::instruction::{
    Dequantize, DequantizeI16, Lookup, LookupI16, NarrowI16, Quantize, QuantizeI16, Requantize, RescaleI16, SigmoidI16,
    UnaryF32, WidenI8,
};
use mote_runtime::format::{Instruction, Rounding};

pub fn emit(n: &mut NodeContext, function: Unary) -> Result<(), EmitError> {
    let x_id = n.input(0)?;
    let (x, y, len) = (n.offset(x_id)?, n.offset(n.node.output)?, n.size(n.value(x_id).elements())?);
    match n.x_dtype()? {
        DType::I8 => {
            let (from, to) = (n.affine(x_id)?, n.affine(n.node.output)?);
            let real: Vec<f32> = (-128..=127).map(|q| from.scale * (q as f32 - f32::from(from.zero_point))).collect();
            let results = execute::unary(function, &real);
            let table: Vec<i8> = results.iter().map(|&r| stored(r, to.scale, to.zero_point)).collect();
            let table = n.context.weights.add_i8(&table);
            n.push(Instruction::Lookup(Lookup { x, y, len, table }));
        }
        DType::I16 => return emit16(n, function),
        DType::F32 => n.push(Instruction::UnaryF32(UnaryF32 { x, y, len, function })),
        other => return n.unsupported_dtype(other),
    }
    Ok(())
}

fn emit16(n: &mut NodeContext, function: Unary) -> Result<(), EmitError> {
    let x_id = n.input(0)?;
    let (from, to) = (n.affine(x_id)?.scale, n.affine(n.node.output)?.scale);
    let (x, y, len) = (n.offset(x_id)?, n.offset(n.node.output)?, n.size(n.value(x_id).elements())?);
    match function {
        Unary::Clamp { min, max } => {
            let factor = n.multiplier(quotient(n, from, 1.0, to))?;
            let (min, max) = (stored16(min, to), stored16(max, to));
            n.push(Instruction::RescaleI16(RescaleI16 { x, y, len, positive: factor, negative: factor, min, max }));
        }
        Unary::LeakyRelu { alpha } if alpha >= 0.0 => {
            let positive = n.multiplier(quotient(n, from, 1.0, to))?;
            let negative = n.multiplier(quotient(n, from, alpha, to))?;
            let (min, max) = (i16::MIN, i16::MAX);
            n.push(Instruction::RescaleI16(RescaleI16 { x, y, len, positive, negative, min, max }));
        }
        Unary::Sigmoid | Unary::Tanh => {
            if to != 1.0 / 32768.0 {
                return Err(n.error(format!("the output scale must be 1/32768, got {to}")));
            }
            let (multiplier, shift) = sigmoid_factor(n, from)?;
            let table = n.context.weights.add_u16(&tables16::sigmoid());
            let tanh = matches!(function, Unary::Tanh);
            n.push(Instruction::SigmoidI16(SigmoidI16 { x, y, len, tanh, multiplier, shift, table }));
        }
        _ => {
            let real = |x: f64| f64::from(execute::unary(function, &[x as f32])[0]);
            let ends = |scale: f32| {
                let scale = f64::from(scale);
                tables16::single(scale * -32768.0)..tables16::single(scale * 32767.0)
            };
            let table = tables16::interpolated(real, ends(from), ends(to), tables16::single);
            let table = n.context.weights.add_i16(&table);
            n.push(Instruction::LookupI16(LookupI16 { x, y, len, table }));
        }
    }
    Ok(())
}

/// `from * slope / to`: the reference kernels compute it in single precision.
fn quotient(n: &NodeContext, from: f32, slope: f32, to: f32) -> f64 {
    match n.context.options.rounding {
        Rounding::Tflite => f64::from(from * slope / to),
        Rounding::Single => f64::from(from) * f64::from(slope) / f64::from(to),
    }
}

/// From stored inputs to steps of 1/12288: a factor of 15 bits and a right shift, as the reference kernels have them.
fn sigmoid_factor(n: &NodeContext, x_scale: f32) -> Result<(u32, u8), EmitError> {
    // Scales of 2^-12 and 2^-11 are met exactly.
    for (log2, factor) in [(-12, 3), (-11, 6)] {
        if f64::from(x_scale).log2().round() == f64::from(log2)
            && (f64::from(x_scale).log2() - f64::from(log2)).abs() < 1e-3
        {
            return Ok((factor, 0));
        }
    }
    let (mut factor, mut shift) = (f64::from(x_scale) * 4096.0 * 3.0, 0);
    while factor <= 32767.0 / 2.0 && shift <= 30 {
        (factor, shift) = (factor * 2.0, shift + 1);
    }
    if factor > 32767.0 {
        return Err(n.error(format!("an input scale of {x_scale} is too large")));
    }
    Ok((factor as u32, shift))
}

/// A table that the source network brought along.
pub fn emit_table(n: &mut NodeContext, table: &[i8; 256]) -> Result<(), EmitError> {
    let x_id = n.input(0)?;
    let (x, y, len) = (n.offset(x_id)?, n.offset(n.node.output)?, n.size(n.value(x_id).elements())?);
    match n.x_dtype()? {
        DType::I8 => {
            let table = n.context.weights.add_i8(table);
            n.push(Instruction::Lookup(Lookup { x, y, len, table }));
            Ok(())
        }
        other => n.unsupported_dtype(other),
    }
}

pub fn emit_quantize(n: &mut NodeContext) -> Result<(), EmitError> {
    let x_id = n.input(0)?;
    let to = n.affine(n.node.output)?;
    let (x, y, len) = (n.offset(x_id)?, n.offset(n.node.output)?, n.size(n.value(x_id).elements())?);
    n.push(match n.output().dtype {
        DType::I16 => Instruction::QuantizeI16(QuantizeI16 { x, y, len, scale: to.scale }),
        _ => Instruction::Quantize(Quantize { x, y, len, scale: to.scale, zero_point: to.zero_point }),
    });
    Ok(())
}

pub fn emit_dequantize(n: &mut NodeContext) -> Result<(), EmitError> {
    let x_id = n.input(0)?;
    let from = n.affine(x_id)?;
    let (x, y, len) = (n.offset(x_id)?, n.offset(n.node.output)?, n.size(n.value(x_id).elements())?);
    n.push(match n.x_dtype()? {
        DType::I16 => Instruction::DequantizeI16(DequantizeI16 { x, y, len, scale: from.scale }),
        _ => Instruction::Dequantize(Dequantize { x, y, len, scale: from.scale, zero_point: from.zero_point }),
    });
    Ok(())
}

pub fn emit_requantize(n: &mut NodeContext) -> Result<(), EmitError> {
    let x_id = n.input(0)?;
    let (from, to) = (n.affine(x_id)?, n.affine(n.node.output)?);
    let (x, y, len) = (n.offset(x_id)?, n.offset(n.node.output)?, n.size(n.value(x_id).elements())?);
    let scale = n.multiplier(f64::from(from.scale) / f64::from(to.scale))?;
    let (x_zero_point, y_zero_point) = (from.zero_point, to.zero_point);
    let (positive, negative, min, max) = (scale, scale, i16::MIN, i16::MAX);
    n.push(match (n.x_dtype()?, n.output().dtype) {
        (DType::I8, DType::I16) => Instruction::WidenI8(WidenI8 { x, y, len, x_zero_point, scale }),
        (DType::I16, DType::I8) => Instruction::NarrowI16(NarrowI16 { x, y, len, y_zero_point, scale }),
        (DType::I16, DType::I16) => Instruction::RescaleI16(RescaleI16 { x, y, len, positive, negative, min, max }),
        _ => Instruction::Requantize(Requantize { x, y, len, x_zero_point, y_zero_point, scale }),
    });
    Ok(())
}
