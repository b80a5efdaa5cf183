//! Changing a graph: inserting nodes, ordering them, dropping what nothing reads.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Graph, Node, NodeId, Op, ShapeError, Unary, ValueId, infer_shape};

/// The nodes cannot be put in an order in which every operand is made before it is read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("node `{node}` waits for `{value}`, which nothing before it can make")]
pub struct CycleError {
    /// A node that is never ready.
    pub node: String,
    /// One of the operands that it lacks.
    pub value: String,
}

impl Graph {
    /// Inserts a node before position `at` and returns the value it makes. `shape` is needed where it does not follow
    /// from the operands (see [`infer_shape`]). The value takes the dtype of the first operand.
    pub fn insert_node(
        &mut self,
        at: usize,
        name: impl Into<String>,
        op: Op,
        inputs: Vec<ValueId>,
        shape: Option<&[usize]>,
    ) -> Result<ValueId, ShapeError> {
        let shapes: Vec<&[usize]> = inputs.iter().map(|&i| self.value(i).shape.as_slice()).collect();
        let shape = infer_shape(&op, &shapes, shape)?;
        let dtype = inputs.first().map_or(super::DType::F32, |&i| self.value(i).dtype);
        let name = name.into();
        let output = self.add_value(name.clone(), shape, dtype);
        self.nodes.insert(at.min(self.nodes.len()), Node { name, op, inputs, output });
        Ok(output)
    }

    /// The node whose result is `id`, with its position.
    pub fn producing_node(&self, id: ValueId) -> Option<(NodeId, &Node)> {
        let at = self.producer(id)?;
        Some((at, self.nodes.get(at.0)?))
    }

    /// True if exactly one operand slot in the whole graph reads `id`, and no output does.
    pub fn has_one_use(&self, id: ValueId) -> bool {
        !self.is_output(id) && self.nodes.iter().flat_map(|n| &n.inputs).filter(|i| **i == id).count() == 1
    }

    /// True if the caller gives `id`.
    pub fn is_input(&self, id: ValueId) -> bool {
        self.inputs.iter().any(|p| p.value == id)
    }

    /// Puts the nodes in an order in which operands come before their readers; keeps the present order where it can.
    pub fn topological_sort(&mut self) -> Result<(), CycleError> {
        let mut producer = vec![None; self.values.len()];
        for (at, node) in self.nodes.iter().enumerate() {
            if let Some(slot) = producer.get_mut(node.output.0) {
                *slot = Some(at);
            }
        }
        let mut readers = vec![Vec::new(); self.nodes.len()];
        let mut waiting = vec![0usize; self.nodes.len()];
        for (at, node) in self.nodes.iter().enumerate() {
            for maker in node.inputs.iter().filter_map(|i| producer.get(i.0).copied().flatten()) {
                readers[maker].push(at);
                waiting[at] += 1;
            }
        }
        let ready = waiting.iter().enumerate().filter(|(_, n)| **n == 0).map(|(at, _)| Reverse(at));
        let mut ready: BinaryHeap<_> = ready.collect();
        let mut order = Vec::with_capacity(self.nodes.len());
        while let Some(Reverse(at)) = ready.pop() {
            order.push(at);
            for &reader in &readers[at] {
                waiting[reader] -= 1;
                if waiting[reader] == 0 {
                    ready.push(Reverse(reader));
                }
            }
        }
        if let Some(at) = waiting.iter().position(|&n| n > 0) {
            let node = &self.nodes[at];
            let made = |i: &&ValueId| producer.get(i.0).copied().flatten().is_some_and(|m| waiting[m] > 0);
            let missing = node.inputs.iter().find(made).map_or(String::new(), |i| self.value(*i).name.clone());
            return Err(CycleError { node: node.name.clone(), value: missing });
        }
        let mut nodes: Vec<Option<Node>> = std::mem::take(&mut self.nodes).into_iter().map(Some).collect();
        self.nodes = order.into_iter().filter_map(|at| nodes[at].take()).collect();
        Ok(())
    }

    /// Removes nodes that no output depends on. Returns how many.
    pub fn remove_dead_nodes(&mut self) -> usize {
        let mut live = vec![false; self.values.len()];
        for port in &self.outputs {
            live[port.value.0] = true;
        }
        // Readers come after makers, so one walk from the end finds everything.
        let mut keep = vec![false; self.nodes.len()];
        for (at, node) in self.nodes.iter().enumerate().rev() {
            if live[node.output.0] {
                keep[at] = true;
                for input in &node.inputs {
                    live[input.0] = true;
                }
            }
        }
        let before = self.nodes.len();
        let mut keep = keep.into_iter();
        self.nodes.retain(|_| keep.next().unwrap_or(true));
        before - self.nodes.len()
    }

    /// True if the graph came quantized: nodes round to the values that int8 or int16 can store.
    pub fn has_fake_quantization(&self) -> bool {
        self.nodes.iter().any(|n| matches!(n.op, Op::FakeQuantize { .. }))
    }

    /// Leaves out every rounding that the source asks for, which makes the graph one in real numbers.
    ///
    /// The limits of what could be stored stay, as clamps: quantizers drop a ReLU whose work they do.
    pub fn drop_fake_quantization(&mut self) {
        for node in &mut self.nodes {
            if let Op::FakeQuantize { scale, zero_point, dtype } = node.op {
                let end = |stored: i32| (f64::from(stored - zero_point) * f64::from(scale)) as f32;
                let (low, high) = if dtype == super::DType::I16 { (-32768, 32767) } else { (-128, 127) };
                node.op = Op::Unary(Unary::Clamp { min: end(low), max: end(high) });
            }
        }
        self.values.iter_mut().for_each(|value| value.source_scale = None);
        let ports = self.inputs.iter_mut().chain(&mut self.outputs);
        for port in ports.filter(|p| matches!(p.source_dtype, super::DType::I8 | super::DType::U8 | super::DType::I16))
        {
            port.source_dtype = super::DType::F32;
        }
    }

    /// Drops dead nodes and unused values and renumbers the rest; inputs stay even if nothing reads them. Values are
    /// numbered in order of first use, so equal graphs get equal numbers.
    pub fn compact(&mut self) {
        self.remove_dead_nodes();
        let mut renumbered = vec![None; self.values.len()];
        let mut order = Vec::new();
        let mut visit = |id: &mut ValueId| {
            *id = *renumbered[id.0].get_or_insert_with(|| {
                order.push(id.0);
                ValueId(order.len() - 1)
            });
        };
        self.inputs.iter_mut().for_each(|p| visit(&mut p.value));
        for node in &mut self.nodes {
            node.inputs.iter_mut().for_each(&mut visit);
            visit(&mut node.output);
        }
        self.outputs.iter_mut().for_each(|p| visit(&mut p.value));
        self.state.iter_mut().for_each(&mut visit);
        let mut values: Vec<_> = std::mem::take(&mut self.values).into_iter().map(Some).collect();
        self.values = order.into_iter().filter_map(|id| values[id].take()).collect();
    }
}

#[cfg(test)]
mod tests;
