//! 2-D convolution.

use super::Array;
use super::elementwise::clamp;
use super::pool2d::{Border, fit};
use crate::ir::{Activation, Pads};
use burn_tensor::module;
use burn_tensor::ops::ConvOptions;

/// Parameters of `ir::Op::Conv2d`.
pub(super) struct Conv2d {
    pub stride: [usize; 2],
    pub dilation: [usize; 2],
    pub pads: Pads,
    pub groups: usize,
    pub activation: Activation,
}

/// `x [n, h, w, in]`, `weights [out, kh, kw, in / groups]`, `bias [out]` -> `[n, out_hw, out]`.
pub(super) fn conv2d(op: &Conv2d, x: &Array, weights: &Array, bias: Option<&Array>, out_hw: [usize; 2]) -> Array {
    let weights = weights.channels_first();
    let [_, _, kernel_h, kernel_w] = weights.dims();
    let x = fit(x.channels_first(), [kernel_h, kernel_w], op.stride, op.dilation, op.pads, out_hw, Border::Zero);
    let bias = bias.map(|b| {
        let b = b.full();
        let n = b.shape().num_elements();
        b.reshape([n])
    });
    let options = ConvOptions::new(op.stride, [0, 0], op.dilation, op.groups);
    let y = module::conv2d(x, weights, bias, options);
    Array::from_channels_first(clamp(y, op.activation))
}
