//! A layer by itself, to tell the error that arises in it from the error that comes with its inputs.

use crate::execute::Executor;
use crate::ir::{Graph, Node, Op, Port, Tensor, Value, ValueId};
use crate::validate::taps::Tap;
use std::collections::HashMap;

/// The float op of one node, which takes what the device gave it.
pub(super) struct Isolated {
    executor: Executor,
    /// Where each input comes from: a tap, or an input of the network.
    sources: Vec<Source>,
}

/// What the device computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Tap(usize),
    Input(usize),
}

impl Isolated {
    /// The node behind `tap`; `None` if the device does not hold all its inputs whole.
    pub fn of(graph: &Graph, tap: &Tap, taps: &[Tap]) -> Option<Self> {
        let node = &graph.nodes[tap.node];
        let mut alone = Graph { name: node.name.clone(), ..Graph::default() };
        let mut ids: HashMap<ValueId, ValueId> = HashMap::new();
        let mut sources = Vec::new();
        for &input in &node.inputs {
            if ids.contains_key(&input) {
                continue;
            }
            let id = add(&mut alone, graph.value(input));
            ids.insert(input, id);
            if graph.constant(input).is_none() {
                sources.push(source(graph, input, taps)?);
                alone.inputs.push(port(&alone, id));
            }
        }
        let output = add(&mut alone, graph.value(node.output));
        let inputs = node.inputs.iter().map(|id| ids[id]).collect();
        alone.nodes.push(Node { name: node.name.clone(), op: node.op.clone(), inputs, output });
        alone.outputs.push(port(&alone, output));
        let executor = Executor::new(&alone).ok()?;
        Some(Self { executor, sources })
    }

    /// What the float op makes of the device's values; `None` if one of them is not there.
    pub fn run(&self, stored: &dyn Fn(Source) -> Option<Vec<f32>>) -> Option<Vec<f32>> {
        let graph = self.executor.graph();
        let tensor = |(source, port): (&Source, &Port)| Some(Tensor::f32(port.source_shape.clone(), stored(*source)?));
        let inputs = self.sources.iter().zip(&graph.inputs).map(tensor).collect::<Option<Vec<_>>>()?;
        let output = self.executor.run(&inputs).ok()?.pop()?;
        Some(output.as_f32()?.to_vec())
    }
}

fn add(alone: &mut Graph, value: &Value) -> ValueId {
    alone.values.push(value.clone());
    ValueId(alone.values.len() - 1)
}

fn port(graph: &Graph, value: ValueId) -> Port {
    let Value { name, shape, dtype, .. } = graph.value(value).clone();
    Port { value, name, source_axes: (0..shape.len()).collect(), source_shape: shape, source_dtype: dtype }
}

/// Where the device holds `value`, past views of it.
fn source(graph: &Graph, mut value: ValueId, taps: &[Tap]) -> Option<Source> {
    for _ in 0..=graph.nodes.len() {
        if let Some(input) = graph.inputs.iter().position(|port| port.value == value) {
            return Some(Source::Input(input));
        }
        if let Some(tap) = taps.iter().position(|tap| tap.value == value) {
            return Some(Source::Tap(tap));
        }
        let (_, node) = graph.producing_node(value)?;
        match node.op {
            Op::Reshape => value = *node.inputs.first()?,
            _ => return None,
        }
    }
    None
}
