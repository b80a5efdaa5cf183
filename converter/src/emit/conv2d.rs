//! Convolutions: `conv2d` for any number of groups, `depthwise_conv2d` where each group has one channel.

use super::context::NodeContext;
use super::fixed_point::exact_product;
use super::{EmitError, int16, packed, sparse};
use crate::ir::{Activation, DType, Pads};
use crate::plan::{self, Layout};
use mote_runtime::format::Instruction;
use mote_runtime::format::instruction::{
    Conv2d, Conv2dF32, Conv2dI16, Conv2dPacked, Conv2dWinograd, DepthwiseConv2d, DepthwiseConv2dI16, Hwc, Requantize8,
    RowOrder, Window,
};
use mote_runtime::format::overlap::Distances;
use mote_runtime::format::pack::{filter_rows, winograd_filters};

pub fn emit(
    n: &mut NodeContext,
    stride: [usize; 2],
    dilation: [usize; 2],
    pads: Pads,
    groups: usize,
    activation: Activation,
) -> Result<(), EmitError> {
    let x = n.input(0)?;
    let weights = n.input(1)?;
    let (x_shape, y_shape) = (n.hwc(x)?, n.hwc(n.node.output)?);
    let &[out_c, kernel_h, kernel_w, group_c] = n.value(weights).shape.as_slice() else {
        return Err(n.error(format!("weights must be [out, h, w, in / groups], got {:?}", n.value(weights).shape)));
    };
    let window = window(n, [kernel_h, kernel_w], stride, dilation, pads)?;
    let shape = Shape { x_shape, y_shape, window, out_c, taps: kernel_h * kernel_w, groups };
    match n.x_dtype()? {
        DType::I8 if groups > 1 && group_c == 1 => depthwise(n, shape, activation),
        DType::I8 => full(n, shape, activation),
        DType::I16 if groups > 1 && group_c == 1 => depthwise16(n, shape, activation),
        DType::I16 => full16(n, shape, activation),
        DType::F32 => float(n, shape, activation),
        other => n.unsupported_dtype(other),
    }
}

/// `y = x * scale + shift` per channel: a 1x1 depthwise convolution over all pixels.
pub fn emit_scale_shift(n: &mut NodeContext) -> Result<(), EmitError> {
    let x = n.value(n.input(0)?);
    let channels = x.shape.last().copied().unwrap_or(1);
    let pixels = x.elements() / channels.max(1);
    let map = Hwc { h: n.size(pixels)?, w: 1, c: n.size(channels)? };
    let window = window(n, [1, 1], [1, 1], [1, 1], Pads::default())?;
    let shape = Shape { x_shape: map, y_shape: map, window, out_c: channels, taps: 1, groups: channels };
    match x.dtype {
        DType::I8 => depthwise(n, shape, Activation::NONE),
        DType::F32 => float(n, shape, Activation::NONE),
        other => n.unsupported_dtype(other),
    }
}

struct Shape {
    x_shape: Hwc,
    y_shape: Hwc,
    window: Window,
    out_c: usize,
    taps: usize,
    groups: usize,
}

fn full(n: &mut NodeContext, shape: Shape, activation: Activation) -> Result<(), EmitError> {
    let (x, y) = (n.offset(n.input(0)?)?, n.offset(n.node.output)?);
    let x_zero_point = n.affine(n.input(0)?)?.zero_point;
    let (filters, requantize) = filters(n, &shape, x_zero_point, activation)?;
    if n.is_winograd() {
        return winograd(n, shape, &filters, x_zero_point, requantize);
    }
    if n.is_sparse() {
        let Shape { x_shape, y_shape, window, .. } = shape;
        return sparse::emit(n, (x_shape, y_shape), window, &filters, requantize);
    }
    let (weights, packing) = packed::add_weights(n, Layout::Filters(filters.len() / shape.out_c.max(1)), &filters);
    let groups = n.size(shape.groups)?;
    let Shape { x_shape, y_shape, window, .. } = shape;
    let order = RowOrder::TopDown;
    let op = Conv2d { x, y, scratch: 0, x_shape, y_shape, window, groups, weights, x_zero_point, order, requantize };
    let scratch_bytes = op.scratch_bytes().and_then(|bytes| bytes.checked_add(packed::tile_bytes(n)));
    let scratch = n.scratch(scratch_bytes.ok_or_else(|| n.error("a filter does not fit 32 bits"))?)?;
    let order = row_order(n, (x, x_shape), (y, y_shape), 1, || op.distances());
    let conv = Conv2d { scratch, order, ..op };
    n.push(match packing {
        Some(packing) => Instruction::Conv2dPacked(Conv2dPacked { conv, packing }),
        None => Instruction::Conv2d(conv),
    });
    Ok(())
}

