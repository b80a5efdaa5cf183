//! Who occupies the arena when.

use super::operands::Operands;
use super::{Summary, bands};
use mote_runtime::Model;
use mote_runtime::format::Instruction;
use serde::Serialize;

/// Why bytes are occupied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Use {
    /// An input of the network.
    Input,
    /// The result of an instruction.
    Value,
    /// Memory that an instruction needs while it runs.
    Scratch,
    /// Kept between runs.
    State,
}

/// Bytes of the arena that are in use for some time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Occupant {
    /// Name of the input or node.
    pub name: String,
    /// What for.
    pub kind: Use,
    /// First byte and one past the last.
    pub bytes: [u32; 2],
    /// First and last instruction while it is needed. Inputs are there from the start, outputs to the end.
    pub instructions: [usize; 2],
}

impl Occupant {
    /// Number of bytes.
    pub fn size(&self) -> u32 {
        self.bytes[1].saturating_sub(self.bytes[0])
    }
}

/// All occupants, in the order of their first instruction.
pub fn occupants(model: &Model, summary: &Summary) -> Vec<Occupant> {
    let all: Vec<Instruction> = model.instructions().collect();
    let roles = bands::roles(all.iter().copied());
    let last = all.len().saturating_sub(1);
    let operands: Vec<Operands> = all.iter().map(Operands::of).collect();
    let reads = reads(&operands, &roles, summary);
    let writes: Vec<[u32; 2]> = summary.instructions.iter().map(|i| i.writes).collect();
    let is_output = |range: [u32; 2]| {
        summary.outputs.iter().any(|port| overlap(range, [port.arena_offset, port.arena_offset + port.arena_bytes]))
    };
    // Bytes that are written by `first` or before it are needed until the last read before something else overwrites them.
    let last_use = |range: [u32; 2], first: usize| {
        let mut end = first;
        for at in first + 1..all.len() {
            if reads[at].iter().any(|read| overlap(*read, range)) {
                end = at;
            }
            let (over, same) = (writes[at], summary.instructions[at].node == summary.instructions[first].node);
            // Instructions of one node write parts of one value, maybe between each other's rows.
            if over[0] < over[1] && overlap(over, range) && !same {
                return end;
            }
        }
        if is_output(range) && !writes[end + 1..].iter().any(|w| overlap(*w, range)) { last } else { end }
    };
    let mut found = Vec::new();
    for port in &summary.inputs {
        let bytes = [port.arena_offset, port.arena_offset + port.arena_bytes];
        let before = (0..all.len())
            .take_while(|&at| at == 0 || !overlap(writes[at - 1], bytes) || writes[at - 1][0] == writes[at - 1][1]);
        let end = before.filter(|&at| reads[at].iter().any(|read| overlap(*read, bytes))).last().unwrap_or(0);
        found.push(Occupant { name: port.name.clone(), kind: Use::Input, bytes, instructions: [0, end] });
    }
    let mut states: Vec<[u32; 2]> = operands.iter().flat_map(|o| o.state.clone()).collect();
    states.sort_unstable();
    states.dedup();
    for bytes in states {
        found.push(Occupant { name: "state".into(), kind: Use::State, bytes, instructions: [0, last] });
    }
    for (at, instruction) in summary.instructions.iter().enumerate() {
        // A chain in bands runs together: its line buffers and scratch memories are there until its end.
        let (start, end) = chain(&roles, at);
        let name = || instruction.node.clone();
        if writes[at][0] < writes[at][1] {
            let first = if start < end { start } else { at };
            let bytes = writes[at];
            let whole = at == end || start == end;
            let until = if whole { last_use(bytes, at) } else { end };
            found.push(Occupant { name: name(), kind: Use::Value, bytes, instructions: [first, until] });
        }
        if let Some(bytes) = operands[at].scratch {
            found.push(Occupant { name: name(), kind: Use::Scratch, bytes, instructions: [start, end] });
        }
    }
    found.sort_by_key(|o| (o.instructions, o.bytes));
    found
}

/// What each instruction reads. One that follows another in a chain of bands reads that one's line buffer.
fn reads(operands: &[Operands], roles: &[Option<bands::Role>], summary: &Summary) -> Vec<Vec<[u32; 2]>> {
    let of = |(at, operands): (usize, &Operands)| match at.checked_sub(1).map(|before| (before, roles[before])) {
        Some((before, Some(bands::Role::Inner { .. }))) => vec![summary.instructions[before].writes],
        _ => operands.reads.clone(),
    };
    operands.iter().enumerate().map(of).collect()
}

/// Where an operand comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Producer {
    /// An input of the network.
    Input(usize),
    /// The result of an instruction.
    Instruction(usize),
}

/// Which instruction reads what: pairs of producer and instruction, in the order of the instructions.
pub fn data_flow(model: &Model, summary: &Summary) -> Vec<(Producer, usize)> {
    let all: Vec<Instruction> = model.instructions().collect();
    let roles = bands::roles(all.iter().copied());
    let operands: Vec<Operands> = all.iter().map(Operands::of).collect();
    let mut edges = Vec::new();
    for (at, reads) in reads(&operands, &roles, summary).into_iter().enumerate() {
        // Parts of what is read that no later instruction is known to have written.
        let mut open = reads;
        let mut take = |range: [u32; 2], from: Producer, open: &mut Vec<[u32; 2]>| {
            if open.iter().any(|part| overlap(*part, range)) {
                edges.push((from, at));
                *open = open.iter().flat_map(|part| without(*part, range)).collect();
            }
        };
        for before in (0..at).rev() {
            take(summary.instructions[before].writes, Producer::Instruction(before), &mut open);
        }
        for (input, port) in summary.inputs.iter().enumerate() {
            let range = [port.arena_offset, port.arena_offset + port.arena_bytes];
            take(range, Producer::Input(input), &mut open);
        }
    }
    edges
}

/// The parts of `range` outside of `taken`.
fn without(range: [u32; 2], taken: [u32; 2]) -> impl Iterator<Item = [u32; 2]> {
    let parts = [[range[0], range[1].min(taken[0])], [range[0].max(taken[1]), range[1]]];
    parts.into_iter().filter(|part| part[0] < part[1])
}

fn overlap(a: [u32; 2], b: [u32; 2]) -> bool {
    a[0] < b[1] && b[0] < a[1]
}

/// First and last instruction of the chain that instruction `at` runs in: itself, if it runs alone.
fn chain(roles: &[Option<bands::Role>], at: usize) -> (usize, usize) {
    if !matches!(roles.get(at), Some(Some(_))) {
        return (at, at);
    }
    let is_head = |i: &usize| matches!(roles[*i], Some(bands::Role::Head { .. }));
    let start = (0..=at).rev().find(is_head).unwrap_or(at);
    let end = (at..roles.len()).find(|i| matches!(roles[*i], Some(bands::Role::Last { .. }))).unwrap_or(at);
    (start, end)
}

/// While each instruction runs: one past the highest byte in use, and how many are in use.
pub fn in_use(occupants: &[Occupant], instructions: usize) -> Vec<(u32, u32)> {
    let of = |at: usize| {
        let there = occupants.iter().filter(|o| (o.instructions[0]..=o.instructions[1]).contains(&at));
        let mut ranges: Vec<[u32; 2]> = there.map(|o| o.bytes).collect();
        ranges.sort_unstable();
        let (mut sum, mut end) = (0, 0);
        for range in ranges {
            sum += range[1].saturating_sub(range[0].max(end));
            end = end.max(range[1]);
        }
        (end, sum)
    };
    (0..instructions).map(of).collect()
}
