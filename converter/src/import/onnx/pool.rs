//! MaxPool, AveragePool and their global forms.

use super::error::{LowerError, unsupported};
use super::lowering::{Lowered, Lowering};
use super::node::Node;
use super::window::{Spatial, Window, kernel_shape, window};
use crate::ir::{Op, Pads};

fn read<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Result<(Spatial, Window), LowerError> {
    let Some(kernel) = kernel_shape(node)? else {
        return Err(node.bad_attribute("kernel_shape", "is missing").into());
    };
    let x = Spatial::enter(cx, node)?;
    let window = window(node, &x, &kernel, node.int_or("ceil_mode", 0)? != 0)?;
    let reach = |axis: usize| (window.kernel[axis] - 1) * window.dilation[axis];
    let Pads { top, left, bottom, right } = window.pads;
    if top.max(bottom) > reach(0) || left.max(right) > reach(1) {
        return unsupported(
            format!("padding {:?} reaches beyond the kernel {:?}", window.pads, window.kernel),
            "a window of padding only has no maximum and no average: use less padding",
        );
    }
    Ok((x, window))
}

/// `MaxPool`; `storage_order` only concerns the indices, which are not supported.
pub(super) fn max_pool<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    if !node.output(1).is_empty() {
        return unsupported(
            "its second result (indices) is used",
            "use MaxPool without indices (`return_indices=False`)",
        );
    }
    let (x, Window { kernel, stride, dilation, pads, output: [h, w] }) = read(cx, node)?;
    let op = Op::MaxPool2d { kernel, stride, dilation, pads };
    Ok(vec![x.leave(cx, node, op, vec![x.x], [h, w, x.c])?])
}

/// `AveragePool`.
pub(super) fn average_pool<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let count_include_pad = node.int_or("count_include_pad", 0)? != 0;
    let (x, Window { kernel, stride, dilation, pads, output: [h, w] }) = read(cx, node)?;
    let op = Op::AveragePool2d { kernel, stride, dilation, pads, count_include_pad };
    Ok(vec![x.leave(cx, node, op, vec![x.x], [h, w, x.c])?])
}

/// `GlobalAveragePool`: the mean over rows and columns.
pub(super) fn global_average_pool<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let x = Spatial::enter(cx, node)?;
    let op = Op::Mean { axes: vec![1, 2], keep_dims: true };
    Ok(vec![x.leave(cx, node, op, vec![x.x], [1, 1, x.c])?])
}

/// `GlobalMaxPool`: one window over everything.
pub(super) fn global_max_pool<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let x = Spatial::enter(cx, node)?;
    let op = Op::MaxPool2d { kernel: [x.h, x.w], stride: [1, 1], dilation: [1, 1], pads: Pads::default() };
    Ok(vec![x.leave(cx, node, op, vec![x.x], [1, 1, x.c])?])
}