/// What the planner has chosen to be computed by Winograd's F(2x2, 3x3).
fn winograd(
    n: &mut NodeContext,
    shape: Shape,
    filters: &[i8],
    x_zero_point: i8,
    requantize: Requantize8,
) -> Result<(), EmitError> {
    let (x, y) = (n.offset(n.input(0)?)?, n.offset(n.node.output)?);
    let groups = n.size(shape.groups)?;
    let Shape { x_shape, y_shape, window, .. } = shape;
    let order = RowOrder::TopDown;
    let op = Conv2d { x, y, scratch: 0, x_shape, y_shape, window, groups, weights: 0, x_zero_point, order, requantize };
    let op = plan::winograd_of(&op).ok_or_else(|| n.error("it has no form for Winograd's F(2x2, 3x3)"))?;
    let weights = n.context.weights.add_i16_words(&winograd_filters(filters, x_shape.c as usize));
    let scratch = n.scratch(op.scratch_bytes().unwrap_or(0))?;
    let order = row_order(n, (x, x_shape), (y, y_shape), 1, || op.distances());
    n.push(Instruction::Conv2dWinograd(Conv2dWinograd { weights, scratch, order, ..op }));
    Ok(())
}

/// Filters `[out, taps]` and their requantization. The kernels subtract the input's zero point from every tap.
fn filters(
    n: &mut NodeContext,
    shape: &Shape,
    x_zero_point: i8,
    activation: Activation,
) -> Result<(Vec<i8>, Requantize8), EmitError> {
    let weights = n.const_i8(n.input(1)?)?.to_vec();
    let bias = n.bias_i32(shape.out_c)?;
    let inputs = [-128, 127].map(|x| x - i64::from(x_zero_point));
    n.requantize((n.input(1)?, weights), bias, inputs[0]..=inputs[1], exact_product, activation)
}

fn depthwise(n: &mut NodeContext, shape: Shape, activation: Activation) -> Result<(), EmitError> {
    let (x, y) = (n.offset(n.input(0)?)?, n.offset(n.node.output)?);
    let x_zero_point = n.affine(n.input(0)?)?.zero_point;
    let (filters, requantize) = filters(n, &shape, x_zero_point, activation)?;
    let weights = n.context.weights.add_i8_words(&channels_last(&filters, shape.out_c, shape.taps));
    let Shape { x_shape, y_shape, window, .. } = shape;
    let op = DepthwiseConv2d {
        x,
        y,
        scratch: 0,
        scratch_bytes: 0,
        x_shape,
        y_shape,
        window,
        weights,
        x_zero_point,
        order: RowOrder::TopDown,
        requantize,
    };
    // The planner has decided whether there is scratch memory; if so, it is all that strips need.
    let planned = if n.has_scratch() { op.strip_bytes().unwrap_or(0) } else { 0 };
    let op = DepthwiseConv2d { scratch: n.scratch(planned)?, scratch_bytes: planned, ..op };
    let order = row_order(n, (x, x_shape), (y, y_shape), 1, || op.distances());
    n.push(Instruction::DepthwiseConv2d(DepthwiseConv2d { order, ..op }));
    Ok(())
}

