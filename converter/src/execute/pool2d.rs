//! Average and maximum over windows.

use super::{Array, Target};
use crate::ir::Pads;
use burn_tensor::module;
use burn_tensor::ops::{ConvOptions, MaxPoolOptions, PadMode};
use burn_tensor::{Tensor, TensorData};

/// Parameters shared by both pools.
pub(super) struct Pool2d {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub dilation: [usize; 2],
    pub pads: Pads,
}

/// What padding holds.
#[derive(Clone, Copy)]
pub(super) enum Border {
    Zero,
    MinusInfinity,
}

/// Pads or crops `x [n, c, h, w]` so that windows without padding give exactly `out_hw`. The output size decides, because
/// it knows about ceil mode and about rows at the end that no window reaches.
pub(super) fn fit(
    x: Tensor<4>,
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    pads: Pads,
    out_hw: [usize; 2],
    border: Border,
) -> Tensor<4> {
    let [_, _, h, w] = x.dims();
    let (bottom, crop_h) = tail(h, kernel[0], stride[0], dilation[0], pads.top, out_hw[0]);
    let (right, crop_w) = tail(w, kernel[1], stride[1], dilation[1], pads.left, out_hw[1]);
    let x = if crop_h > 0 { x.narrow(2, 0, h - crop_h) } else { x };
    let x = if crop_w > 0 { x.narrow(3, 0, w - crop_w) } else { x };
    if [pads.top, bottom, pads.left, right] == [0; 4] {
        return x;
    }
    let value = match border {
        Border::Zero => 0.0,
        Border::MinusInfinity => f32::NEG_INFINITY,
    };
    x.pad([(pads.top, bottom), (pads.left, right)], PadMode::Constant(value))
}

/// Elements to add after, or to drop from the end of, an axis of `len` elements.
fn tail(len: usize, kernel: usize, stride: usize, dilation: usize, before: usize, out: usize) -> (usize, usize) {
    let needed = (out - 1) * stride + (kernel - 1) * dilation + 1;
    let have = len + before;
    (needed.saturating_sub(have), have.saturating_sub(needed).min(len - 1))
}

/// Largest element of each window of `x [n, h, w, c]`.
pub(super) fn max_pool2d(op: &Pool2d, x: &Array, out_hw: [usize; 2]) -> Array {
    let x = fit(x.channels_first(), op.kernel, op.stride, op.dilation, op.pads, out_hw, Border::MinusInfinity);
    let options = MaxPoolOptions::new(op.kernel).with_stride(op.stride).with_dilation(op.dilation);
    Array::from_channels_first(module::max_pool2d(x, options))
}

/// Mean of each window of `x [n, h, w, c]`: a depthwise convolution with ones (which burn's average pool is not, in that
/// it knows no dilation), divided by the number of elements that count.
pub(super) fn average_pool2d(
    op: &Pool2d,
    count_include_pad: bool,
    x: &Array,
    out_hw: [usize; 2],
    target: &Target,
) -> Array {
    let x = x.channels_first();
    let [_, channels, h, w] = x.dims();
    let x = fit(x, op.kernel, op.stride, op.dilation, op.pads, out_hw, Border::Zero);
    let ones = Tensor::ones([channels, 1, op.kernel[0], op.kernel[1]], target.options());
    let sum = module::conv2d(x, ones, None, ConvOptions::new(op.stride, [0, 0], op.dilation, channels));

    let pad_h = (op.pads.top, op.pads.bottom);
    let pad_w = (op.pads.left, op.pads.right);
    let rows = counts(op.kernel[0], op.stride[0], op.dilation[0], pad_h, h, out_hw[0], count_include_pad);
    let columns = counts(op.kernel[1], op.stride[1], op.dilation[1], pad_w, w, out_hw[1], count_include_pad);
    let inverse: Vec<f64> =
        rows.iter().flat_map(|r| columns.iter().map(move |c| 1.0 / (r * c).max(1) as f64)).collect();
    let inverse = TensorData::new(inverse, [1, 1, out_hw[0], out_hw[1]]);
    Array::from_channels_first(sum.mul(Tensor::from_data(inverse, target.options())))
}

/// Per window along one axis, how many of its taps count.
fn counts(
    kernel: usize,
    stride: usize,
    dilation: usize,
    (before, after): (usize, usize),
    len: usize,
    out: usize,
    include_pad: bool,
) -> Vec<usize> {
    let inside = if include_pad { 0..before + len + after } else { before..before + len };
    (0..out).map(|o| (0..kernel).filter(|k| inside.contains(&(o * stride + k * dilation))).count()).collect()
}
