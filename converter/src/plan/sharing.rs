//! Which values lie in the same memory: views of one another, parts of a concatenation, results computed in place.

use super::liveness::{Lifetime, bytes};
use super::views::{part_offsets, view_offset};
use crate::ir::{Graph, NodeId, Op, ValueId};
use std::collections::HashMap;

/// A value at a fixed place in a [`Group`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Which value.
    pub value: ValueId,
    /// Bytes from the start of the group.
    pub start: i64,
    /// Length.
    pub bytes: i64,
    /// When it must be in memory.
    pub life: Lifetime,
    /// Members with equal numbers hold the same data wherever they overlap.
    data: usize,
}

impl Member {
    fn end(&self) -> i64 {
        self.start + self.bytes
    }

    fn meets(&self, shift: i64, other: &Self) -> bool {
        self.life.overlaps(other.life) && self.start + shift < other.end() && other.start < self.end() + shift
    }
}

/// Values placed relative to each other. The arena planner moves groups, never members.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// In no particular order; at least one.
    pub members: Vec<Member>,
}

/// Operands that `node` may overwrite with its result, best first.
pub fn in_place_operands(graph: &Graph, node: NodeId) -> Vec<ValueId> {
    let node = &graph.nodes[node.0];
    let candidates = match node.op {
        Op::Unary(_) | Op::Table { .. } | Op::Softmax { .. } | Op::Requantize | Op::Quantize => 1,
        Op::Add { .. } | Op::Sub { .. } | Op::Mul { .. } => 2,
        _ => 0,
    };
    let shorter_is_fine = matches!(node.op, Op::Quantize);
    let fits = |x: ValueId| shorter_is_fine || bytes(graph, x) == bytes(graph, node.output);
    node.inputs.iter().take(candidates).copied().filter(|&x| graph.constant(x).is_none() && fits(x)).collect()
}

/// Which operand each node overwrites if it may, as an index into [`in_place_operands`]; past its end for none.
pub type InPlaceChoice = Vec<usize>;

/// Groups all values that live in the arena. Every sharing that is legal happens, except that `choice[node]` selects
/// the operand tried first for in-place execution.
/// `lines` are bytes of values of which the arena never holds more than some rows.
pub fn share(
    graph: &Graph,
    order: &[NodeId],
    lives: &[Option<Lifetime>],
    lines: &HashMap<ValueId, usize>,
    choice: &InPlaceChoice,
) -> Vec<Group> {
    let mut sharing = Sharing::new(graph, lives, lines);
    for &id in order {
        let node = &graph.nodes[id.0];
        if let Some(offset) = view_offset(graph, node) {
            sharing.join_data(node.inputs[0], node.output, offset as i64);
        }
    }
    for &id in order {
        let node = &graph.nodes[id.0];
        let Some(offsets) = part_offsets(graph, node).filter(|_| node.inputs.len() > 1) else { continue };
        for (&part, offset) in node.inputs.iter().zip(offsets) {
            sharing.place_part(part, node.output, offset as i64);
        }
    }
    for (step, &id) in order.iter().enumerate().map(|(i, id)| (i + 1, id)) {
        let operands = in_place_operands(graph, id);
        let preferred = choice[id.0];
        if preferred >= operands.len() {
            continue;
        }
        for &x in operands[preferred..].iter().chain(&operands[..preferred]) {
            sharing.place_in_place(x, graph.nodes[id.0].output, step);
        }
    }
    sharing.finish()
}

struct Sharing<'g> {
    graph: &'g Graph,
    groups: Vec<Group>,
    /// Per value: its group, and its place there.
    group_of: Vec<Option<usize>>,
}

