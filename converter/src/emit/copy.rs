//! Moving data: concatenation, slicing, padding, transposing. Nothing is written where the planner has placed the
//! result so that the data is already there.

use super::EmitError;
use super::context::NodeContext;
use super::fixed_point::{stored, stored16};
use crate::ir::{DType, ValueId};
use crate::plan::{part_offsets, view_offset};
use mote_runtime::format::Instruction;
use mote_runtime::format::MAX_RANK;
use mote_runtime::format::instruction::{Operand, Pad, StridedCopy, Transpose};

/// More instructions than this for one node are not worth their flash.
const MOST_COPIES: usize = 256;

/// The planner has placed the output where it is a view of operand 0.
fn is_placed(n: &NodeContext) -> Result<bool, EmitError> {
    let Some(start) = view_offset(n.graph(), n.node) else { return Ok(false) };
    Ok(n.offset(n.input(0)?)? + n.size(start)? == n.offset(n.node.output)?)
}

fn element_bytes(n: &NodeContext) -> Result<usize, EmitError> {
    Ok(n.x_dtype()?.bytes() as usize)
}

/// All of operand 0, in order: reshapes that could not share memory, and constants.
pub fn emit_whole(n: &mut NodeContext) -> Result<(), EmitError> {
    if is_placed(n)? {
        return Ok(());
    }
    let x_id = n.input(0)?;
    let bytes = n.size(n.value(x_id).elements() * element_bytes(n)?)?;
    let (x, y) = (n.operand(x_id)?, n.offset(n.node.output)?);
    n.push(Instruction::StridedCopy(StridedCopy { x, y, rows: 1, row_bytes: bytes, x_stride: bytes, y_stride: bytes }));
    Ok(())
}

pub fn emit_concat(n: &mut NodeContext, axis: usize) -> Result<(), EmitError> {
    let y_shape = &n.output().shape;
    let element = n.output().dtype.bytes() as usize;
    let run = |shape: &[usize]| element * shape.iter().skip(axis).product::<usize>();
    let rows = n.size(y_shape.iter().take(axis).product())?;
    let y_stride = n.size(run(y_shape))?;
    let y = n.offset(n.node.output)?;
    let contiguous = part_offsets(n.graph(), n.node).is_some();
    let mut start = 0;
    for index in 0..n.node.inputs.len() {
        let part = n.input(index)?;
        if n.graph().constant(part).is_none() {
            shares_quantization(n, part)?;
        }
        let row_bytes = n.size(run(&n.value(part).shape))?;
        let (x, to) = (n.operand(part)?, y + start);
        if !(contiguous && x == Operand::Arena(to)) {
            n.push(Instruction::StridedCopy(StridedCopy { x, y: to, rows, row_bytes, x_stride: row_bytes, y_stride }));
        }
        start += row_bytes;
    }
    Ok(())
}

/// Copies keep stored integers, so both sides must mean the same by them.
fn shares_quantization(n: &NodeContext, x: ValueId) -> Result<(), EmitError> {
    if n.output().dtype == DType::F32 || n.affine(x)? == n.affine(n.node.output)? {
        return Ok(());
    }
    Err(n.error(format!("`{}` and the output must share their scale", n.value(x).name)))
}

pub fn emit_slice(n: &mut NodeContext, start: &[usize], step: &[usize]) -> Result<(), EmitError> {
    let x_id = n.input(0)?;
    shares_quantization(n, x_id)?;
    if is_placed(n)? {
        return Ok(());
    }
    let element = element_bytes(n)?;
    let copies = strided_copies(&n.value(x_id).shape, start, step, &n.output().shape, element);
    if copies.len() > MOST_COPIES {
        return Err(n.error(format!(
            "slicing {:?} to {:?} needs {} copies: slice fewer axes at once",
            n.value(x_id).shape,
            n.output().shape,
            copies.len()
        )));
    }
    let (x, y) = (n.offset(x_id)?, n.offset(n.node.output)?);
    for copy in copies {
        let (x, y) = (Operand::Arena(x + n.size(copy.x)?), y + n.size(copy.y)?);
        let (rows, row_bytes) = (n.size(copy.rows)?, n.size(copy.row_bytes)?);
        let (x_stride, y_stride) = (n.size(copy.x_stride)?, n.size(copy.y_stride)?);
        n.push(Instruction::StridedCopy(StridedCopy { x, y, rows, row_bytes, x_stride, y_stride }));
    }
    Ok(())
}

/// One instruction's share of a slice, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Copy {
    x: usize,
    y: usize,
    rows: usize,
    row_bytes: usize,
    x_stride: usize,
    y_stride: usize,
}

/// An axis of the result: how many elements, and how far apart in `x` and `y`.
#[derive(Clone, Copy, Debug)]
struct Axis {
    count: usize,
    x_stride: usize,
    y_stride: usize,
}

