//! Fully connected layers: the input's zero point is folded into the bias, so that the device adds it once, not per tap.

use super::context::NodeContext;
use super::fixed_point::exact_product;
use super::{EmitError, int16, packed, sparse};
use crate::ir::{Activation, DType, ValueId};
use crate::plan::Layout;
use mote_runtime::format::instruction::{FullyConnected, FullyConnectedF32, FullyConnectedI16, FullyConnectedPacked};
use mote_runtime::format::pack::filter_rows;
use mote_runtime::format::{Instruction, Rounding};

pub fn emit(n: &mut NodeContext, activation: Activation) -> Result<(), EmitError> {
    let (x_id, weights_id) = (n.input(0)?, n.input(1)?);
    let (x, y) = (n.offset(x_id)?, n.offset(n.node.output)?);
    let &[outputs, inputs] = n.value(weights_id).shape.as_slice() else {
        return Err(n.error(format!("weights must be [out, in], got {:?}", n.value(weights_id).shape)));
    };
    let rows = n.size(n.value(x_id).elements() / inputs.max(1))?;
    let (in_n, out_n) = (n.size(inputs)?, n.size(outputs)?);
    match n.x_dtype()? {
        DType::I8 if n.is_sparse() => return sparse::emit_fully_connected(n, product(n, weights_id), activation),
        DType::I8 => {
            let zero_point = i64::from(n.affine(x_id)?.zero_point);
            let weights = n.const_i8(weights_id)?;
            let bias = n.bias_i32(outputs)?;
            let fold = |(row, &bias): (&[i8], &i32)| {
                let sum: i64 = row.iter().map(|&w| i64::from(w)).sum();
                let folded = i64::from(bias) - zero_point * sum;
                i32::try_from(folded).map_err(|_| n.error(format!("a bias of {folded} does not fit 32 bits")))
            };
            let bias = weights.chunks(inputs.max(1)).zip(&bias).map(fold).collect::<Result<Vec<i32>, _>>()?;
            let (filters, product) = ((weights_id, weights.to_vec()), product(n, weights_id));
            let (weights, requantize) = n.requantize(filters, bias, -128..=127, product, activation)?;
            let (weights, packing) = packed::add_weights(n, Layout::Quads(inputs), &weights);
            let dense = FullyConnected { x, y, rows, in_n, out_n, weights, requantize };
            let tile = n.scratch(packed::tile_bytes(n))?;
            n.push(match packing {
                Some(packing) => Instruction::FullyConnectedPacked(FullyConnectedPacked { dense, tile, packing }),
                None => Instruction::FullyConnected(dense),
            });
        }
        DType::I16 => {
            let filters = n.const_i8(weights_id)?;
            let requantize = int16::requantize(n, filters, product(n, weights_id), activation)?;
            let weights = n.context.weights.add_i8_words(&filter_rows(filters, inputs));
            n.push(Instruction::FullyConnectedI16(FullyConnectedI16 { x, y, rows, in_n, out_n, weights, requantize }));
        }
        DType::F32 => {
            let weights = n.const_f32(weights_id)?;
            let weights = n.add_float_weights(weights);
            let bias = n.bias_f32(outputs)?;
            let bias = n.context.weights.add_f32(&bias);
            let Activation { min, max } = activation;
            n.push(Instruction::FullyConnectedF32(FullyConnectedF32 {
                x,
                y,
                rows,
                in_n,
                out_n,
                weights,
                bias,
                min,
                max,
            }));
        }
        other => return n.unsupported_dtype(other),
    }
    Ok(())
}

/// How the scales of input and weights are multiplied: the reference kernel does it in single precision for weights with one
/// scale.
fn product(n: &NodeContext, weights: ValueId) -> fn(f32, f32) -> f64 {
    let quantization = n.context.plan.quant.quantization.get(weights.0).and_then(Option::as_ref);
    let one_scale = quantization.is_some_and(|q| q.scales.len() == 1);
    match n.context.options.rounding {
        Rounding::Tflite if one_scale => |x, w| f64::from(x * w),
        _ => exact_product,
    }
}
