//! Softmax over the last axis, with the parameters of the TensorFlow Lite reference kernel.

use super::EmitError;
use super::context::{Affine, NodeContext};
use super::tables16;
use crate::ir::DType;
use mote_runtime::format::Instruction;
use mote_runtime::format::instruction::{Multiplier, Softmax, SoftmaxF32, SoftmaxI16};

/// Bits left of the binary point of scaled differences.
const INTEGER_BITS: i32 = 5;
/// What the kernel's outputs mean.
const OUTPUT: Affine = Affine { scale: 1.0 / 256.0, zero_point: -128 };
/// The same on int16.
const OUTPUT16: Affine = Affine { scale: 1.0 / 32768.0, zero_point: 0 };

pub fn emit(n: &mut NodeContext, axis: usize) -> Result<(), EmitError> {
    let x_id = n.input(0)?;
    let shape = &n.value(x_id).shape;
    let depth = shape.get(axis).copied().unwrap_or(1);
    if shape.iter().skip(axis + 1).any(|&size| size != 1) {
        return Err(
            n.error(format!("axis {axis} of {shape:?} is not the last one: transpose around it in the network"))
        );
    }
    let rows = n.size(n.value(x_id).elements() / depth.max(1))?;
    let (x, y, depth) = (n.offset(x_id)?, n.offset(n.node.output)?, n.size(depth)?);
    match n.x_dtype()? {
        DType::I8 => {
            let to = n.affine(n.node.output)?;
            if to != OUTPUT {
                return Err(n.error(format!("the output must be {OUTPUT:?}, got {to:?}")));
            }
            let (scale, diff_min) = parameters(n, n.affine(x_id)?.scale)?;
            n.push(Instruction::Softmax(Softmax { x, y, rows, depth, scale, diff_min }));
        }
        DType::I16 => {
            let to = n.affine(n.node.output)?;
            if to != OUTPUT16 {
                return Err(n.error(format!("the output must be {OUTPUT16:?}, got {to:?}")));
            }
            let x_scale = n.affine(x_id)?.scale;
            // Differences of 10 take the whole table.
            let scale = n.multiplier(f64::from(x_scale) / (10.0 / 65535.0))?;
            if scale.shift > 14 {
                return Err(n.error(format!("an input scale of {x_scale} is too large")));
            }
            let [exp_table, reciprocal_table] = tables16::softmax().map(|table| n.context.weights.add_i16(&table));
            n.push(Instruction::SoftmaxI16(SoftmaxI16 { x, y, rows, depth, scale, exp_table, reciprocal_table }));
        }
        DType::F32 => n.push(Instruction::SoftmaxF32(SoftmaxF32 { x, y, rows, depth })),
        other => return n.unsupported_dtype(other),
    }
    Ok(())
}

/// Multiplier of differences, and the smallest difference whose exponential is not 0.
fn parameters(n: &NodeContext, x_scale: f32) -> Result<(Multiplier, i32), EmitError> {
    let fraction_bits = 31 - INTEGER_BITS;
    // Past an input scale of 16 every difference is so large that its exponential is 0, so the limit changes nothing.
    let real = (f64::from(x_scale) * 2f64.powi(fraction_bits)).min(2f64.powi(30) - 1.0);
    let scale = n.multiplier(real)?;
    if scale.shift < 0 {
        return Err(n.error(format!("an input scale of {x_scale} is too small")));
    }
    let radius = (2f64.powi(INTEGER_BITS) - 1.0) * 2f64.powi(fraction_bits) / 2f64.powi(i32::from(scale.shift));
    Ok((scale, -(radius.floor() as i32)))
}
