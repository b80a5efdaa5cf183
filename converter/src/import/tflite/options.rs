//! Options that several operators have, and their values.

use super::error::{LowerError, unsupported};
use super::file::Operator;
use super::lowering::{Lowering, Stored};
use super::schema::tflite::BuiltinOptionsRef;
use crate::ir::{Activation, Op, Pads, Unary, ValueId};

/// The options of an operator, if the file gives any.
pub(super) fn options<'a>(op: &Operator<'a>) -> Result<Option<BuiltinOptionsRef<'a>>, LowerError> {
    Ok(op.proto.builtin_options()?)
}

/// A fused activation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fused {
    Clamp(Activation),
    Tanh,
}

/// What `fused_activation_function` means.
pub(super) fn fused(code: i8) -> Result<Fused, LowerError> {
    let clamp = |min, max| Ok(Fused::Clamp(Activation { min, max }));
    match code {
        0 => Ok(Fused::Clamp(Activation::NONE)),
        1 => clamp(0.0, f32::INFINITY),
        2 => clamp(-1.0, 1.0),
        3 => clamp(0.0, 6.0),
        4 => Ok(Fused::Tanh),
        other => unsupported(format!("the fused activation {other}"), "make the activation an operator of its own"),
    }
}

/// A clamp that the node applies itself; other activations become a node of their own in a float network.
pub(super) fn fused_clamp(code: i8) -> Result<Activation, LowerError> {
    match fused(code)? {
        Fused::Clamp(activation) => Ok(activation),
        Fused::Tanh => unsupported("a fused TANH", "make the activation an operator of its own"),
    }
}

/// Appends `op`, and a clamp if the op cannot apply one itself.
pub(super) fn node_then_clamp(
    cx: &mut Lowering,
    op: Op,
    inputs: Vec<ValueId>,
    output: ValueId,
    stored: Stored,
    activation: Activation,
) {
    if activation == Activation::NONE {
        cx.node(op, inputs, output);
        return;
    }
    let value = cx.graph.value(output);
    let (name, shape) = (format!("{}/before activation", value.name), value.shape.clone());
    let between = cx.intermediate(name, shape, stored);
    cx.node(op, inputs, between);
    let clamp = Unary::Clamp { min: activation.min, max: activation.max };
    cx.node(Op::Unary(clamp), vec![between], output);
}

/// A sliding window's sizes as the file has them: rows, columns.
#[derive(Clone, Copy)]
pub(super) struct Window {
    pub kernel: [usize; 2],
    pub stride: [i32; 2],
    pub dilation: [i32; 2],
    pub padding: i8,
}

/// A window in the graph's terms.
pub(super) struct Placed {
    pub stride: [usize; 2],
    pub dilation: [usize; 2],
    pub pads: Pads,
}

impl Window {
    /// Padding for the sizes of input and output, which must be what the padding scheme gives.
    pub fn place(&self, cx: &Lowering, op: &Operator, x: [usize; 2], y: [usize; 2]) -> Result<Placed, LowerError> {
        let positive = |values: [i32; 2], what: &str| -> Result<[usize; 2], LowerError> {
            match values.map(|v| usize::try_from(v).ok().filter(|v| (1..1 << 20).contains(v))) {
                [Some(a), Some(b)] => Ok([a, b]),
                _ => Err(cx.wrong(op, format!("has the {what} {values:?}"))),
            }
        };
        let stride = positive(self.stride, "stride")?;
        let dilation = positive(self.dilation, "dilation")?;
        let mut pads = [[0; 2]; 2];
        for axis in 0..2 {
            let (kernel, stride, dilation) = (self.kernel[axis], stride[axis], dilation[axis]);
            let reach = kernel.saturating_sub(1).saturating_mul(dilation).saturating_add(1);
            let expected = match self.padding {
                0 => x[axis].div_ceil(stride),
                1 => (x[axis] + stride).saturating_sub(reach) / stride,
                other => return Err(cx.wrong(op, format!("has the padding {other}"))),
            };
            if kernel == 0 || expected != y[axis] || expected == 0 {
                let reason = format!("makes {expected} positions along axis {}, its output has {}", axis + 1, y[axis]);
                return Err(cx.wrong(op, reason));
            }
            if self.padding == 0 {
                let total = ((y[axis] - 1) * stride + reach).saturating_sub(x[axis]);
                pads[axis] = [total / 2, total - total / 2];
            }
        }
        let [[top, bottom], [left, right]] = pads;
        Ok(Placed { stride, dilation, pads: Pads { top, left, bottom, right } })
    }
}

/// The sizes of a feature map `[1, h, w, c]`.
pub(super) fn hwc(cx: &Lowering, op: &Operator, tensor: usize) -> Result<[usize; 3], LowerError> {
    match cx.tensor(tensor)?.shape.as_slice() {
        &[1, h, w, c] if h > 0 && w > 0 && c > 0 => Ok([h, w, c]),
        &[n, _, _, _] if n > 1 => unsupported(format!("a batch of {n}"), "convert the network with batch 1"),
        other => Err(cx.wrong(op, format!("needs a feature map [1, h, w, c], got {other:?}"))),
    }
}

/// An axis that may count from the end.
pub(super) fn axis(cx: &Lowering, op: &Operator, axis: i64, rank: usize) -> Result<usize, LowerError> {
    let rank_i = rank as i64;
    let counted = if axis < 0 { axis.saturating_add(rank_i) } else { axis };
    match usize::try_from(counted).ok().filter(|&a| a < rank) {
        Some(axis) => Ok(axis),
        None => Err(cx.wrong(op, format!("names axis {axis} of a tensor with {rank} axes"))),
    }
}
