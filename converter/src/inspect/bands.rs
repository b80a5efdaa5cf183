//! Instructions that run in bands: what of their results is in memory.

use super::{Choice, Facts};
use mote_runtime::format::Instruction;
use mote_runtime::format::instruction::{Stage, Stages};

/// What an instruction is in a chain that runs in bands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Says that the next ones do; writes nothing, at the place where the last of them writes.
    Head { y: u32 },
    /// Leaves some rows of its result for the next one.
    Inner { rows: u32, of: u32, row_bytes: u32 },
    /// Reads rows, and completes its result; with how it lies over the chain's input.
    Last { first_x: [u32; 2] },
}

impl Role {
    /// What is different from an instruction on its own.
    pub fn apply(self, facts: Facts, choice: Choice) -> (Facts, Choice) {
        match self {
            Self::Head { y } => (Facts { y_shape: Vec::new(), writes: [y, y], ..facts }, choice),
            Self::Inner { rows, of, row_bytes } => {
                let bytes = rows.saturating_mul(row_bytes);
                let writes = [facts.writes[0], facts.writes[0].saturating_add(bytes)];
                (Facts { writes, ..facts }, choice.in_bands(rows, of, bytes))
            }
            Self::Last { first_x } => {
                let choice = choice.over_first_input(first_x, facts.writes);
                (facts, choice)
            }
        }
    }
}

/// Of every instruction of a program that `Model::load` has accepted; `None` for those that run on their own.
pub fn roles(instructions: impl Iterator<Item = Instruction>) -> Vec<Option<Role>> {
    let all: Vec<Instruction> = instructions.collect();
    let mut roles = vec![None; all.len()];
    for (head, instruction) in all.iter().enumerate() {
        let Instruction::Bands(bands) = instruction else { continue };
        let chain = all.iter().skip(head + 1).take(bands.count as usize);
        let mut stages = Stages::default();
        let mut banded = chain.clone().filter_map(Stage::of);
        let _ = banded.all(|stage| stages.push(stage));
        let (Some(first), Some(last)) = (chain.clone().next(), chain.clone().next_back()) else { continue };
        let inner = stages.as_slice().iter().zip(stages.line_rows()).map(|(stage, rows)| Role::Inner {
            rows,
            of: stage.y_shape.h,
            row_bytes: stage.y_shape.w.saturating_mul(stage.y_shape.c),
        });
        roles.iter_mut().skip(head + 1).zip(inner).for_each(|(role, inner)| *role = Some(inner));
        let y = Facts::of(last).writes[0];
        roles[head] = Some(Role::Head { y });
        if let Some(role) = roles.get_mut(head + chain.count()) {
            *role = Some(Role::Last { first_x: input(first) });
        }
    }
    roles
}

/// The arena range that an instruction of a chain reads.
fn input(instruction: &Instruction) -> [u32; 2] {
    let (x, shape) = match instruction {
        Instruction::Conv2d(op) => (op.x, op.x_shape),
        Instruction::DepthwiseConv2d(op) => (op.x, op.x_shape),
        Instruction::MaxPool2d(op) | Instruction::AveragePool2d(op) => (op.x, op.x_shape),
        _ => return [0, 0],
    };
    [x, x.saturating_add(shape.elements().unwrap_or(u32::MAX))]
}
