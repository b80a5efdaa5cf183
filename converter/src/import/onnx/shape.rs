//! Operators that move elements without changing them. Each works on constants as well as on computed values, so
//! that the shape arithmetic which exporters leave behind folds away.

use std::rc::Rc;

use super::array::Array;
use super::error::{LowerError, unsupported};
use super::lowering::{Item, Lowered, Lowering, permuted};
use super::node::Node;
use crate::ir::Op;

/// Shape of operand 0, whatever it is.
pub(super) fn operand_shape<'a>(cx: &Lowering<'a>, node: &Node<'a>) -> Result<Vec<usize>, LowerError> {
    match cx.required(node, 0)? {
        Item::Const(array) => Ok(array.shape.clone()),
        Item::Value { id, .. } | Item::Quantized { id, .. } => Ok(cx.shape(id)),
        Item::Unknown => unsupported("an operand has no known shape", "resolve the nodes before it first"),
    }
}

/// Result 0 with the elements of operand 0 in `shape`.
fn reshaped<'a>(cx: &mut Lowering<'a>, node: &Node<'a>, shape: Vec<usize>) -> Lowered {
    match cx.required(node, 0)? {
        Item::Const(array) if array.shape == shape => Ok(vec![Item::Const(array)]),
        Item::Const(array) => Ok(vec![Item::constant(array.reshaped(shape))]),
        _ => {
            let (x, float) = cx.any_value(node, 0)?;
            if cx.shape(x) == shape {
                return Ok(vec![Item::Value { id: x, float }]);
            }
            moved(cx, node, Op::Reshape, shape)
        }
    }
}

/// Result 0 as `op` on the computed operand 0.
fn moved<'a>(cx: &mut Lowering<'a>, node: &Node<'a>, op: Op, shape: Vec<usize>) -> Lowered {
    let (x, float) = cx.any_value(node, 0)?;
    let id = cx.emit_result(node, 0, op, vec![x], shape)?;
    Ok(vec![Item::Value { id, float }])
}

/// `Reshape`, with 0 (copy, unless `allowzero`) and -1 (what remains).
pub(super) fn reshape<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let shape = operand_shape(cx, node)?;
    let target = cx.ints(node, 1, "target shape")?;
    let allow_zero = node.int_or("allowzero", 0)? != 0;
    let mismatch =
        || node.shape_error(format!("a target shape with the {} elements of {shape:?}", elements(&shape)), &target);
    let mut sizes = Vec::with_capacity(target.len());
    let mut open = None;
    for (axis, &size) in target.iter().enumerate() {
        sizes.push(match size {
            -1 if open.is_none() => {
                open = Some(axis);
                1
            }
            0 if !allow_zero => *shape.get(axis).ok_or_else(mismatch)?,
            _ => usize::try_from(size).map_err(|_| mismatch())?,
        });
    }
    let known = sizes.iter().try_fold(1usize, |product, &d| product.checked_mul(d)).ok_or_else(mismatch)?;
    if let Some(axis) = open {
        if known == 0 || !elements(&shape).is_multiple_of(known) {
            return Err(mismatch().into());
        }
        sizes[axis] = elements(&shape) / known;
    } else if known != elements(&shape) {
        return Err(mismatch().into());
    }
    reshaped(cx, node, sizes)
}

/// `Flatten` to a matrix at `axis`.
pub(super) fn flatten<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let shape = operand_shape(cx, node)?;
    let stated = node.int_or("axis", 1)?;
    let axis = if stated == shape.len() as i64 { shape.len() } else { node.axis(stated, shape.len())? };
    let (rows, columns) = shape.split_at(axis);
    let sizes = vec![elements(rows), elements(columns)];
    reshaped(cx, node, sizes)
}

/// `Squeeze`: axes are an attribute before opset 13, an operand since.
pub(super) fn squeeze<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let shape = operand_shape(cx, node)?;
    let axes = match stated_axes(cx, node)? {
        Some(axes) => node.axes(&axes, shape.len())?,
        None => (0..shape.len()).filter(|&a| shape[a] == 1).collect(),
    };
    if axes.iter().any(|&a| shape[a] != 1) {
        return Err(node.shape_error(format!("size 1 on axes {axes:?}"), &shape).into());
    }
    let sizes = (0..shape.len()).filter(|a| !axes.contains(a)).map(|a| shape[a]).collect();
    reshaped(cx, node, sizes)
}

