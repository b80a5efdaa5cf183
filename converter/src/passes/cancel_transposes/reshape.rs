//! Swapping a transpose with the reshape that reads it, or the one that it reads.

use crate::ir::{Graph, Node, Op, inverse};

use super::super::PassError;
use super::super::query::at_node;
use super::transpose_of;

/// If the node at `at` reshapes a transposed value in such a way that the same can be done before the transpose, does
/// it there. A unary function of a reshaped transpose moves in front of the reshape, out of the way of dense nodes.
pub(super) fn sink(graph: &mut Graph, at: usize) -> Result<bool, PassError> {
    let Node { name, op, inputs, output } = graph.nodes[at].clone();
    let Some(&x) = inputs.first() else { return Ok(false) };
    match op {
        Op::Unary(_) | Op::FakeQuantize { .. } => Ok(swap_unary(graph, at)),
        Op::Reshape => {
            let Some((source, perm)) = transpose_of(graph, x) else { return Ok(false) };
            let (from, to) = (&graph.value(x).shape, &graph.value(output).shape);
            let Some((shape, out_perm)) = commute(perm, from, to) else { return Ok(false) };
            if out_perm.is_sorted() {
                graph.nodes[at].inputs = vec![source];
                return Ok(true);
            }
            let reshaped = graph
                .insert_node(at, format!("{name}/reshape"), Op::Reshape, vec![source], Some(&shape))
                .map_err(at_node(&name))?;
            let node = &mut graph.nodes[at + 1];
            node.op = Op::Transpose { perm: out_perm };
            node.inputs = vec![reshaped];
            Ok(true)
        }
        _ => Ok(false),
    }
}

fn identity(rank: usize) -> Vec<usize> {
    (0..rank).collect()
}

/// `reshape(transpose(a, perm))` from shape `from` to shape `to` is `transpose(reshape(a, shape), out_perm)`: gives
/// `shape` and `out_perm` if such exist.
///
/// The reshape splits into blocks of axes, in order, that have equal products. Blocks may change places with each other,
/// but within a block the axes must be neighbours in `a`, in the same order. Axes of size 1 belong nowhere and go along.
fn commute(perm: &[usize], from: &[usize], to: &[usize]) -> Option<(Vec<usize>, Vec<usize>)> {
    let real = |shape: &[usize]| (0..shape.len()).filter(|&i| shape[i] != 1).collect::<Vec<_>>();
    let (from_axes, to_axes) = (real(from), real(to));
    // Where each real axis of the transposed value stands among the real axes of `a`.
    let mut order: Vec<usize> = from_axes.iter().map(|&i| perm[i]).collect();
    order.sort_unstable();
    let place = |axis: usize| order.binary_search(&perm[axis]).ok();

    // Per axis of `to`: the place of its block in `a`. Leading axes of size 1 stay in front.
    let mut keys: Vec<Option<usize>> = vec![None; to.len()];
    let (mut f, mut t) = (0, 0);
    while f < from_axes.len() {
        let (mut from_product, mut to_product) = (from[from_axes[f]], *to.get(*to_axes.get(t)?)?);
        let first = place(from_axes[f])?;
        let (mut f_end, mut t_end) = (f + 1, t + 1);
        while from_product != to_product {
            if from_product < to_product {
                let axis = *from_axes.get(f_end)?;
                if place(axis)? != first + (f_end - f) {
                    return None;
                }
                from_product *= from[axis];
                f_end += 1;
            } else {
                to_product *= to[*to_axes.get(t_end)?];
                t_end += 1;
            }
        }
        for &axis in &to_axes[t..t_end] {
            keys[axis] = Some(first);
        }
        (f, t) = (f_end, t_end);
    }
    let mut previous = None;
    for key in &mut keys {
        *key = key.or(previous);
        previous = *key;
    }
    // Stable, so that the axes of a block keep their order.
    let mut sorted = identity(to.len());
    sorted.sort_by_key(|&axis| keys[axis]);
    let shape = sorted.iter().map(|&axis| to[axis]).collect();
    Some((shape, inverse(&sorted)))
}

