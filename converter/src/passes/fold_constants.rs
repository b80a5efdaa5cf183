//! Computes nodes whose operands are all known now.

use crate::execute::Executor;
use crate::ir::{Graph, Node, Op, Port, Tensor, ValueId};

use super::{Pass, PassError};

/// Nodes with constant operands become constants. Moving elements works on any type; arithmetic, on float32, is left to
/// the float executor, so that a folded node gives what it would have given.
pub struct FoldConstants;

impl Pass for FoldConstants {
    fn name(&self) -> &'static str {
        "fold-constants"
    }

    fn run(&self, graph: &mut Graph) -> Result<usize, PassError> {
        let mut rewrites = 0;
        let mut at = 0;
        while at < graph.nodes.len() {
            match constant_result(graph, &graph.nodes[at])? {
                Some(tensor) => {
                    let value = &mut graph.values[graph.nodes[at].output.0];
                    value.dtype = tensor.dtype();
                    value.constant = Some(tensor);
                    graph.nodes.remove(at);
                    rewrites += 1;
                }
                None => at += 1,
            }
        }
        Ok(rewrites)
    }
}

/// Larger results stay nodes: no device has room for such a constant, and a small file must not fill this machine.
const MAX_ELEMENTS: usize = 1 << 24;

fn constant_result(graph: &Graph, node: &Node) -> Result<Option<Tensor>, PassError> {
    let operands: Option<Vec<&Tensor>> = node.inputs.iter().map(|&i| graph.constant(i)).collect();
    // An output stays a node: the runtime writes outputs, and constants have no place in the arena.
    let Some(operands) = operands.filter(|o| !o.is_empty() && !graph.is_output(node.output)) else { return Ok(None) };
    let shape = &graph.value(node.output).shape;
    if shape.iter().product::<usize>() > MAX_ELEMENTS {
        return Ok(None);
    }
    Ok(match &node.op {
        Op::Reshape => Some(operands[0].reshaped(shape)),
        Op::Transpose { perm } => Some(operands[0].permuted(perm)),
        Op::Slice { start, step, .. } => Some(sliced(operands[0], start, step, shape)),
        Op::Quantize | Op::Dequantize | Op::Requantize | Op::Table { .. } | Op::Lstm { .. } => None,
        _ if operands.iter().all(|t| t.as_f32().is_some()) => Some(computed(graph, node)?),
        _ => None,
    })
}

/// Every `step[i]`-th element from `start[i]` on, `shape[i]` of them.
fn sliced(x: &Tensor, start: &[usize], step: &[usize], shape: &[usize]) -> Tensor {
    let mut from = vec![0usize];
    for (axis, &size) in x.shape().iter().enumerate() {
        let along = |base: &usize| {
            let base = base * size;
            (0..shape[axis]).map(move |i| base + start[axis] + i * step[axis]).collect::<Vec<_>>()
        };
        from = from.iter().flat_map(along).collect();
    }
    x.gathered(shape, &from)
}

/// Runs the node alone.
fn computed(graph: &Graph, node: &Node) -> Result<Tensor, PassError> {
    let mut alone = Graph { name: node.name.clone(), ..Graph::default() };
    let mut inputs = Vec::new();
    let mut fed = Vec::new();
    let mut known: Vec<(ValueId, ValueId)> = Vec::new();
    for &input in &node.inputs {
        let id = match known.iter().find(|(from, _)| *from == input) {
            Some((_, id)) => *id,
            None => {
                let value = graph.value(input);
                let id = alone.add_value(value.name.clone(), value.shape.clone(), value.dtype);
                alone.inputs.push(port(&alone, id));
                fed.extend(value.constant.clone());
                known.push((input, id));
                id
            }
        };
        inputs.push(id);
    }
    let result = graph.value(node.output);
    let output = alone.add_value(result.name.clone(), result.shape.clone(), result.dtype);
    alone.outputs.push(port(&alone, output));
    alone.nodes.push(Node { name: node.name.clone(), op: node.op.clone(), inputs, output });
    let failed = |reason: String| PassError::Constant { node: node.name.clone(), reason };
    let executor = Executor::new(&alone).map_err(|e| failed(e.to_string()))?;
    let results = executor.run(&fed).map_err(|e| failed(e.to_string()))?;
    results.into_iter().next().ok_or_else(|| failed("the executor gave no result".into()))
}

fn port(graph: &Graph, id: ValueId) -> Port {
    let value = graph.value(id);
    Port {
        value: id,
        name: value.name.clone(),
        source_shape: value.shape.clone(),
        source_dtype: value.dtype,
        source_axes: (0..value.shape.len()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::{Net, check_one, ops};

    #[test]
    fn arithmetic_on_constants_is_done_once() {
        let mut net = Net::new();
        let x = net.input(&[1, 3]);
        let (a, b) = (net.constant(&[3]), net.scalar(2.0));
        let c = net.mul(a, b);
        let c = net.add(c, c);
        let c = net.unary(crate::ir::Unary::Exp, c);
        let y = net.add(x, c);
        net.output(y);
        let (graph, rewrites) = check_one(&FoldConstants, net);
        assert_eq!((ops(&graph), rewrites), (vec!["add"], 3));
    }

    #[test]
    fn elements_of_any_type_move() {
        let data: Vec<i64> = (0..12).collect();
        let mut net = Net::new();
        let x = net.graph.add_constant("x", Tensor::I64 { shape: vec![3, 4], data });
        let t = net.transpose(x, &[1, 0]);
        let op = Op::Slice { start: vec![1, 0], end: vec![4, 3], step: vec![2, 2] };
        let s = net.node(op, &[t]);
        let r = net.reshape(s, &[4]);
        let pass = FoldConstants;
        net.graph.inputs.clear();
        pass.run(&mut net.graph).unwrap();
        assert_eq!(net.graph.constant(r), Some(&Tensor::I64 { shape: vec![4], data: vec![1, 9, 3, 11] }));
    }

    #[test]
    fn an_output_is_not_folded() {
        let mut net = Net::new();
        let (a, b) = (net.constant(&[1, 3]), net.constant(&[1, 3]));
        let y = net.add(a, b);
        net.output(y);
        let (graph, rewrites) = check_one(&FoldConstants, net);
        assert_eq!((ops(&graph), rewrites), (vec!["add"], 0));
    }

    #[test]
    fn weights_that_are_computed_fold() {
        let mut net = Net::new();
        let x = net.input(&[1, 4]);
        let w = net.constant(&[4, 3]);
        let w = net.transpose(w, &[1, 0]);
        let y = net.node(Op::FullyConnected { activation: crate::ir::Activation::NONE }, &[x, w]);
        net.output(y);
        assert_eq!(ops(&check_one(&FoldConstants, net).0), ["fully_connected"]);
    }
}