fn strided_copies(x: &[usize], start: &[usize], step: &[usize], y: &[usize], element: usize) -> Vec<Copy> {
    let (mut x_stride, mut y_stride, mut first) = (element, element, 0);
    let mut axes: Vec<Axis> = Vec::new(); // innermost first
    for i in (0..x.len()).rev() {
        first += start[i] * x_stride;
        let axis = Axis { count: y[i], x_stride: x_stride * step[i], y_stride };
        match axes.last_mut() {
            _ if axis.count == 1 => {}
            // The next element of this axis is where the inner axis would go on.
            Some(inner) if axis.x_stride == inner.x_stride * inner.count => inner.count *= axis.count,
            _ => axes.push(axis),
        }
        x_stride *= x[i];
        y_stride *= y[i];
    }
    let row_bytes = match axes.first() {
        Some(axis) if axis.x_stride == element => axes.remove(0).count * element,
        _ => element,
    };
    // The longest remaining axis becomes the rows, the others one instruction each step.
    let longest = (0..axes.len()).max_by_key(|&i| axes[i].count);
    let rows = longest.map_or(Axis { count: 1, x_stride: row_bytes, y_stride: row_bytes }, |i| axes.remove(i));
    let mut copies =
        vec![Copy { x: first, y: 0, rows: rows.count, row_bytes, x_stride: rows.x_stride, y_stride: rows.y_stride }];
    for axis in axes {
        let repeat = |copy: &Copy| {
            let copy = *copy;
            (0..axis.count).map(move |i| Copy { x: copy.x + i * axis.x_stride, y: copy.y + i * axis.y_stride, ..copy })
        };
        copies = copies.iter().flat_map(repeat).collect();
    }
    copies
}

pub fn emit_pad(n: &mut NodeContext, before: &[usize], after: &[usize], value: f32) -> Result<(), EmitError> {
    let x_id = n.input(0)?;
    shares_quantization(n, x_id)?;
    if is_placed(n)? {
        return Ok(());
    }
    let shape = &n.value(x_id).shape;
    let axes = merge_pad_axes(shape, before, after);
    if axes.len() > 4 {
        return Err(n.error(format!("pads more than four axes of {shape:?}: pad in several steps")));
    }
    let mut pad = Pad {
        x: n.offset(x_id)?,
        y: n.offset(n.node.output)?,
        element_bytes: element_bytes(n)? as u8,
        x_shape: [1; 4],
        before: [0; 4],
        after: [0; 4],
        value: match n.x_dtype()? {
            DType::I8 => {
                let q = n.affine(x_id)?;
                u32::from(stored(value, q.scale, q.zero_point) as u8)
            }
            DType::I16 => u32::from(stored16(value, n.affine(x_id)?.scale) as u16),
            DType::F32 => value.to_bits(),
            other => return n.unsupported_dtype(other),
        },
    };
    for (i, (size, front, back)) in axes.iter().rev().enumerate() {
        pad.x_shape[3 - i] = n.size(*size)?;
        pad.before[3 - i] = n.size(*front)?;
        pad.after[3 - i] = n.size(*back)?;
    }
    n.push(Instruction::Pad(pad));
    Ok(())
}

/// Size, before, after; an axis without padding joins the axis outside of it, whose padding grows by its size.
fn merge_pad_axes(shape: &[usize], before: &[usize], after: &[usize]) -> Vec<(usize, usize, usize)> {
    let mut merged: Vec<(usize, usize, usize)> = Vec::new();
    for ((&size, &front), &back) in shape.iter().zip(before).zip(after) {
        match merged.last_mut() {
            Some(outer) if front == 0 && back == 0 => *outer = (outer.0 * size, outer.1 * size, outer.2 * size),
            _ => merged.push((size, front, back)),
        }
    }
    merged
}

pub fn emit_transpose(n: &mut NodeContext, perm: &[usize]) -> Result<(), EmitError> {
    let x_id = n.input(0)?;
    shares_quantization(n, x_id)?;
    if is_placed(n)? {
        return Ok(());
    }
    let shape = &n.value(x_id).shape;
    let (sizes, order) = merge_transpose_axes(shape, perm);
    let Some(unused) = MAX_RANK.checked_sub(sizes.len()) else {
        return Err(n.error(format!("permutes more than {MAX_RANK} axes of {shape:?}: transpose in several steps")));
    };
    let mut x_shape = [1; MAX_RANK];
    let mut axes: [u8; MAX_RANK] = std::array::from_fn(|axis| axis as u8);
    for (i, (&size, &axis)) in sizes.iter().zip(&order).enumerate() {
        x_shape[unused + i] = n.size(size)?;
        axes[unused + i] = (unused + axis) as u8;
    }
    let (x, y, element_bytes) = (n.offset(x_id)?, n.offset(n.node.output)?, element_bytes(n)? as u8);
    n.push(Instruction::Transpose(Transpose { x, y, element_bytes, x_shape, axes }));
    Ok(())
}

