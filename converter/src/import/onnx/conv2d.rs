//! Conv, 1-D and 2-D.

use super::error::unsupported;
use super::lowering::{Lowered, Lowering};
use super::node::Node;
use super::window::{Spatial, kernel_shape, window};
use crate::ir::{Activation, Op};

/// `Conv`: weights `[out, in / groups, kh, kw]` become `[out, kh, kw, in / groups]`.
pub(super) fn conv<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let weights = cx.floats(node, 1, "weights")?;
    let bias = if cx.item(node, 2).is_some() { Some(cx.floats(node, 2, "bias")?) } else { None };
    if weights.shape.len() == 5 {
        return unsupported("three spatial axes are not supported", "use 1-D or 2-D convolutions");
    }
    let x = Spatial::enter(cx, node)?;
    if weights.shape.len() != x.rank + 2 || weights.shape.contains(&0) {
        let expected = format!("weights [out, in / groups] and {} kernel axes", x.rank);
        return Err(node.shape_error(expected, &weights.shape).into());
    }
    let (out, per_group, kernel) = (weights.shape[0], weights.shape[1], weights.shape[2..].to_vec());
    if let Some(stated) = kernel_shape(node)?
        && stated != kernel
    {
        let reason = format!("is {stated:?}, the weights have a kernel of {kernel:?}");
        return Err(node.bad_attribute("kernel_shape", reason).into());
    }
    let groups = usize::try_from(node.int_or("group", 1)?).unwrap_or(0);
    if groups == 0 || groups.checked_mul(per_group) != Some(x.c) || out % groups != 0 {
        let expected = format!("{} input channels in {groups} groups, output channels a multiple of that", x.c);
        return Err(node.shape_error(expected, format!("weights {:?}", weights.shape)).into());
    }
    if let Some(bias) = &bias
        && bias.len() != out
    {
        return Err(node.shape_error(format!("a bias of {out} elements"), &bias.shape).into());
    }

    let window = window(node, &x, &kernel, false)?;
    let [kh, kw] = window.kernel;
    let ohwi = weights.reshaped(vec![out, per_group, kh, kw]).transposed(&[0, 2, 3, 1]);
    let mut inputs = vec![x.x, cx.add_weights(node, 1, 0, &ohwi)?];
    if let Some(bias) = bias {
        inputs.push(cx.add_floats(node.input(2).unwrap_or_default(), vec![out], bias.to_floats())?);
    }
    let op = Op::Conv2d {
        stride: window.stride,
        dilation: window.dilation,
        pads: window.pads,
        groups,
        activation: Activation::NONE,
    };
    let [h, w] = window.output;
    Ok(vec![x.leave(cx, node, op, inputs, [h, w, out])?])
}
