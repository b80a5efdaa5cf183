//! Nodes and the values that flow between them.

use super::{DType, Op, Tensor};

/// Index of a node in [`Graph::nodes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub usize);

/// Index of a value in [`Graph::values`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(pub usize);

/// How a source file that came quantized stores a constant: `real = scale * (stored - zero_point)`, `stored` an int8.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceScale {
    /// One scale, or one for each index of axis 0.
    pub scales: Vec<f32>,
    /// As an int8: that of a uint8 minus 128.
    pub zero_point: i32,
}

/// A tensor flowing between nodes, or a constant.
#[derive(Clone, Debug)]
pub struct Value {
    /// Name in the source file, or derived from it.
    pub name: String,
    /// Sizes per axis.
    pub shape: Vec<usize>,
    /// Element type.
    pub dtype: DType,
    /// Present if the value is a constant.
    pub constant: Option<Tensor>,
    /// For a constant in real numbers that the source file stores as integers: their scale.
    pub source_scale: Option<SourceScale>,
}

impl Value {
    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// One use of an op.
#[derive(Clone, Debug)]
pub struct Node {
    /// Name in the source file, or of its output if the file names none.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// Operands, in the op's order; absent optional operands are left out at the end.
    pub inputs: Vec<ValueId>,
    /// The one result.
    pub output: ValueId,
}

/// A value that the caller gives or takes, and how the source network saw it.
#[derive(Clone, Debug)]
pub struct Port {
    /// The value inside the graph.
    pub value: ValueId,
    /// Name in the source file.
    pub name: String,
    /// Shape in the source file, batch made 1.
    pub source_shape: Vec<usize>,
    /// Element type in the source file.
    pub source_dtype: DType,
    /// Axis `i` of the value is axis `source_axes[i]` of the source tensor.
    pub source_axes: Vec<usize>,
}

/// A network. `nodes` is in execution order: every operand is a constant, an input, or made by an earlier node.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// Name in the source file.
    pub name: String,
    /// All values; unused ones may remain until `compact`.
    pub values: Vec<Value>,
    /// In execution order.
    pub nodes: Vec<Node>,
    /// What the caller gives.
    pub inputs: Vec<Port>,
    /// What the caller takes.
    pub outputs: Vec<Port>,
    /// Values that keep their content between runs: nodes that name them read and write them.
    pub state: Vec<ValueId>,
}

impl Graph {
    /// The value behind an id.
    pub fn value(&self, id: ValueId) -> &Value {
        &self.values[id.0]
    }

    /// Adds a value that a node will produce.
    pub fn add_value(&mut self, name: impl Into<String>, shape: Vec<usize>, dtype: DType) -> ValueId {
        self.values.push(Value { name: name.into(), shape, dtype, constant: None, source_scale: None });
        ValueId(self.values.len() - 1)
    }

    /// Adds a constant.
    pub fn add_constant(&mut self, name: impl Into<String>, tensor: Tensor) -> ValueId {
        self.values.push(Value {
            name: name.into(),
            shape: tensor.shape().to_vec(),
            dtype: tensor.dtype(),
            constant: Some(tensor),
            source_scale: None,
        });
        ValueId(self.values.len() - 1)
    }

    /// The constant behind an id, if it is one.
    pub fn constant(&self, id: ValueId) -> Option<&Tensor> {
        self.values[id.0].constant.as_ref()
    }

    /// Index in `nodes` of the node that makes `id`.
    pub fn producer(&self, id: ValueId) -> Option<NodeId> {
        self.nodes.iter().position(|n| n.output == id).map(NodeId)
    }

    /// Indices of the nodes that read `id`, each once.
    pub fn consumers(&self, id: ValueId) -> Vec<NodeId> {
        let reads = |n: &Node| n.inputs.contains(&id);
        self.nodes.iter().enumerate().filter(|(_, n)| reads(n)).map(|(i, _)| NodeId(i)).collect()
    }

    /// True if the caller takes `id`.
    pub fn is_output(&self, id: ValueId) -> bool {
        self.outputs.iter().any(|p| p.value == id)
    }

    /// Makes every reader of `from`, outputs included, read `to`.
    pub fn replace_uses(&mut self, from: ValueId, to: ValueId) {
        for input in self.nodes.iter_mut().flat_map(|n| n.inputs.iter_mut()).filter(|i| **i == from) {
            *input = to;
        }
        for port in self.outputs.iter_mut().filter(|p| p.value == from) {
            port.value = to;
        }
    }

    /// Multiply-accumulates of `node`: of convolutions, fully connected layers and per-channel scaling; 0 for the rest.
    pub fn macs(&self, node: &Node) -> u64 {
        let size = |value: ValueId| self.value(value).elements() as u64;
        match &node.op {
            Op::Conv2d { .. } | Op::FullyConnected { .. } => match node.inputs.get(1) {
                Some(&weights) => {
                    let per_output: usize = self.value(weights).shape.iter().skip(1).product();
                    size(node.output) * per_output as u64
                }
                None => 0,
            },
            Op::Lstm { .. } => match node.inputs.as_slice() {
                [_, _, _, x, h, ..] => {
                    4 * (size(*x) + size(*h)) * self.value(node.output).shape.get(1).copied().unwrap_or(1) as u64
                }
                _ => 0,
            },
            Op::ScaleShift => size(node.output),
            _ => 0,
        }
    }
}
