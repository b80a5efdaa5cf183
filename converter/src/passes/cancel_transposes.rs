//! Gets rid of the transposes that lie between the source network's layout and ours.
//!
//! Transposes sink towards the outputs: two in a row become one, and nodes that do not care about the order of axes
//! swap places with the transpose before them (`sink`), reshapes if they keep the transposed groups together, dense
//! nodes by permuting their weights (`permute_dense`). What reaches an input or output of the graph becomes the port's
//! `source_axes` (`boundary`). Sinking can make things worse where it ends in a node that needs the old order, so the
//! whole rewrite happens on a copy, and stands only if it moves less memory than before.

mod boundary;
mod permute_dense;
mod reshape;
mod sink;

use crate::ir::{Graph, Node, Op, ValueId};

use super::query::{bypass, moves_nothing};
use super::{Pass, PassError};

/// Merges, sinks and absorbs transposes.
pub struct CancelTransposes;

impl Pass for CancelTransposes {
    fn name(&self) -> &'static str {
        "cancel-transposes"
    }

    fn run(&self, graph: &mut Graph) -> Result<usize, PassError> {
        let before = cost(graph);
        if before.transposes == 0 {
            return Ok(0);
        }
        let mut copy = graph.clone();
        simplify(&mut copy)?;
        let mut best = cost(&copy);
        if best < before {
            *graph = copy;
        } else {
            best = before;
        }
        speculate(graph, &mut best)?;
        Ok(if best < before { before.transposes.saturating_sub(best.transposes).max(1) } else { 0 })
    }
}

/// What the transposes of a graph cost, the most important first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Cost {
    /// Elements that change places.
    moved: usize,
    /// Number of transposes.
    transposes: usize,
    /// How many nodes depend on each transpose, summed: a transpose further down stands less in the way of fusing.
    dependents: usize,
}

fn cost(graph: &Graph) -> Cost {
    let mut total = Cost { moved: 0, transposes: 0, dependents: 0 };
    for (at, node) in graph.nodes.iter().enumerate() {
        let Op::Transpose { perm } = &node.op else { continue };
        let Some(shape) = node.inputs.first().map(|&x| &graph.value(x).shape) else { continue };
        total.transposes += 1;
        if !moves_nothing(perm, shape) {
            total.moved += shape.iter().product::<usize>();
        }
        let mut reached = vec![false; graph.values.len()];
        reached[node.output.0] = true;
        for later in &graph.nodes[at + 1..] {
            if later.inputs.iter().any(|i| reached[i.0]) {
                reached[later.output.0] = true;
                total.dependents += 1;
            }
        }
    }
    total
}

/// Applies every rule until none does.
fn simplify(graph: &mut Graph) -> Result<(), PassError> {
    // Each rule brings a transpose further down, or removes one; the bound only guards against a mistake here.
    for _ in 0..graph.nodes.len() + 8 {
        let mut changed = false;
        let mut at = 0;
        // One walk carries a transpose all the way: sinking puts it right behind the node it passed.
        while at < graph.nodes.len() {
            changed |=
                merge(graph, at) || sink::sink(graph, at)? || reshape::sink(graph, at)? || reshape::rise(graph, at)?;
            at += 1;
        }
        changed |= permute_dense::permute_columns(graph) || permute_dense::permute_rows(graph);
        graph.remove_dead_nodes();
        if !changed && !boundary::absorb_outputs(graph) && !boundary::absorb_inputs(graph) {
            break;
        }
    }
    Ok(())
}

/// Tries the rewrites that add a transpose in the hope that others then cancel, and keeps those that pay.
fn speculate(graph: &mut Graph, best: &mut Cost) -> Result<(), PassError> {
    const TRIES: usize = 16;
    if best.moved == 0 {
        return Ok(());
    }
    let inputs = boundary::mixed_inputs(graph).into_iter().map(Guess::Input);
    let nodes = sink::mixed_operands(graph).into_iter().map(Guess::Node);
    for guess in inputs.chain(nodes).take(TRIES) {
        let mut copy = graph.clone();
        let applied = match guess {
            Guess::Input(input) => boundary::absorb_mixed_input(&mut copy, input)?,
            Guess::Node(output) => sink::force(&mut copy, output)?,
        };
        if !applied {
            continue;
        }
        simplify(&mut copy)?;
        let cost = cost(&copy);
        if cost.moved < best.moved {
            *best = cost;
            *graph = copy;
        }
    }
    Ok(())
}

enum Guess {
    /// Position of a port among the inputs.
    Input(usize),
    /// Output of a node some of whose operands are transposed.
    Node(ValueId),
}

/// The operand and permutation of the transpose that makes `id`.
fn transpose_of(graph: &Graph, id: ValueId) -> Option<(ValueId, &[usize])> {
    match graph.producing_node(id)?.1 {
        Node { op: Op::Transpose { perm }, inputs, .. } => Some((*inputs.first()?, perm)),
        _ => None,
    }
}

/// Merges the transpose at `at` with the one before it, with an equal one elsewhere, or drops it if it does nothing.
fn merge(graph: &mut Graph, at: usize) -> bool {
    let Node { op: Op::Transpose { perm }, inputs, output, .. } = &graph.nodes[at] else { return false };
    let (x, output) = (inputs[0], *output);
    if perm.is_sorted() {
        return bypass(graph, at, x);
    }
    if let Some((source, first)) = transpose_of(graph, x) {
        let both = perm.iter().map(|&p| first[p]).collect();
        let node = &mut graph.nodes[at];
        node.op = Op::Transpose { perm: both };
        node.inputs = vec![source];
        return true;
    }
    let same = |n: &&Node| n.op == graph.nodes[at].op && n.inputs == graph.nodes[at].inputs;
    if let Some(earlier) = graph.nodes[..at].iter().find(same).map(|n| n.output) {
        graph.nodes.remove(at);
        graph.replace_uses(output, earlier);
        return true;
    }
    false
}

/// Puts `op` in place of the node at `at`, followed by a transpose that gives what the node gave before. The new value
/// takes over the old one's name, because it is the one that stays when the transpose is gone.
fn replace_with_transposed(graph: &mut Graph, at: usize, op: Op, inputs: Vec<ValueId>, perm: Vec<usize>) {
    let output = graph.nodes[at].output;
    let mut shape = vec![0; perm.len()];
    for (axis, &from) in perm.iter().enumerate() {
        shape[from] = graph.value(output).shape[axis];
    }
    let node = &mut graph.nodes[at];
    node.op = op;
    node.inputs = inputs;
    if perm.is_sorted() {
        return;
    }
    let name = graph.nodes[at].name.clone();
    let (value_name, dtype) = (graph.value(output).name.clone(), graph.value(output).dtype);
    graph.values[output.0].name = format!("{value_name}/transposed");
    let inner = graph.add_value(value_name, shape, dtype);
    graph.nodes[at].output = inner;
    let node = Node { name: format!("{name}/transpose"), op: Op::Transpose { perm }, inputs: vec![inner], output };
    graph.nodes.insert(at + 1, node);
}

#[cfg(test)]
mod tests;
