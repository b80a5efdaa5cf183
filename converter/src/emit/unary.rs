//! Functions of one element, and changes of precision. On int8 every function is a 256-byte table.

use super::EmitError;
use super::context::NodeContext;
use super::fixed_point::stored;
use crate::execute;
use crate::ir::{DType, Unary};
use mote_runtime::format::Instruction;
use mote_runtime::format::instruction::{Dequantize, Lookup, Quantize, Requantize, UnaryF32};

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
        DType::F32 => n.push(Instruction::UnaryF32(UnaryF32 { x, y, len, function })),
        other => return n.unsupported_dtype(other),
    }
    Ok(())
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
    n.push(Instruction::Quantize(Quantize { x, y, len, scale: to.scale, zero_point: to.zero_point }));
    Ok(())
}

pub fn emit_dequantize(n: &mut NodeContext) -> Result<(), EmitError> {
    let x_id = n.input(0)?;
    let from = n.affine(x_id)?;
    let (x, y, len) = (n.offset(x_id)?, n.offset(n.node.output)?, n.size(n.value(x_id).elements())?);
    n.push(Instruction::Dequantize(Dequantize { x, y, len, scale: from.scale, zero_point: from.zero_point }));
    Ok(())
}

pub fn emit_requantize(n: &mut NodeContext) -> Result<(), EmitError> {
    let x_id = n.input(0)?;
    let (from, to) = (n.affine(x_id)?, n.affine(n.node.output)?);
    let (x, y, len) = (n.offset(x_id)?, n.offset(n.node.output)?, n.size(n.value(x_id).elements())?);
    let scale = n.multiplier(f64::from(from.scale) / f64::from(to.scale))?;
    let (x_zero_point, y_zero_point) = (from.zero_point, to.zero_point);
    n.push(Instruction::Requantize(Requantize { x, y, len, x_zero_point, y_zero_point, scale }));
    Ok(())
}
