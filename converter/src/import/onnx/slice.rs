//! Operators that take or add parts along axes: Slice, Split, Gather and Pad.

use super::array::{Array, Data, strides};
use super::error::{LowerError, unsupported};
use super::lowering::{Item, Lowered, Lowering};
use super::node::Node;
use super::shape::operand_shape;
use crate::ir::{Op, ValueId};

/// `count` elements of an axis from `start`, `step` apart.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: usize,
    count: usize,
    step: i64,
}

/// `Slice`: bounds are attributes before opset 10, operands since.
pub(super) fn slice<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let shape = operand_shape(cx, node)?;
    let (starts, ends, axes, steps) = if node.opset < 10 {
        let bounds = |name| Ok::<_, LowerError>(node.ints(name)?.map(<[i64]>::to_vec).unwrap_or_default());
        (bounds("starts")?, bounds("ends")?, node.ints("axes")?.map(<[i64]>::to_vec), None)
    } else {
        let optional = |index, role| cx.item(node, index).map(|_| cx.ints(node, index, role)).transpose();
        (cx.ints(node, 1, "starts")?, cx.ints(node, 2, "ends")?, optional(3, "axes")?, optional(4, "steps")?)
    };
    let axes = axes.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = steps.unwrap_or_else(|| vec![1; starts.len()]);
    if ends.len() != starts.len() || axes.len() != starts.len() || steps.len() != starts.len() {
        let got = [starts.len(), ends.len(), axes.len(), steps.len()];
        return Err(node.shape_error("as many starts as ends, axes and steps", got).into());
    }
    node.axes(&axes, shape.len())?;
    let mut spans: Vec<Span> = shape.iter().map(|&count| Span { start: 0, count, step: 1 }).collect();
    for (((&start, &end), &axis), &step) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
        let axis = node.axis(axis, shape.len())?;
        spans[axis] = span(shape[axis], start, end, step)
            .ok_or_else(|| node.shape_error("steps other than 0", format!("step {step}")))?;
    }
    taken(cx, node, 0, &shape, &spans)
}

/// What a slice takes of an axis of `size` elements; `None` for step 0.
fn span(size: usize, start: i64, end: i64, step: i64) -> Option<Span> {
    let size = i64::try_from(size).ok()?;
    let from_end = |bound: i64| if bound < 0 { bound.saturating_add(size) } else { bound };
    let (start, end) = (from_end(start), from_end(end));
    let (start, distance) = match step {
        0 => return None,
        1.. => {
            let start = start.clamp(0, size);
            (start, end.clamp(0, size) - start)
        }
        _ => {
            let start = start.clamp(0, (size - 1).max(0));
            (start, start - end.clamp(-1, size - 1).min(start))
        }
    };
    let count = distance.max(0).unsigned_abs().div_ceil(step.unsigned_abs());
    let count = if size == 0 { 0 } else { usize::try_from(count).ok()? };
    Some(Span { start: usize::try_from(start).ok()?, count, step })
}

/// Result `index` of `node`: the spans of operand 0.
fn taken<'a>(cx: &mut Lowering<'a>, node: &Node<'a>, index: usize, shape: &[usize], spans: &[Span]) -> Lowered {
    let sizes: Vec<usize> = spans.iter().map(|s| s.count).collect();
    let whole = sizes == shape && spans.iter().all(|s| s.step > 0);
    match cx.required(node, 0)? {
        other if whole => Ok(vec![other]),
        Item::Const(array) => Ok(vec![Item::constant(pick_spans(&array, spans))]),
        _ => {
            let (x, float) = cx.any_value(node, 0)?;
            let op = slice_op(node, spans)?;
            let id = cx.emit_result(node, index, op, vec![x], sizes)?;
            Ok(vec![Item::Value { id, float }])
        }
    }
}

fn pick_spans(array: &Array, spans: &[Span]) -> Array {
    let strides = strides(&array.shape);
    let sizes = spans.iter().map(|s| s.count).collect();
    array.pick(sizes, |coords| {
        let position = |axis: usize| {
            let offset = (coords[axis] as u64).wrapping_mul(spans[axis].step.unsigned_abs()) as usize;
            if spans[axis].step < 0 { spans[axis].start - offset } else { spans[axis].start + offset }
        };
        (0..spans.len()).map(|axis| position(axis) * strides[axis]).sum()
    })
}

