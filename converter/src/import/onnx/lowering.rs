//! The graph under construction, and what every name of the file stands for so far.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use tract_onnx::pb::tensor_proto::DataType;

use super::ImportError;
use super::array::{Array, MAX_ELEMENTS, checked_shape};
use super::error::{LowerError, unsupported};
use super::node::Node;
use super::quantized::{ConstantScale, Quantized};
use crate::ir::{DType, Graph, Op, Tensor, ValueId};

/// What a name stands for.
#[derive(Clone, Debug)]
pub(super) enum Item {
    /// Known at import.
    Const(Rc<Array>),
    /// Computed at run time. `float` is false for what comes from an integer input and was not cast yet.
    Value { id: ValueId, float: bool },
    /// Computed at run time, stored as integers. `id` holds its real numbers.
    Quantized { id: ValueId, how: Quantized },
    /// Made by an unsupported node, of unknown shape.
    Unknown,
}

impl Item {
    pub fn constant(array: Array) -> Self {
        Self::Const(Rc::new(array))
    }

    pub fn float(id: ValueId) -> Self {
        Self::Value { id, float: true }
    }
}

/// The results of one node.
pub(super) type Lowered = Result<Vec<Item>, LowerError>;

/// State of an import.
pub(super) struct Lowering<'a> {
    pub graph: Graph,
    pub warnings: Vec<String>,
    env: HashMap<&'a str, Item>,
    value_names: HashSet<String>,
    node_names: HashSet<String>,
    constants: HashMap<&'a str, ValueId>,
    /// Channels-last twin of values that are channels-first in the file.
    channels_last: HashMap<ValueId, ValueId>,
    /// Elements that constant folding may still create.
    fold_budget: usize,
    /// Element types of constants, by name, where the file states them.
    element_types: HashMap<&'a str, DataType>,
    /// Scales of constants that the file stores as integers, by the name of their real numbers.
    pub constant_scales: HashMap<&'a str, ConstantScale>,
    /// Nodes that quantize a computed tensor to a type that the device does not compute with.
    pub not_int8: Vec<(String, DataType)>,
    /// Integer inputs whose elements were used as plain numbers.
    pub read_as_numbers: HashSet<ValueId>,
}

impl<'a> Lowering<'a> {
    pub fn new(name: String) -> Self {
        Self {
            graph: Graph { name, ..Graph::default() },
            warnings: Vec::new(),
            env: HashMap::new(),
            value_names: HashSet::new(),
            node_names: HashSet::new(),
            constants: HashMap::new(),
            channels_last: HashMap::new(),
            fold_budget: MAX_ELEMENTS,
            element_types: HashMap::new(),
            constant_scales: HashMap::new(),
            not_int8: Vec::new(),
            read_as_numbers: HashSet::new(),
        }
    }

    /// Says what `name` stands for.
    pub fn bind(&mut self, name: &'a str, item: Item) {
        self.env.insert(name, item);
    }

    /// Remembers the element type of a constant.
    pub fn set_element_type(&mut self, name: &'a str, kind: DataType) {
        self.element_types.insert(name, kind);
    }

    /// The element type of a constant, if the file states it.
    pub fn element_type(&self, name: &str) -> Option<DataType> {
        self.element_types.get(name).copied()
    }

    /// What `name` stands for.
    pub fn lookup(&self, name: &str) -> Option<&Item> {
        self.env.get(name)
    }

    /// Operand `index`, if it is given.
    pub fn item(&self, node: &Node<'a>, index: usize) -> Option<Item> {
        self.env.get(node.input(index)?).cloned()
    }

    /// Operand `index`, which must be given.
    pub fn required(&self, node: &Node<'a>, index: usize) -> Result<Item, LowerError> {
        self.item(node, index).ok_or_else(|| {
            let got = node.proto.input.len();
            ImportError::Arity {
                node: node.label(),
                op: node.op().to_owned(),
                expected: format!("operand {}", index + 1),
                got,
            }
            .into()
        })
    }

    /// Operand `index` as a float value of the graph; a constant becomes one.
    pub fn value(&mut self, node: &Node<'a>, index: usize) -> Result<ValueId, LowerError> {
        match self.any_value(node, index)? {
            (id, true) => Ok(id),
            (_, false) => unsupported(
                format!("operand `{}` is an integer tensor", node.input(index).unwrap_or_default()),
                "compute on float32: cast the input before the first operator, or do this part on the host",
            ),
        }
    }

