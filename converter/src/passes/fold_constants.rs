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

fn constant_result(graph: &Graph, node: &Node) -> Result<Option<Tensor>, PassError> {
    let operands: Option<Vec<&Tensor>> = node.inputs.iter().map(|&i| graph.constant(i)).collect();
    // An output stays a node: the runtime writes outputs, and constants have no place in the arena.
    let Some(operands) = operands.filter(|o| !o.is_empty() && !graph.is_output(node.output)) else { return Ok(None) };
    let shape = &graph.value(node.output).shape;
    Ok(match &node.op {
        Op::Reshape => Some(operands[0].reshaped(shape)),
        Op::Transpose { perm } => Some(operands[0].permuted(perm)),
        Op::Slice { start, step, .. } => Some(sliced(operands[0], start, step, shape)),
        Op::Quantize | Op::Dequantize | Op::Requantize => None,
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
