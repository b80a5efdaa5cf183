use super::{check_range, limit};
use crate::error::Fault;
use crate::format::instruction::BinaryF32;
use crate::op::elementwise::Operands;
use crate::op::{Limits, Memory};

/// Addition: `y = clamp(a + b, min, max)`; all `[len]` f32, `b` broadcast before.
fn add_f32(op: &BinaryF32, a: &[f32], b: &[f32], y: &mut [f32]) {
    for ((y, a), b) in y.iter_mut().zip(a).zip(b) {
        *y = limit(a + b, op.min, op.max);
    }
}

pub(crate) fn check(op: &BinaryF32, limits: &Limits) -> Result<(), Fault> {
    check_range(op.min, op.max)?;
    Operands::from(op).check::<f32>(limits)
}

pub(crate) fn run(op: &BinaryF32, memory: &mut Memory) -> Option<()> {
    Operands::from(op).run(memory, |a, b, y| add_f32(op, a, b, y))
}