fn slice_op(node: &Node<'_>, spans: &[Span]) -> Result<Op, LowerError> {
    if spans.iter().any(|s| s.count == 0) {
        return Err(node.shape_error("a slice with at least one element", "none").into());
    }
    let mut steps = Vec::with_capacity(spans.len());
    for span in spans {
        steps.push(match span.step {
            1.. => usize::try_from(span.step).unwrap_or(usize::MAX).min(1 << 28),
            _ if span.count == 1 => 1,
            _ => return unsupported("steps backwards through a computed value", "reverse the data on the host"),
        });
    }
    let end = spans.iter().zip(&steps).map(|(s, step)| s.start + (s.count - 1) * step + 1).collect();
    Ok(Op::Slice { start: spans.iter().map(|s| s.start).collect(), end, step: steps })
}

/// `Split`: sizes are an attribute before opset 13, an operand since; otherwise parts are equal.
pub(super) fn split<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let shape = operand_shape(cx, node)?;
    let axis = node.axis(node.int_or("axis", 0)?, shape.len())?;
    let parts = node.proto.output.len();
    let sizes: Vec<usize> = match node.ints("split")? {
        Some(sizes) => positive(node, sizes)?,
        None if cx.item(node, 1).is_some() => positive(node, &cx.ints(node, 1, "sizes")?)?,
        None => {
            let part = shape[axis].div_ceil(parts.max(1));
            (0..parts).map(|i| part.min(shape[axis].saturating_sub(i * part))).collect()
        }
    };
    let total = sizes.iter().try_fold(0usize, |total, &s| total.checked_add(s));
    if total != Some(shape[axis]) || sizes.len() != parts {
        let expected = format!("{parts} parts that add up to {}", shape[axis]);
        return Err(node.shape_error(expected, sizes).into());
    }
    let mut results = Vec::with_capacity(parts);
    let mut start = 0;
    for (index, count) in sizes.into_iter().enumerate() {
        let mut spans: Vec<Span> = shape.iter().map(|&count| Span { start: 0, count, step: 1 }).collect();
        spans[axis] = Span { start, count, step: 1 };
        start += count;
        if node.output(index).is_empty() {
            results.push(Item::Unknown);
        } else {
            results.extend(taken(cx, node, index, &shape, &spans)?);
        }
    }
    Ok(results)
}

fn positive(node: &Node<'_>, sizes: &[i64]) -> Result<Vec<usize>, LowerError> {
    let sizes: Option<Vec<usize>> = sizes.iter().map(|&s| usize::try_from(s).ok()).collect();
    Ok(sizes.ok_or_else(|| node.bad_attribute("split", "has a negative size"))?)
}

/// `Gather` from a constant, or of neighbouring indices from a computed value (`x[:, -1]`).
pub(super) fn gather<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    if let (Item::Const(_), Item::Value { .. }) = (cx.required(node, 0)?, cx.required(node, 1)?) {
        return unsupported(
            "looks up rows of a constant table by computed indices (an embedding)",
            "do the lookup on the host and make its result the model's input",
        );
    }
    let shape = operand_shape(cx, node)?;
    let axis = node.axis(node.int_or("axis", 0)?, shape.len())?;
    let indices = cx.array(node, 1, "indices")?;
    let Some(stated) = indices.as_ints() else { return Err(node.shape_error("integer indices", "floats").into()) };
    let size = shape[axis] as i64;
    let position = |&i: &i64| usize::try_from(if i < 0 { i.saturating_add(size) } else { i }).ok();
    let positions: Option<Vec<usize>> = stated.iter().map(position).collect();
    let Some(positions) = positions.filter(|p| p.iter().all(|&i| i < shape[axis])) else {
        return Err(node.shape_error(format!("indices within {size} elements"), stated).into());
    };
    let mut sizes = shape[..axis].to_vec();
    sizes.extend_from_slice(&indices.shape);
    sizes.extend_from_slice(&shape[axis + 1..]);

    if let Item::Const(array) = cx.required(node, 0)? {
        let checked: Vec<i64> = sizes.iter().map(|&d| d as i64).collect();
        let sizes = cx.charge(node, &checked)?;
        let inner: usize = shape[axis + 1..].iter().product();
        let flat = vec![shape[..axis].iter().product(), positions.len(), inner];
        let picked = array.pick(flat, |c| (c[0] * shape[axis] + positions[c[1]]) * inner + c[2]);
        return Ok(vec![Item::constant(picked.reshaped(sizes))]);
    }
    let neighbours = positions.windows(2).all(|w| w[1] == w[0] + 1);
    let (Some(&first), true) = (positions.first(), neighbours) else {
        return unsupported("picks indices that are not neighbours", "use slices, or reorder the data on the host");
    };
    let mut spans: Vec<Span> = shape.iter().map(|&count| Span { start: 0, count, step: 1 }).collect();
    spans[axis] = Span { start: first, count: positions.len(), step: 1 };
    let (x, float) = cx.any_value(node, 0)?;
    let part: Vec<usize> = spans.iter().map(|s| s.count).collect();
    let op = slice_op(node, &spans)?;
    let id = if part == sizes {
        cx.emit_result(node, 0, op, vec![x], sizes)?
    } else {
        let value = format!("{}.slice", node.output(0));
        let part = cx.emit_named(node, &value, op, vec![x], part)?;
        cx.finish(node, "shaped", Op::Reshape, vec![part], sizes)?
    };
    Ok(vec![Item::Value { id, float }])
}