    /// Operand `index` as a value of the graph, and whether it is float.
    pub fn any_value(&mut self, node: &Node<'a>, index: usize) -> Result<(ValueId, bool), LowerError> {
        match self.required(node, index)? {
            Item::Value { id, float } => Ok((id, float)),
            Item::Const(array) => {
                let name = node.input(index).unwrap_or_default();
                if let Some(&id) = self.constants.get(name) {
                    return Ok((id, true));
                }
                let id = self.add_floats(name, array.shape.clone(), array.to_floats())?;
                self.graph.values[id.0].source_scale =
                    self.constant_scales.get(name).and_then(ConstantScale::per_tensor);
                self.constants.insert(name, id);
                Ok((id, true))
            }
            Item::Quantized { .. } => unsupported(
                format!("operand `{}` is a quantized tensor", node.input(index).unwrap_or_default()),
                "this operator is not supported on stored integers: put DequantizeLinear before it",
            ),
            Item::Unknown => unsupported("an operand has no known shape", "resolve the nodes before it first"),
        }
    }

    /// Adds the real numbers of the weights that operand `index` names: output channels first, which were along `axis`.
    pub fn add_weights(
        &mut self,
        node: &Node<'a>,
        index: usize,
        axis: usize,
        weights: &Array,
    ) -> Result<ValueId, LowerError> {
        let name = node.input(index).unwrap_or_default();
        let id = self.add_floats(name, weights.shape.clone(), weights.to_floats())?;
        self.graph.values[id.0].source_scale = self.constant_scales.get(name).and_then(|scale| scale.along(axis));
        Ok(id)
    }

    /// Operand `index`, which must be a constant. `role` says what it is for.
    pub fn array(&self, node: &Node<'a>, index: usize, role: &str) -> Result<Rc<Array>, LowerError> {
        match self.required(node, index)? {
            Item::Const(array) => Ok(array),
            _ => unsupported(
                format!(
                    "its {role} `{}` are computed at run time, constants are needed",
                    node.input(index).unwrap_or("")
                ),
                "export with constant weights and a fixed input shape, or fold the graph with onnxsim",
            ),
        }
    }

    /// As [`Self::array`] for an operand that may be left out.
    pub fn optional_array(&self, node: &Node<'a>, index: usize, role: &str) -> Result<Option<Rc<Array>>, LowerError> {
        if self.item(node, index).is_some() { self.array(node, index, role).map(Some) } else { Ok(None) }
    }

    /// Operand `index` as a list of integers.
    pub fn ints(&self, node: &Node<'a>, index: usize, role: &str) -> Result<Vec<i64>, LowerError> {
        let array = self.array(node, index, role)?;
        let ints = array.as_ints().ok_or_else(|| node.shape_error(format!("integer {role}"), "floats"))?;
        Ok(ints.to_vec())
    }

    /// Operand `index` as a list of floats.
    pub fn floats(&self, node: &Node<'a>, index: usize, role: &str) -> Result<Rc<Array>, LowerError> {
        let array = self.array(node, index, role)?;
        if array.is_float() {
            return Ok(array);
        }
        unsupported(
            format!("its {role} `{}` are integers", node.input(index).unwrap_or("")),
            "import the float model: quantization is done here",
        )
    }

    /// Shape of a value.
    pub fn shape(&self, id: ValueId) -> Vec<usize> {
        self.graph.value(id).shape.clone()
    }

    /// Takes `elements` from what constant folding may create.
    pub fn charge(&mut self, node: &Node<'a>, shape: &[i64]) -> Result<Vec<usize>, LowerError> {
        let what = format!("the constant that node `{}` makes", node.label());
        let (sizes, elements) = checked_shape(shape, &what)?;
        match self.fold_budget.checked_sub(elements) {
            Some(left) => self.fold_budget = left,
            None => return Err(ImportError::TooLarge { what, shape: shape.to_vec(), limit: self.fold_budget }.into()),
        }
        Ok(sizes)
    }

    /// Adds a float constant that the file does not hold in this form.
    pub fn add_floats(&mut self, name: &str, shape: Vec<usize>, data: Vec<f32>) -> Result<ValueId, LowerError> {
        let name = unique(&mut self.value_names, name);
        Ok(self.graph.add_constant(name, Tensor::f32(shape, data)))
    }

    /// Adds a value that no node makes: an input.
    pub fn add_input(&mut self, name: &str, shape: Vec<usize>) -> ValueId {
        let name = unique(&mut self.value_names, name);
        self.graph.add_value(name, shape, DType::F32)
    }

    /// Adds the node that makes result 0 of `node`.
    pub fn emit(
        &mut self,
        node: &Node<'a>,
        op: Op,
        inputs: Vec<ValueId>,
        shape: Vec<usize>,
    ) -> Result<Item, LowerError> {
        let id = self.push(node, node.name(), node.output(0), op, inputs, shape)?;
        Ok(Item::float(id))
    }

    /// As [`Self::emit`] for a result that still needs a step before it is that of the file.
    pub fn emit_named(
        &mut self,
        node: &Node<'a>,
        value: &str,
        op: Op,
        inputs: Vec<ValueId>,
        shape: Vec<usize>,
    ) -> Result<ValueId, LowerError> {
        self.push(node, node.name(), value, op, inputs, shape)
    }