/// The order in which the planned places allow an output to be computed; an element takes `bytes`.
pub fn row_order(
    n: &NodeContext,
    (x, x_shape): (u32, Hwc),
    (y, y_shape): (u32, Hwc),
    bytes: u64,
    distances: impl FnOnce() -> Distances,
) -> RowOrder {
    if n.context.plan.bands_of(n.id).is_some() {
        return RowOrder::TopDown;
    }
    let end = |start: u32, shape: Hwc| u64::from(start) + bytes * u64::from(shape.elements().unwrap_or(u32::MAX));
    let overlap = u64::from(x) < end(y, y_shape) && u64::from(y) < end(x, x_shape);
    // If no order will do, the check of the finished file says so.
    if overlap { distances().order(x, y).unwrap_or_default() } else { RowOrder::default() }
}

fn full16(n: &mut NodeContext, shape: Shape, activation: Activation) -> Result<(), EmitError> {
    let (x, y) = (n.offset(n.input(0)?)?, n.offset(n.node.output)?);
    let filters = n.const_i8(n.input(1)?)?;
    let requantize = int16::requantize(n, filters, product, activation)?;
    let weights = n.context.weights.add_i8_words(&filter_rows(filters, filters.len() / shape.out_c.max(1)));
    let groups = n.size(shape.groups)?;
    let Shape { x_shape, y_shape, window, .. } = shape;
    let order = RowOrder::TopDown;
    let op = Conv2dI16 { x, y, x_shape, y_shape, window, groups, weights, order, requantize };
    let order = row_order(n, (x, x_shape), (y, y_shape), 2, || op.distances());
    n.push(Instruction::Conv2dI16(Conv2dI16 { order, ..op }));
    Ok(())
}

fn depthwise16(n: &mut NodeContext, shape: Shape, activation: Activation) -> Result<(), EmitError> {
    let (x, y) = (n.offset(n.input(0)?)?, n.offset(n.node.output)?);
    let filters = n.const_i8(n.input(1)?)?;
    let requantize = int16::requantize(n, filters, product, activation)?;
    let weights = n.context.weights.add_i8_words(&channels_last(filters, shape.out_c, shape.taps));
    let Shape { x_shape, y_shape, window, .. } = shape;
    let order = RowOrder::TopDown;
    let op = DepthwiseConv2dI16 { x, y, x_shape, y_shape, window, weights, order, requantize };
    let order = row_order(n, (x, x_shape), (y, y_shape), 2, || op.distances());
    n.push(Instruction::DepthwiseConv2dI16(DepthwiseConv2dI16 { order, ..op }));
    Ok(())
}

/// Scales of input and weights, in double precision.
fn product(x: f32, w: f32) -> f64 {
    f64::from(x) * f64::from(w)
}

fn float(n: &mut NodeContext, shape: Shape, activation: Activation) -> Result<(), EmitError> {
    let (x, y) = (n.offset(n.input(0)?)?, n.offset(n.node.output)?);
    let weights = n.const_f32(n.input(1)?)?;
    let weights = n.add_float_weights(weights);
    let bias = n.bias_f32(shape.out_c)?;
    let bias = n.context.weights.add_f32(&bias);
    let groups = n.size(shape.groups)?;
    let Activation { min, max } = activation;
    let Shape { x_shape, y_shape, window, .. } = shape;
    n.push(Instruction::Conv2dF32(Conv2dF32 { x, y, x_shape, y_shape, window, groups, weights, bias, min, max }));
    Ok(())
}

/// `[out, taps]` to `[taps, out]`.
fn channels_last(weights: &[i8], out_c: usize, taps: usize) -> Vec<i8> {
    (0..taps).flat_map(|tap| (0..out_c).map(move |c| weights[c * taps + tap])).collect()
}

/// A sliding window as instructions spell it.
pub fn window(
    n: &NodeContext,
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    pads: Pads,
) -> Result<Window, EmitError> {
    let too_large = || n.error(format!("a window of {kernel:?} at {pads:?} does not fit 32 bits"));
    plan::window(kernel, stride, dilation, pads).ok_or_else(too_large)
}