/// `Pad` with a constant; negative pads cut.
pub(super) fn pad<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let mode = node.string_or("mode", "constant")?;
    if mode != "constant" {
        return unsupported(
            format!("padding mode `{mode}` is not supported"),
            "use constant (zero) padding: `padding_mode='zeros'`",
        );
    }
    let x = cx.value(node, 0)?;
    let shape = cx.shape(x);
    let (pads, value) = if node.opset < 11 {
        (node.ints("pads")?.unwrap_or_default().to_vec(), node.float_or("value", 0.0)?)
    } else {
        let value = cx.optional_array(node, 2, "padding value")?;
        (cx.ints(node, 1, "pads")?, value.and_then(|v| v.to_floats().first().copied()).unwrap_or(0.0))
    };
    let axes = match cx.item(node, 3) {
        Some(_) => cx.ints(node, 3, "axes")?,
        None => (0..shape.len() as i64).collect(),
    };
    node.axes(&axes, shape.len())?;
    if pads.len() != 2 * axes.len() || pads.iter().any(|p| p.unsigned_abs() > 1 << 28) {
        return Err(node.shape_error(format!("2 pads for each of {} axes", axes.len()), pads).into());
    }
    let mut before = vec![0i64; shape.len()];
    let mut after = vec![0i64; shape.len()];
    for (&axis, (&first, &last)) in axes.iter().zip(pads.iter().zip(&pads[axes.len()..])) {
        let axis = node.axis(axis, shape.len())?;
        before[axis] = first;
        after[axis] = last;
    }
    let x = cut(cx, node, x, &before, &after)?;
    let grow = |pads: &[i64]| pads.iter().map(|&p| p.max(0) as usize).collect::<Vec<_>>();
    let (before, after) = (grow(&before), grow(&after));
    if before.iter().chain(&after).all(|&p| p == 0) {
        return Ok(vec![Item::float(x)]);
    }
    let sizes = cx.shape(x).iter().zip(before.iter().zip(&after)).map(|(d, (b, a))| d + b + a).collect();
    Ok(vec![cx.emit(node, Op::Pad { before, after, value }, vec![x], sizes)?])
}

/// Takes off what negative pads ask for.
fn cut<'a>(
    cx: &mut Lowering<'a>,
    node: &Node<'a>,
    x: ValueId,
    before: &[i64],
    after: &[i64],
) -> Result<ValueId, LowerError> {
    if before.iter().chain(after).all(|&p| p >= 0) {
        return Ok(x);
    }
    let shape = cx.shape(x);
    let mut spans = Vec::with_capacity(shape.len());
    for ((&size, &first), &last) in shape.iter().zip(before).zip(after) {
        let start = (-first).max(0) as usize;
        let count = size.saturating_sub(start).saturating_sub((-last).max(0) as usize);
        spans.push(Span { start, count, step: 1 });
    }
    let op = slice_op(node, &spans)?;
    cx.step(node, "cut", op, vec![x], spans.iter().map(|s| s.count).collect())
}

/// `Tile` of a constant.
pub(super) fn tile_array<'a>(cx: &mut Lowering<'a>, node: &Node<'a>, array: &Array) -> Result<Array, LowerError> {
    let repeats = cx.ints(node, 1, "repeats")?;
    if repeats.len() != array.shape.len() {
        return Err(node.shape_error(format!("{} repeats", array.shape.len()), repeats).into());
    }
    let sizes: Vec<i64> = array.shape.iter().zip(&repeats).map(|(&d, &r)| (d as i64).saturating_mul(r)).collect();
    let sizes = cx.charge(node, &sizes)?;
    let strides = strides(&array.shape);
    Ok(array.pick(sizes, |c| c.iter().zip(&array.shape).zip(&strides).map(|((&c, &d), &s)| c % d * s).sum()))
}

/// `NonZero` of a constant: coordinates of the elements that are not 0, one row an axis.
pub(super) fn non_zero(array: &Array) -> Array {
    let floats = array.to_floats();
    let hits: Vec<usize> = (0..floats.len()).filter(|&i| floats[i] != 0.0).collect();
    let rows = strides(&array.shape).into_iter().zip(&array.shape);
    let data = rows.flat_map(|(stride, &size)| hits.iter().map(move |&i| (i / stride % size) as i64)).collect();
    Array { shape: vec![array.shape.len(), hits.len()], data: Data::Int(data) }
}