    /// Adds a helper node behind `node`, whose value is result 0 of the file's.
    pub fn finish(
        &mut self,
        node: &Node<'a>,
        suffix: &str,
        op: Op,
        inputs: Vec<ValueId>,
        shape: Vec<usize>,
    ) -> Result<ValueId, LowerError> {
        let name = format!("{}.{suffix}", node.name());
        self.push(node, &name, node.output(0), op, inputs, shape)
    }

    /// Adds the node that makes result `index` of `node`.
    pub fn emit_result(
        &mut self,
        node: &Node<'a>,
        index: usize,
        op: Op,
        inputs: Vec<ValueId>,
        shape: Vec<usize>,
    ) -> Result<ValueId, LowerError> {
        let name = if index == 0 { node.name().to_owned() } else { format!("{}.{index}", node.name()) };
        self.push(node, &name, node.output(index), op, inputs, shape)
    }

    /// Adds a helper node; `suffix` tells it apart from the node it helps.
    pub fn step(
        &mut self,
        node: &Node<'a>,
        suffix: &str,
        op: Op,
        inputs: Vec<ValueId>,
        shape: Vec<usize>,
    ) -> Result<ValueId, LowerError> {
        let name = format!("{}.{suffix}", node.name());
        let value = format!("{}.{suffix}", node.output(0));
        self.push(node, &name, &value, op, inputs, shape)
    }

    fn push(
        &mut self,
        node: &Node<'a>,
        name: &str,
        value: &str,
        op: Op,
        inputs: Vec<ValueId>,
        shape: Vec<usize>,
    ) -> Result<ValueId, LowerError> {
        let sizes: Vec<i64> = shape.iter().map(|&d| i64::try_from(d).unwrap_or(i64::MAX)).collect();
        let (shape, elements) = checked_shape(&sizes, &format!("the result of node `{}`", node.label()))?;
        if elements == 0 {
            return Err(node.shape_error("a result with at least one element", shape).into());
        }
        let value = unique(&mut self.value_names, value);
        let output = self.graph.add_value(value, shape, DType::F32);
        let name = unique(&mut self.node_names, name);
        self.graph.nodes.push(crate::ir::Node { name, op, inputs, output });
        Ok(output)
    }

    /// Adds a helper node that changes the shape, unless it is that shape already.
    pub fn reshape_step(
        &mut self,
        node: &Node<'a>,
        suffix: &str,
        x: ValueId,
        shape: Vec<usize>,
    ) -> Result<ValueId, LowerError> {
        if self.graph.value(x).shape == shape {
            return Ok(x);
        }
        self.step(node, suffix, Op::Reshape, vec![x], shape)
    }

    /// Adds a helper node that permutes axes.
    pub fn transpose_step(
        &mut self,
        node: &Node<'a>,
        suffix: &str,
        x: ValueId,
        perm: &[usize],
    ) -> Result<ValueId, LowerError> {
        let shape = permuted(&self.graph.value(x).shape, perm);
        self.step(node, suffix, Op::Transpose { perm: perm.to_vec() }, vec![x], shape)
    }

    /// The channels-last twin of a channels-first value: axis 1 moves to the end.
    pub fn enter_channels_last(&mut self, node: &Node<'a>, x: ValueId) -> Result<ValueId, LowerError> {
        if let Some(&twin) = self.channels_last.get(&x) {
            return Ok(twin);
        }
        let rank = self.graph.value(x).shape.len();
        let perm: Vec<usize> = std::iter::once(0).chain(2..rank).chain(std::iter::once(1)).collect();
        let twin = self.transpose_step(node, "channels_last", x, &perm)?;
        self.channels_last.insert(x, twin);
        Ok(twin)
    }

    /// Result 0 of `node`, channels-first, from its channels-last twin.
    pub fn leave_channels_last(&mut self, node: &Node<'a>, twin: ValueId) -> Result<ValueId, LowerError> {
        let shape = self.shape(twin);
        let rank = shape.len();
        let perm: Vec<usize> = std::iter::once(0).chain(std::iter::once(rank - 1)).chain(1..rank - 1).collect();
        let op = Op::Transpose { perm: perm.clone() };
        let x = self.finish(node, "channels_first", op, vec![twin], permuted(&shape, &perm))?;
        self.channels_last.insert(x, twin);
        Ok(x)
    }
}

/// Sizes after a transpose.
pub(super) fn permuted(shape: &[usize], perm: &[usize]) -> Vec<usize> {
    perm.iter().filter_map(|&p| shape.get(p).copied()).collect()
}

/// `name`, with a number behind it if it is taken.
fn unique(taken: &mut HashSet<String>, name: &str) -> String {
    let mut candidate = name.to_owned();
    let mut number = 1;
    while !taken.insert(candidate.clone()) {
        number += 1;
        candidate = format!("{name}.{number}");
    }
    candidate
}
