//! Convolutions and fully connected layers whose blocks of zero weights are left out.

use super::EmitError;
use super::context::NodeContext;
use super::conv2d::{row_order, window};
use crate::ir::{Activation, Pads};
use mote_runtime::format::Instruction;
use mote_runtime::format::instruction::{Conv2d, Conv2dSparse, Hwc, Requantize8, RowOrder, Window};
use mote_runtime::format::pack::sparse_blocks;

/// Writes what the planner has chosen to be sparse, of `filters` `[out, taps]`. The kernels subtract the input's zero point
/// from every tap, as those of all weights.
pub fn emit(
    n: &mut NodeContext,
    (x_shape, y_shape): (Hwc, Hwc),
    window: Window,
    filters: &[i8],
    requantize: Requantize8,
) -> Result<(), EmitError> {
    let (x, y) = (n.offset(n.input(0)?)?, n.offset(n.node.output)?);
    let x_zero_point = n.affine(n.input(0)?)?.zero_point;
    let row = filters.len() / (y_shape.c as usize).max(1);
    let stored = sparse_blocks(filters, row).ok_or_else(|| n.error("a filter is too long to be stored in blocks"))?;
    let blocks = n.size(stored.deltas.len())?;
    let weights = &mut n.context.weights;
    let (at, counts) = (weights.add_i8_words(&stored.weights), weights.add_u16(&stored.counts));
    let deltas = weights.add_u8(&stored.deltas);
    let (groups, order) = (1, RowOrder::TopDown);
    let conv =
        Conv2d { x, y, scratch: 0, x_shape, y_shape, window, groups, weights: at, x_zero_point, order, requantize };
    // The planner has decided whether there is scratch memory for patches.
    let op = Conv2dSparse { conv, blocks, counts, deltas, direct: !n.has_scratch() };
    let scratch = n.scratch(op.scratch_bytes().ok_or_else(|| n.error("a filter does not fit 32 bits"))?)?;
    let order = row_order(n, (x, x_shape), (y, y_shape), 1, || op.distances());
    n.push(Instruction::Conv2dSparse(Conv2dSparse { conv: Conv2d { scratch, order, ..conv }, ..op }));
    Ok(())
}

/// A fully connected layer is a convolution of one pixel. `product` multiplies the scales of input and weights.
pub fn emit_fully_connected(
    n: &mut NodeContext,
    product: fn(f32, f32) -> f64,
    activation: Activation,
) -> Result<(), EmitError> {
    let weights_id = n.input(1)?;
    let &[outputs, inputs] = n.value(weights_id).shape.as_slice() else {
        return Err(n.error(format!("weights must be [out, in], got {:?}", n.value(weights_id).shape)));
    };
    let weights = n.const_i8(weights_id)?.to_vec();
    let bias = n.bias_i32(outputs)?;
    let zero_point = i64::from(n.affine(n.input(0)?)?.zero_point);
    let ends = -128 - zero_point..=127 - zero_point;
    let (weights, requantize) = n.requantize((weights_id, weights), bias, ends, product, activation)?;
    let pixel = |c: u32| Hwc { h: 1, w: 1, c };
    let (in_n, out_n) = (n.size(inputs)?, n.size(outputs)?);
    let window = window(n, [1, 1], [1, 1], [1, 1], Pads::default())?;
    emit(n, (pixel(in_n), pixel(out_n)), window, &weights, requantize)
}