/// `Unsqueeze`: axes count in the result.
pub(super) fn unsqueeze<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let shape = operand_shape(cx, node)?;
    let Some(axes) = stated_axes(cx, node)? else { return Err(node.bad_attribute("axes", "are missing").into()) };
    let rank = shape.len() + axes.len();
    let axes = node.axes(&axes, rank)?;
    let mut rest = shape.iter().copied();
    let sizes = (0..rank).map(|a| if axes.contains(&a) { 1 } else { rest.next().unwrap_or(1) }).collect();
    reshaped(cx, node, sizes)
}

fn stated_axes<'a>(cx: &Lowering<'a>, node: &Node<'a>) -> Result<Option<Vec<i64>>, LowerError> {
    match node.ints("axes")? {
        Some(axes) => Ok(Some(axes.to_vec())),
        None if cx.item(node, 1).is_some() => cx.ints(node, 1, "axes").map(Some),
        None => Ok(None),
    }
}

/// `Transpose`; without `perm` the axes turn around.
pub(super) fn transpose<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let shape = operand_shape(cx, node)?;
    let perm: Vec<usize> = match node.ints("perm")? {
        Some(perm) => perm.iter().map(|&p| usize::try_from(p).unwrap_or(usize::MAX)).collect(),
        None => (0..shape.len()).rev().collect(),
    };
    let mut sorted = perm.clone();
    sorted.sort_unstable();
    if sorted != (0..shape.len()).collect::<Vec<_>>() {
        return Err(node
            .bad_attribute("perm", format!("is {perm:?}, not a permutation of {} axes", shape.len()))
            .into());
    }
    match cx.required(node, 0)? {
        Item::Const(array) => Ok(vec![Item::constant(array.transposed(&perm))]),
        other if perm == sorted => Ok(vec![other]),
        _ => {
            let sizes = permuted(&shape, &perm);
            moved(cx, node, Op::Transpose { perm }, sizes)
        }
    }
}

/// `Concat` along an axis; operands without elements do not count.
pub(super) fn concat<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let Some(axis) = node.int("axis")? else { return Err(node.bad_attribute("axis", "is missing").into()) };
    let mut constants = Vec::new();
    let mut kept = Vec::new();
    for index in 0..node.proto.input.len() {
        match cx.required(node, index)? {
            Item::Const(array) => {
                if array.len() > 0 {
                    kept.push(index);
                }
                constants.push(array);
            }
            _ => kept.push(index),
        }
    }
    if constants.len() == node.proto.input.len() && !constants.is_empty() {
        return Ok(vec![Item::constant(joined(cx, node, axis, &constants)?)]);
    }
    let mut inputs = Vec::with_capacity(kept.len());
    for index in kept {
        inputs.push(cx.value(node, index)?);
    }
    let shapes: Vec<Vec<usize>> = inputs.iter().map(|&id| cx.shape(id)).collect();
    let (axis, sizes) = joined_shape(node, axis, &shapes)?;
    if let &[only] = inputs.as_slice() {
        return Ok(vec![Item::float(only)]);
    }
    Ok(vec![cx.emit(node, Op::Concat { axis }, inputs, sizes)?])
}

fn joined_shape(node: &Node<'_>, axis: i64, shapes: &[Vec<usize>]) -> Result<(usize, Vec<usize>), LowerError> {
    let Some(first) = shapes.first() else { return Err(node.shape_error("operands with elements", "none").into()) };
    let axis = node.axis(axis, first.len())?;
    let fits = |s: &Vec<usize>| s.len() == first.len() && (0..s.len()).all(|a| a == axis || s[a] == first[a]);
    if !shapes.iter().all(fits) {
        return Err(node.shape_error(format!("shapes that differ on axis {axis} only"), shapes).into());
    }
    let mut sizes = first.clone();
    sizes[axis] = shapes.iter().map(|s| s[axis]).sum();
    Ok((axis, sizes))
}