/// `transpose(reshape(transpose(a)))`, where the first transpose could not sink: if the last one can instead rise through
/// the reshape, the two meet above it.
pub(super) fn rise(graph: &mut Graph, at: usize) -> Result<bool, PassError> {
    let Node { name, op: Op::Transpose { perm }, inputs, .. } = &graph.nodes[at] else { return Ok(false) };
    let reshaped = inputs[0];
    let Some((_, Node { op: Op::Reshape, inputs: sources, .. })) = graph.producing_node(reshaped) else {
        return Ok(false);
    };
    let Some((source, first)) = transpose_of(graph, sources[0]).filter(|_| graph.has_one_use(reshaped)) else {
        return Ok(false);
    };
    // Seen from the result, this is a reshape of a transpose of it.
    let (from, to) = (&graph.value(reshaped).shape, &graph.value(sources[0]).shape);
    let Some((_, back)) = commute(&inverse(perm), from, to) else { return Ok(false) };
    let both = inverse(&back).iter().map(|&i| first[i]).collect();
    let name = name.clone();
    let op = Op::Transpose { perm: both };
    let moved = graph.insert_node(at, format!("{name}/transpose"), op, vec![source], None).map_err(at_node(&name))?;
    let node = &mut graph.nodes[at + 1];
    node.op = Op::Reshape;
    node.inputs = vec![moved];
    Ok(true)
}

/// `unary(reshape(t))` becomes `reshape(unary(t))` if `t` is a transpose and nothing else reads the reshape.
fn swap_unary(graph: &mut Graph, at: usize) -> bool {
    let Node { op, inputs, .. } = graph.nodes[at].clone();
    let reshaped = inputs[0];
    let Some((producer, Node { op: Op::Reshape, inputs: sources, .. })) = graph.producing_node(reshaped) else {
        return false;
    };
    let (producer, source) = (producer.0, sources[0]);
    if transpose_of(graph, source).is_none() || !graph.has_one_use(reshaped) {
        return false;
    }
    graph.values[reshaped.0].shape = graph.value(source).shape.clone();
    let name = std::mem::take(&mut graph.nodes[at].name);
    graph.nodes[at].name = std::mem::replace(&mut graph.nodes[producer].name, name);
    graph.nodes[producer].op = op;
    graph.nodes[at].op = Op::Reshape;
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropping_size_one_axes_commutes() {
        // [1, 5, 1, 3] seen as [1, 3, 5, 1], reshaped to [1, 3, 5].
        let (shape, perm) = commute(&[0, 3, 1, 2], &[1, 3, 5, 1], &[1, 3, 5]).unwrap();
        assert_eq!((shape, perm), (vec![1, 5, 3], vec![0, 2, 1]));
    }

    #[test]
    fn splitting_an_axis_commutes() {
        // Channel shuffle: [1, h, w, c] seen as [1, c, h, w], reshaped to [1, 2, c / 2, h, w].
        let (shape, perm) = commute(&[0, 3, 1, 2], &[1, 6, 4, 5], &[1, 2, 3, 4, 5]).unwrap();
        assert_eq!((shape, perm), (vec![1, 4, 5, 2, 3], vec![0, 3, 4, 1, 2]));
    }

    #[test]
    fn flattening_across_moved_axes_does_not_commute() {
        assert_eq!(commute(&[0, 3, 1, 2], &[1, 6, 4, 5], &[1, 120]), None);
        // Rows and columns alone stay neighbours.
        assert!(commute(&[0, 3, 1, 2], &[1, 6, 4, 5], &[1, 6, 20]).is_some());
    }

    #[test]
    fn everything_of_size_one_commutes() {
        assert!(commute(&[0, 3, 1, 2], &[1, 1, 1, 1], &[1]).is_some());
        assert!(commute(&[1, 0], &[1, 1], &[]).is_some());
    }
}
