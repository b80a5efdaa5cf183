//! Brings the axes of softmax and mean into the form that the device computes.

use crate::ir::{Graph, Node, Op};

use super::query::at_node;
use super::{Pass, PassError};

/// Softmax over another axis than the last stands between transposes; a mean over axes that are no neighbours becomes
/// one mean a run of neighbours. Axes of size 1 are in nobody's way.
pub struct LowerAxes;

impl Pass for LowerAxes {
    fn name(&self) -> &'static str {
        "lower-axes"
    }

    fn run(&self, graph: &mut Graph) -> Result<usize, PassError> {
        let mut rewrites = 0;
        let mut at = 0;
        while at < graph.nodes.len() {
            rewrites += usize::from(softmax(graph, at)? || mean(graph, at)?);
            at += 1;
        }
        Ok(rewrites)
    }
}

fn softmax(graph: &mut Graph, at: usize) -> Result<bool, PassError> {
    let Node { name, op: Op::Softmax { axis }, inputs, output } = graph.nodes[at].clone() else { return Ok(false) };
    let rank = graph.value(output).shape.len();
    if graph.value(output).shape.iter().skip(axis + 1).all(|&size| size == 1) {
        return Ok(false);
    }
    // The axis and the last one change places, so the same permutation undoes itself.
    let mut perm: Vec<usize> = (0..rank).collect();
    perm.swap(axis, rank - 1);
    let transpose = || Op::Transpose { perm: perm.clone() };
    let error = || at_node(&name);
    let before = graph.insert_node(at, format!("{name}/before"), transpose(), inputs, None).map_err(error())?;
    let op = Op::Softmax { axis: rank - 1 };
    let inner = graph.insert_node(at + 1, name.clone(), op, vec![before], None).map_err(error())?;
    graph.nodes[at + 2] = Node { name: format!("{name}/after"), op: transpose(), inputs: vec![inner], output };
    Ok(true)
}

fn mean(graph: &mut Graph, at: usize) -> Result<bool, PassError> {
    let Node { name, op: Op::Mean { axes, keep_dims }, inputs, .. } = graph.nodes[at].clone() else {
        return Ok(false);
    };
    let Some(&x) = inputs.first() else { return Ok(false) };
    let shape = &graph.value(x).shape;
    // The last run of neighbours goes first; the rest is for the next round.
    let splits = |pair: &[usize]| shape[pair[0] + 1..pair[1]].iter().any(|&size| size != 1);
    let Some(gap) = axes.windows(2).rposition(splits) else { return Ok(false) };
    let (head, tail) = axes.split_at(gap + 1);
    let (head, op) = (head.to_vec(), Op::Mean { axes: tail.to_vec(), keep_dims });
    let inner = graph.insert_node(at, format!("{name}/inner"), op, vec![x], None).map_err(at_node(&name))?;
    let node = &mut graph.nodes[at + 1];
    node.op = Op::Mean { axes: head, keep_dims };
    node.inputs = vec![inner];
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::{Net, check, check_one, count, ops};
    use crate::passes::{DEFAULT, run_default};

    #[test]
    fn softmax_over_an_inner_axis_is_transposed() {
        let mut net = Net::new();
        let x = net.input(&[1, 3, 4, 5]);
        let y = net.node(Op::Softmax { axis: 1 }, &[x]);
        let y = net.node(Op::Softmax { axis: 3 }, &[y]);
        net.output(y);
        assert_eq!(ops(&check_one(&LowerAxes, net).0), ["transpose", "softmax", "transpose", "softmax"]);
    }

    #[test]
    fn size_one_axes_behind_softmax_are_fine() {
        let mut net = Net::new();
        let x = net.input(&[1, 3, 1, 1]);
        let y = net.node(Op::Softmax { axis: 1 }, &[x]);
        net.output(y);
        assert_eq!(check_one(&LowerAxes, net).1, 0);
    }

    #[test]
    fn mean_over_scattered_axes_is_split() {
        for keep_dims in [false, true] {
            let mut net = Net::new();
            let x = net.input(&[2, 3, 1, 4, 5, 2]);
            let y = net.node(Op::Mean { axes: vec![1, 3, 5], keep_dims }, &[x]);
            net.output(y);
            let graph = check_one(&LowerAxes, net).0;
            assert_eq!(ops(&graph), ["mean", "mean"]);
            assert_eq!(graph.nodes[1].op, Op::Mean { axes: vec![1, 3], keep_dims });
        }
    }

    #[test]
    fn the_whole_list_settles_with_a_softmax_over_rows() {
        let mut net = Net::new();
        let x = net.input(&[1, 3, 4, 5]);
        let y = net.conv_nchw(x, 4, 3);
        let y = net.node(Op::Softmax { axis: 2 }, &[y]);
        let y = net.conv_nchw(y, 4, 3);
        net.output(y);
        let (mut graph, _) = check(DEFAULT, net);
        assert_eq!(count(&graph, "transpose"), 2);
        let again = run_default(&mut graph).unwrap();
        assert!(again.iter().all(|r| r.rewrites == 0), "{again:?}");
    }
}
