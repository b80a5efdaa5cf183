//! Nodes that need not move data: their result is already in memory if it is placed right.

use crate::ir::{Graph, Node, Op};

/// Bytes from the start of `inputs[0]` to the start of the output, if the output is a contiguous part of it (or all).
pub fn view_offset(graph: &Graph, node: &Node) -> Option<usize> {
    let x = graph.value(*node.inputs.first()?);
    if x.constant.is_some() {
        return None;
    }
    match &node.op {
        Op::Reshape => Some(0),
        Op::Transpose { perm } => keeps_order(&x.shape, perm).then_some(0),
        Op::Pad { before, after, .. } => before.iter().chain(after).all(|&n| n == 0).then_some(0),
        Op::Concat { .. } => (node.inputs.len() == 1).then_some(0),
        Op::Slice { start, end, step } => {
            let first = contiguous(&x.shape, start, end, step)?;
            Some(first * x.dtype.bytes() as usize)
        }
        _ => None,
    }
}

/// Where each operand of a concatenation starts inside the result, in bytes, if each is contiguous there.
pub fn part_offsets(graph: &Graph, node: &Node) -> Option<Vec<usize>> {
    let Op::Concat { axis } = node.op else { return None };
    let y = graph.value(node.output);
    if y.shape.iter().take(axis).any(|&n| n != 1) {
        return None;
    }
    let ends = node.inputs.iter().scan(0, |end, &part| {
        let start = *end;
        *end += super::liveness::bytes(graph, part);
        Some(start)
    });
    Some(ends.collect())
}

/// True if the permutation moves only axes of size 1 past others.
fn keeps_order(shape: &[usize], perm: &[usize]) -> bool {
    let moved: Vec<usize> = perm.iter().copied().filter(|&axis| shape.get(axis).is_some_and(|&n| n != 1)).collect();
    moved.is_sorted()
}

/// First element of the slice, if its elements follow each other in `x`.
fn contiguous(shape: &[usize], start: &[usize], end: &[usize], step: &[usize]) -> Option<usize> {
    let mut first = 0;
    let mut whole_inside = true; // every axis further in is taken whole
    let mut stride = 1;
    for axis in (0..shape.len()).rev() {
        let (n, start, end, step) = (shape[axis], *start.get(axis)?, *end.get(axis)?, *step.get(axis)?);
        let taken = end.saturating_sub(start).div_ceil(step.max(1));
        if taken > 1 && (step != 1 || !whole_inside) {
            return None;
        }
        first += start * stride;
        stride *= n;
        whole_inside &= taken == n;
    }
    Some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slice_of_rows_is_contiguous() {
        assert_eq!(contiguous(&[1, 4, 3], &[0, 1, 0], &[1, 3, 3], &[1, 1, 1]), Some(3));
    }

    #[test]
    fn slice_of_channels_is_not() {
        assert_eq!(contiguous(&[1, 4, 3], &[0, 0, 1], &[1, 4, 3], &[1, 1, 1]), None);
    }

    #[test]
    fn slice_of_one_pixels_channels_is() {
        assert_eq!(contiguous(&[1, 4, 3], &[0, 2, 1], &[1, 3, 3], &[1, 1, 1]), Some(7));
    }

    #[test]
    fn stepped_slice_of_one_element_is() {
        assert_eq!(contiguous(&[4], &[2], &[3], &[2]), Some(2));
        assert_eq!(contiguous(&[4], &[0], &[4], &[2]), None);
    }

    #[test]
    fn moving_unit_axes_keeps_order() {
        assert!(keeps_order(&[1, 1, 28, 28], &[0, 2, 3, 1]));
        assert!(keeps_order(&[1, 64, 1, 1], &[0, 2, 3, 1]));
        assert!(!keeps_order(&[1, 3, 28, 28], &[0, 2, 3, 1]));
    }
}