impl<'g> Sharing<'g> {
    fn new(graph: &'g Graph, lives: &[Option<Lifetime>], lines: &HashMap<ValueId, usize>) -> Self {
        let mut sharing = Self { graph, groups: Vec::new(), group_of: vec![None; lives.len()] };
        for (index, life) in lives.iter().enumerate() {
            let Some(life) = *life else { continue };
            let value = ValueId(index);
            let bytes = lines.get(&value).copied().unwrap_or_else(|| bytes(graph, value)) as i64;
            let member = Member { value, start: 0, bytes, life, data: index };
            sharing.group_of[index] = Some(sharing.groups.len());
            sharing.groups.push(Group { members: vec![member] });
        }
        sharing
    }

    fn member(&self, value: ValueId) -> Option<(usize, Member)> {
        let group = self.group_of[value.0]?;
        let member = self.groups[group].members.iter().find(|m| m.value == value)?;
        Some((group, *member))
    }

    /// `part` is the bytes of `whole` from `offset` on: places it there.
    fn join_data(&mut self, whole: ValueId, part: ValueId, offset: i64) {
        let (Some((from, part)), Some((to, whole))) = (self.member(part), self.member(whole)) else { return };
        if from == to {
            return;
        }
        let shift = whole.start + offset - part.start;
        for member in &mut self.groups[from].members {
            member.data = whole.data;
        }
        self.merge(from, to, shift);
    }

    /// Makes `part` be computed where the concatenation `whole` wants it. Left alone (and copied by the emitter) if
    /// `part` belongs to something larger, or to two concatenations.
    fn place_part(&mut self, part: ValueId, whole: ValueId, offset: i64) {
        let (Some((from, part)), Some((to, whole))) = (self.member(part), self.member(whole)) else { return };
        let inside = |m: &Member| part.start <= m.start && m.end() <= part.end();
        let shift = whole.start + offset - part.start;
        if from == to || !self.groups[from].members.iter().all(inside) || !self.aligned(from, shift) {
            return;
        }
        // The result's other users see exactly these bytes, so only data of the result itself may lie here already.
        let region = Member { start: whole.start + offset, ..part };
        let foreign = |m: &Member| m.data != whole.data && m.start < region.end() && region.start < m.end();
        if self.groups[to].members.iter().any(foreign) {
            return;
        }
        for member in &mut self.groups[from].members {
            member.data = whole.data;
        }
        self.merge(from, to, shift);
    }

    /// Makes the node at `step` write `y` over `x`, if nobody else needs what is there.
    fn place_in_place(&mut self, x: ValueId, y: ValueId, step: usize) {
        let (Some((from, y)), Some((to, x))) = (self.member(y), self.member(x)) else { return };
        let shift = x.start - y.start;
        if from == to || !self.aligned(from, shift) {
            return;
        }
        let allowed = |new: &Member, old: &Member| {
            let operand = old.data == x.data && old.start == x.start && old.bytes == x.bytes && old.life.last == step;
            operand && new.value == y.value
        };
        let (new, old) = (&self.groups[from].members, &self.groups[to].members);
        if new.iter().all(|n| old.iter().all(|o| !n.meets(shift, o) || allowed(n, o))) {
            self.merge(from, to, shift);
        }
    }

    /// Members of group `from` stay aligned to their elements when moved by `shift`.
    fn aligned(&self, from: usize, shift: i64) -> bool {
        let element = |m: &Member| i64::from(self.graph.value(m.value).dtype.bytes());
        self.groups[from].members.iter().all(|m| (m.start + shift).rem_euclid(element(m)) == 0)
    }

    fn merge(&mut self, from: usize, to: usize, shift: i64) {
        for mut member in std::mem::take(&mut self.groups[from].members) {
            member.start += shift;
            self.group_of[member.value.0] = Some(to);
            self.groups[to].members.push(member);
        }
    }

    fn finish(self) -> Vec<Group> {
        let mut groups: Vec<Group> = self.groups.into_iter().filter(|g| !g.members.is_empty()).collect();
        for group in &mut groups {
            let lowest = group.members.iter().map(|m| m.start).min().unwrap_or(0);
            let origin = lowest.div_euclid(super::conflicts::ALIGN) * super::conflicts::ALIGN;
            group.members.iter_mut().for_each(|m| m.start -= origin);
        }
        groups
    }
}