fn joined<'a>(cx: &mut Lowering<'a>, node: &Node<'a>, axis: i64, parts: &[Rc<Array>]) -> Result<Array, LowerError> {
    let floats = parts.iter().any(|p| p.is_float());
    if floats != parts.iter().all(|p| p.is_float()) {
        return Err(node.shape_error("operands of one element type", "floats and integers").into());
    }
    let shapes: Vec<Vec<usize>> = parts.iter().map(|p| p.shape.clone()).collect();
    let (axis, sizes) = joined_shape(node, axis, &shapes)?;
    cx.charge(node, &sizes.iter().map(|&d| d as i64).collect::<Vec<_>>())?;
    let inner: usize = sizes[axis + 1..].iter().product();
    let outer: usize = sizes[..axis].iter().product();
    fn gather<T: Copy>(outer: usize, runs: &[(usize, &[T])]) -> Vec<T> {
        let row = |o: usize| runs.iter().flat_map(move |&(run, data)| data.iter().skip(o * run).take(run).copied());
        (0..outer).flat_map(row).collect()
    }
    let data = if floats {
        let runs: Vec<_> = parts.iter().filter_map(|p| Some((p.shape[axis] * inner, p.as_floats()?))).collect();
        super::array::Data::Float(gather(outer, &runs))
    } else {
        let runs: Vec<_> = parts.iter().filter_map(|p| Some((p.shape[axis] * inner, p.as_ints()?))).collect();
        super::array::Data::Int(gather(outer, &runs))
    };
    Ok(Array { shape: sizes, data })
}

/// `Expand`; on computed values only where it changes nothing but leading axes of size 1.
pub(super) fn expand<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let shape = operand_shape(cx, node)?;
    let target = cx.ints(node, 1, "target shape")?;
    let target = cx.charge(node, &target)?;
    let Some(sizes) = super::array::broadcast_shape(&shape, &target) else {
        return Err(node.shape_error(format!("a target that {shape:?} broadcasts to"), &target).into());
    };
    let checked: Vec<i64> = sizes.iter().map(|&d| d as i64).collect();
    cx.charge(node, &checked)?;
    if let Item::Const(array) = cx.required(node, 0)? {
        return Ok(vec![Item::constant(array.broadcast(&sizes))]);
    }
    if elements(&sizes) == elements(&shape) {
        return reshaped(cx, node, sizes);
    }
    unsupported(
        format!("repeats a computed value, {shape:?} to {sizes:?}"),
        "leave the broadcasting to the operator that reads it (Add and Mul broadcast)",
    )
}

/// `DepthToSpace`, by splitting and permuting axes.
pub(super) fn depth_to_space<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let x = cx.value(node, 0)?;
    let shape = cx.shape(x);
    let block = usize::try_from(node.int_or("blocksize", 0)?).unwrap_or(0);
    let square = block.checked_mul(block).filter(|&s| s > 0);
    let (&[n, c, h, w], Some(square)) = (shape.as_slice(), square) else {
        return Err(node.shape_error("[batch, channels, height, width] and a positive blocksize", &shape).into());
    };
    if c % square != 0 || n != 1 {
        return Err(node.shape_error(format!("batch 1 and channels that {square} divides"), &shape).into());
    }
    let depth = c / square;
    let (split, perm) = match node.string_or("mode", "DCR")? {
        "CRD" => (vec![depth, block, block, h, w], [0, 3, 1, 4, 2]),
        _ => (vec![block, block, depth, h, w], [2, 3, 0, 4, 1]),
    };
    let split = cx.reshape_step(node, "split", x, split)?;
    let moved = cx.transpose_step(node, "moved", split, &perm)?;
    Ok(vec![cx.emit(node, Op::Reshape, vec![moved], vec![n, depth, h * block, w * block])?])
}

/// `SpaceToDepth`, by splitting and permuting axes.
pub(super) fn space_to_depth<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let x = cx.value(node, 0)?;
    let shape = cx.shape(x);
    let block = usize::try_from(node.int_or("blocksize", 0)?).unwrap_or(0);
    let &[1, c, h, w] = shape.as_slice() else {
        return Err(node.shape_error("[1, channels, height, width]", &shape).into());
    };
    if block == 0 || h % block != 0 || w % block != 0 {
        return Err(node.shape_error(format!("a height and width that blocksize {block} divides"), &shape).into());
    }
    let split = cx.reshape_step(node, "split", x, vec![c, h / block, block, w / block, block])?;
    let moved = cx.transpose_step(node, "moved", split, &[2, 4, 0, 1, 3])?;
    Ok(vec![cx.emit(node, Op::Reshape, vec![moved], vec![1, c * block * block, h / block, w / block])?])
}

pub(super) fn elements(shape: &[usize]) -> usize {
    shape.iter().product()
}
