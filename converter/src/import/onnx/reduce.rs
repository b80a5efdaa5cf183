//! Reductions over axes.

use super::elementwise;
use super::error::LowerError;
use super::lowering::{Item, Lowered, Lowering, permuted};
use super::node::Node;
use crate::ir::{Activation, Op, Pads, Unary, ValueId};

/// Which axes to reduce, and whether they stay with size 1. `None` means that the operator does nothing.
pub(super) fn axes<'a>(
    cx: &Lowering<'a>,
    node: &Node<'a>,
    rank: usize,
) -> Result<Option<(Vec<usize>, bool)>, LowerError> {
    let keep_dims = node.int_or("keepdims", 1)? != 0;
    let stated = match node.ints("axes")? {
        Some(axes) => axes.to_vec(),
        None if cx.item(node, 1).is_some() => cx.ints(node, 1, "axes")?,
        None => Vec::new(),
    };
    if !stated.is_empty() {
        return Ok(Some((node.axes(&stated, rank)?, keep_dims)));
    }
    if node.int_or("noop_with_empty_axes", 0)? != 0 {
        return Ok(None);
    }
    Ok(Some(((0..rank).collect(), keep_dims)))
}

/// Sizes after a reduction.
pub(super) fn reduced(shape: &[usize], axes: &[usize], keep_dims: bool) -> Vec<usize> {
    let sizes = shape.iter().enumerate();
    sizes
        .filter_map(|(axis, &size)| match (axes.contains(&axis), keep_dims) {
            (false, _) => Some(size),
            (true, true) => Some(1),
            (true, false) => None,
        })
        .collect()
}

/// `ReduceMean`.
pub(super) fn reduce_mean<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let x = cx.value(node, 0)?;
    let shape = cx.shape(x);
    let Some((axes, keep_dims)) = axes(cx, node, shape.len())? else { return Ok(vec![Item::float(x)]) };
    if axes.is_empty() {
        return Ok(vec![Item::float(x)]);
    }
    let result = reduced(&shape, &axes, keep_dims);
    Ok(vec![cx.emit(node, Op::Mean { axes, keep_dims }, vec![x], result)?])
}

/// `ReduceSum`: the mean times the number of elements.
pub(super) fn reduce_sum<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let x = cx.value(node, 0)?;
    sum(cx, node, x)
}

/// `ReduceSumSquare`: the sum of `x * x`.
pub(super) fn reduce_sum_square<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let x = cx.value(node, 0)?;
    let shape = cx.shape(x);
    let square = cx.step(node, "square", Op::Mul { activation: Activation::NONE }, vec![x, x], shape)?;
    sum(cx, node, square)
}

fn sum<'a>(cx: &mut Lowering<'a>, node: &Node<'a>, x: ValueId) -> Lowered {
    let shape = cx.shape(x);
    let Some((axes, keep_dims)) = axes(cx, node, shape.len())? else { return Ok(vec![Item::float(x)]) };
    if axes.is_empty() {
        return Ok(vec![Item::float(x)]);
    }
    let count: usize = axes.iter().filter_map(|&a| shape.get(a)).product();
    let result = reduced(&shape, &axes, keep_dims);
    let mean = cx.step(node, "mean", Op::Mean { axes, keep_dims }, vec![x], result.clone())?;
    let count = cx.add_floats(&format!("{}.count", node.name()), Vec::new(), vec![count as f32])?;
    Ok(vec![cx.emit(node, Op::Mul { activation: Activation::NONE }, vec![mean, count], result)?])
}

/// `ReduceMax`, as a max pool over a column.
pub(super) fn reduce_max<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let x = cx.value(node, 0)?;
    let shape = cx.shape(x);
    let Some((axes, keep_dims)) = axes(cx, node, shape.len())? else { return Ok(vec![Item::float(x)]) };
    let pooled = max_over(cx, node, x, &axes)?;
    let result = reduced(&shape, &axes, keep_dims);
    Ok(vec![Item::float(cx.finish(node, "shaped", Op::Reshape, vec![pooled], result)?)])
}

/// `ReduceMin`: minus the maximum of `-x`.
pub(super) fn reduce_min<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let x = cx.value(node, 0)?;
    let shape = cx.shape(x);
    let Some((axes, keep_dims)) = axes(cx, node, shape.len())? else { return Ok(vec![Item::float(x)]) };
    let negated = cx.step(node, "negated", Op::Unary(Unary::Neg), vec![x], shape.clone())?;
    let pooled = max_over(cx, node, negated, &axes)?;
    let result = reduced(&shape, &axes, keep_dims);
    let shaped = cx.step(node, "shaped", Op::Reshape, vec![pooled], result.clone())?;
    Ok(vec![Item::float(cx.finish(node, "minimum", Op::Unary(Unary::Neg), vec![shaped], result)?)])
}

/// The maximum over `axes` as `[1, 1, 1, kept]`.
fn max_over<'a>(cx: &mut Lowering<'a>, node: &Node<'a>, x: ValueId, axes: &[usize]) -> Result<ValueId, LowerError> {
    let shape = cx.shape(x);
    let perm: Vec<usize> = axes.iter().copied().chain((0..shape.len()).filter(|a| !axes.contains(a))).collect();
    let sorted = perm.windows(2).all(|w| w[0] < w[1]);
    let moved = if sorted { x } else { cx.transpose_step(node, "moved", x, &perm)? };
    let sizes = permuted(&shape, &perm);
    let (reduced, kept) = sizes.split_at(axes.len());
    let (rows, channels) = (reduced.iter().product(), kept.iter().product());
    let column = cx.reshape_step(node, "column", moved, vec![1, rows, 1, channels])?;
    let op = Op::MaxPool2d { kernel: [rows, 1], stride: [1, 1], dilation: [1, 1], pads: Pads::default() };
    let value = format!("{}.maximum", node.output(0));
    cx.emit_named(node, &value, op, vec![column], vec![1, 1, 1, channels])
}

/// `ReduceL2`: the square root of the sum of squares.
pub(super) fn reduce_l2<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let x = cx.value(node, 0)?;
    let shape = cx.shape(x);
    let Some((axes, keep_dims)) = axes(cx, node, shape.len())? else {
        return Ok(vec![cx.emit(node, Op::Unary(Unary::Abs), vec![x], shape)?]);
    };
    let count: usize = axes.iter().filter_map(|&a| shape.get(a)).product();
    let result = reduced(&shape, &axes, keep_dims);
    let square = cx.step(node, "square", Op::Mul { activation: Activation::NONE }, vec![x, x], shape)?;
    let mean = cx.step(node, "mean", Op::Mean { axes, keep_dims }, vec![square], result.clone())?;
    let sum = elementwise::times(cx, node, "count", mean, count as f32)?;
    Ok(vec![cx.emit(node, Op::Unary(Unary::Sqrt), vec![sum], result)?])
}