/// Drops axes of size 1 and merges axes that stay neighbours: the sizes that remain, and their permutation.
fn merge_transpose_axes(shape: &[usize], perm: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let moved: Vec<usize> = perm.iter().copied().filter(|&axis| shape[axis] != 1).collect();
    let mut kept: Vec<usize> = moved.clone();
    kept.sort_unstable();
    let rank_of = |axis: usize| kept.iter().position(|&k| k == axis).unwrap_or(0);
    // Runs of axes that follow each other on both sides, in the order of the result.
    let mut runs: Vec<(usize, usize)> = Vec::new(); // first axis (rank), size
    let mut previous = None;
    for &axis in &moved {
        let rank = rank_of(axis);
        match runs.last_mut() {
            Some(run) if previous == rank.checked_sub(1) && previous.is_some() => run.1 *= shape[axis],
            _ => runs.push((rank, shape[axis])),
        }
        previous = Some(rank);
    }
    let mut by_source: Vec<usize> = (0..runs.len()).collect();
    by_source.sort_unstable_by_key(|&run| runs[run].0);
    let sizes = by_source.iter().map(|&run| runs[run].1).collect();
    let order = (0..runs.len()).map(|run| by_source.iter().position(|&r| r == run).unwrap_or(0)).collect();
    (sizes, order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::permute;

    fn slice(x: &[usize], start: &[usize], step: &[usize], y: &[usize]) -> (usize, Vec<usize>) {
        let copies = strided_copies(x, start, step, y, 1);
        let mut result = vec![usize::MAX; y.iter().product()];
        for c in &copies {
            for row in 0..c.rows {
                for i in 0..c.row_bytes {
                    result[c.y + row * c.y_stride + i] = c.x + row * c.x_stride + i;
                }
            }
        }
        (copies.len(), result)
    }

    fn naive(x: &[usize], start: &[usize], step: &[usize], y: &[usize]) -> Vec<usize> {
        let total: usize = y.iter().product();
        let at = |mut i: usize| {
            let (mut source, mut stride) = (0, 1);
            for axis in (0..x.len()).rev() {
                source += (start[axis] + i % y[axis] * step[axis]) * stride;
                i /= y[axis];
                stride *= x[axis];
            }
            source
        };
        (0..total).map(at).collect()
    }

    #[test]
    fn slices_take_the_right_elements_in_few_copies() {
        type Case = (&'static [usize], &'static [usize], &'static [usize], &'static [usize], usize);
        let cases: [Case; 6] = [
            (&[1, 4, 6, 8], &[0, 0, 0, 2], &[1, 1, 1, 1], &[1, 4, 6, 3], 1),
            (&[1, 4, 6, 8], &[0, 1, 2, 0], &[1, 1, 1, 1], &[1, 2, 3, 8], 1),
            (&[1, 4, 6, 8], &[0, 0, 0, 0], &[1, 2, 2, 1], &[1, 2, 3, 8], 2),
            (&[1, 4, 6, 8], &[0, 0, 1, 0], &[1, 1, 2, 4], &[1, 4, 3, 2], 2),
            (&[1, 4, 6, 8], &[0, 3, 5, 7], &[1, 1, 1, 1], &[1, 1, 1, 1], 1),
            (&[7], &[1], &[3], &[2], 1),
        ];
        for (x, start, step, y, copies) in cases {
            assert_eq!(slice(x, start, step, y), (copies, naive(x, start, step, y)), "{x:?} {start:?} {step:?}");
        }
    }

    #[test]
    fn unpadded_axes_join_their_outer_neighbour() {
        assert_eq!(merge_pad_axes(&[1, 5, 4, 3], &[0, 1, 2, 0], &[0, 1, 0, 0]), [(1, 0, 0), (5, 1, 1), (12, 6, 0)]);
        assert_eq!(merge_pad_axes(&[2, 3, 4, 5, 6, 7], &[0; 6], &[0, 0, 0, 1, 0, 0]).len(), 2);
    }

    #[test]
    fn merged_transposes_permute_alike() {
        let cases: [(&[usize], &[usize]); 5] = [
            (&[1, 3, 4, 5], &[0, 2, 3, 1]),
            (&[1, 4, 5, 3], &[0, 3, 1, 2]),
            (&[2, 1, 3, 1, 4, 1, 5, 6], &[2, 0, 4, 1, 3, 5, 7, 6]),
            (&[2, 3, 4], &[2, 1, 0]),
            (&[2, 3], &[0, 1]),
        ];
        for (shape, perm) in cases {
            let data: Vec<usize> = (0..shape.iter().product()).collect();
            let (sizes, order) = merge_transpose_axes(shape, perm);
            assert!(sizes.len() <= MAX_RANK, "{shape:?}");
            assert_eq!(permute(&data, shape, perm), permute(&data, &sizes, &order), "{shape:?} {perm:?}");
        }
    }
}
