//! SLICE, STRIDED_SLICE, SPLIT and UNPACK.

use super::error::{LowerError, unsupported};
use super::file::Operator;
use super::lowering::Lowering;
use super::options::{axis, options};
use super::schema::tflite::BuiltinOptionsRef;
use crate::ir::{Op, ValueId};

/// A part of `x`, as result `y` of the operator, which may have dropped axes of size 1.
fn part(
    cx: &mut Lowering,
    op: &Operator,
    x: ValueId,
    (start, end, step): (Vec<usize>, Vec<usize>, Vec<usize>),
    y: usize,
) -> Result<(), LowerError> {
    let y_id = cx.declare(y)?;
    cx.same_scale(op, x, y_id)?;
    let taken: Vec<usize> =
        start.iter().zip(&end).zip(&step).map(|((s, e), by)| e.saturating_sub(*s).div_ceil((*by).max(1))).collect();
    let slice = Op::Slice { start, end, step };
    if taken == cx.graph.value(y_id).shape {
        cx.node(slice, vec![x], y_id);
        return Ok(());
    }
    let stored = cx.stored(cx.tensor(y)?)?;
    let name = format!("{}/before reshape", cx.graph.value(y_id).name);
    if crate::ir::checked_elements(&taken).is_none() {
        return Err(cx.wrong(op, format!("takes the empty part {taken:?}")));
    }
    let between = cx.intermediate(name, taken, stored);
    cx.same_elements(op, between, y_id)?;
    cx.node(slice, vec![x], between);
    cx.node(Op::Reshape, vec![between], y_id);
    Ok(())
}

pub(super) fn slice(cx: &mut Lowering<'_, '_>, op: &Operator<'_>) -> Result<(), LowerError> {
    let x = cx.value(cx.operand(op, 0)?)?;
    let (begin, size) = (cx.integers(cx.operand(op, 1)?)?, cx.integers(cx.operand(op, 2)?)?);
    let shape = cx.graph.value(x).shape.clone();
    if begin.len() != shape.len() || size.len() != shape.len() {
        return Err(cx.wrong(op, format!("slices {shape:?} from {begin:?} by {size:?}")));
    }
    let (mut start, mut end) = (Vec::new(), Vec::new());
    for ((&length, &b), &n) in shape.iter().zip(&begin).zip(&size) {
        let s = usize::try_from(b).ok().filter(|&s| s < length);
        let e = match (s, n) {
            (Some(_), -1) => Some(length),
            (Some(s), n) => usize::try_from(n).ok().and_then(|n| s.checked_add(n)).filter(|&e| e <= length && e > s),
            _ => None,
        };
        let (Some(s), Some(e)) = (s, e) else {
            return Err(cx.wrong(op, format!("slices {shape:?} from {begin:?} by {size:?}")));
        };
        start.push(s);
        end.push(e);
    }
    let step = vec![1; shape.len()];
    part(cx, op, x, (start, end, step), cx.result(op)?)
}

pub(super) fn strided_slice(cx: &mut Lowering<'_, '_>, op: &Operator<'_>) -> Result<(), LowerError> {
    let Some(BuiltinOptionsRef::StridedSliceOptions(o)) = options(op)? else {
        return Err(cx.wrong(op, "has no options"));
    };
    if o.ellipsis_mask()? != 0 || o.new_axis_mask()? != 0 {
        return unsupported("a slice with an ellipsis or a new axis", "write the axes out, reshape for new ones");
    }
    let x = cx.value(cx.operand(op, 0)?)?;
    let list = |cx: &Lowering, i| cx.operand(op, i).and_then(|t| cx.integers(t));
    let (begin, end, strides) = (list(cx, 1)?, list(cx, 2)?, list(cx, 3)?);
    let shape = cx.graph.value(x).shape.clone();
    let given = begin.len();
    if given > shape.len() || end.len() != given || strides.len() != given {
        return Err(cx.wrong(op, format!("slices {shape:?} from {begin:?} to {end:?} by {strides:?}")));
    }
    let masked = |mask: i32, axis: usize| mask & 1i32.checked_shl(axis as u32).unwrap_or(0) != 0;
    let (mut starts, mut ends, mut steps) = (Vec::new(), Vec::new(), Vec::new());
    for (axis, &length) in shape.iter().enumerate() {
        if axis >= given {
            starts.push(0);
            ends.push(length);
            steps.push(1);
            continue;
        }
        let n = length as i64;
        let Some(by) = usize::try_from(strides[axis]).ok().filter(|&by| by > 0) else {
            return unsupported(format!("a stride of {}", strides[axis]), "slice forwards");
        };
        let at = |i: i64| if i < 0 { i.saturating_add(n).max(0) } else { i.min(n) };
        let s = if masked(o.begin_mask()?, axis) { 0 } else { at(begin[axis]) };
        let e = if masked(o.shrink_axis_mask()?, axis) {
            s.saturating_add(1)
        } else if masked(o.end_mask()?, axis) {
            n
        } else {
            at(end[axis])
        };
        if s >= e || e > n {
            return Err(cx.wrong(op, format!("takes elements {s}..{e} of axis {axis} of {shape:?}")));
        }
        starts.push(s as usize);
        ends.push(e as usize);
        steps.push(by);
    }
    part(cx, op, x, (starts, ends, steps), cx.result(op)?)
}

pub(super) fn split(cx: &mut Lowering<'_, '_>, op: &Operator<'_>) -> Result<(), LowerError> {
    let at = cx.integers(cx.operand(op, 0)?)?.first().copied().unwrap_or(0);
    let x = cx.value(cx.operand(op, 1)?)?;
    parts(cx, op, x, at)
}

pub(super) fn unpack(cx: &mut Lowering<'_, '_>, op: &Operator<'_>) -> Result<(), LowerError> {
    let at = match options(op)? {
        Some(BuiltinOptionsRef::UnpackOptions(o)) => o.axis()?,
        _ => 0,
    };
    let x = cx.value(cx.operand(op, 0)?)?;
    parts(cx, op, x, at.into())
}

/// Equal parts along an axis.
fn parts(cx: &mut Lowering, op: &Operator, x: ValueId, at: i64) -> Result<(), LowerError> {
    let shape = cx.graph.value(x).shape.clone();
    let at = axis(cx, op, at, shape.len())?;
    let n = op.outputs.len();
    if n == 0 || !shape[at].is_multiple_of(n) {
        return Err(cx.wrong(op, format!("splits axis {at} of {shape:?} into {n} parts")));
    }
    let length = shape[at] / n;
    for (i, &y) in op.outputs.iter().enumerate() {
        let (mut start, mut end) = (vec![0; shape.len()], shape.clone());
        start[at] = i * length;
        end[at] = (i + 1) * length;
        part(cx, op, x, (start, end, vec![1; shape.len()]), y)?;
    }
    Ok(())
}
