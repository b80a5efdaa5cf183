use super::unary::sigmoid;
use super::{Stored, check_weights, limit, stored};
use crate::error::Fault;
use crate::format::instruction::{LstmF32, LstmGateF32};
use crate::op::{Limits, Memory, bytes_of, parameter, product};
use core::num::NonZeroUsize;

/// A gate's constants.
struct Gate<'m> {
    weights_x: Stored<'m>,
    weights_h: Stored<'m>,
    bias: &'m [f32],
}

impl<'m> Gate<'m> {
    fn fetch(gate: &LstmGateF32, op: &LstmF32, memory: &Memory<'m, '_>) -> Option<Self> {
        Some(Self {
            weights_x: stored(memory, gate.weights_x, op.units.checked_mul(op.in_n)?)?,
            weights_h: stored(memory, gate.weights_h, op.units.checked_mul(op.units)?)?,
            bias: memory.weights(gate.bias, op.units)?,
        })
    }

    /// What the function of this gate gets for one unit.
    fn sum(&self, unit: usize, x: &[f32], hidden: &[f32]) -> Option<f32> {
        Some(self.weights_x.row_dot(unit, x)? + self.weights_h.row_dot(unit, hidden)? + self.bias.get(unit)?)
    }
}

/// Long short-term memory, row after row:
/// `cell = sigmoid(forget) * cell + sigmoid(input) * tanh(candidate)`, clipped to `cell_clip`;
/// `hidden = sigmoid(output) * tanh(cell)`.
///
/// | name | shape | type |
/// |---|---|---|
/// | `x` | `[steps, in_n]` | f32 |
/// | `y` | `[steps, units]` | f32 |
/// | `cell`, `hidden` | `[units]` | f32 |
fn lstm_f32(
    op: &LstmF32,
    gates: &[Gate; 4],
    x: &[f32],
    y: &mut [f32],
    cell: &mut [f32],
    hidden: &mut [f32],
) -> Option<()> {
    let [input, forget, candidate, output] = gates;
    let (in_n, units) = (NonZeroUsize::new(op.in_n as usize)?, NonZeroUsize::new(op.units as usize)?);
    for (x, y) in x.chunks_exact(in_n.get()).zip(y.chunks_exact_mut(units.get())) {
        for (unit, (y, cell)) in y.iter_mut().zip(cell.iter_mut()).enumerate() {
            let kept = sigmoid(forget.sum(unit, x, hidden)?) * *cell;
            let added = sigmoid(input.sum(unit, x, hidden)?) * libm::tanhf(candidate.sum(unit, x, hidden)?);
            *cell = limit(kept + added, -op.cell_clip, op.cell_clip);
            *y = sigmoid(output.sum(unit, x, hidden)?) * libm::tanhf(*cell);
        }
        // Only now, so that every unit has seen the hidden state of the row before.
        hidden.iter_mut().zip(y.iter()).for_each(|(hidden, &y)| *hidden = y);
    }
    Some(())
}

pub(crate) fn check(op: &LstmF32, limits: &Limits) -> Result<(), Fault> {
    parameter(op.cell_clip > 0.0)?;
    let (weights_x, weights_h) = (product(&[op.units, op.in_n])?, product(&[op.units, op.units])?);
    for gate in [&op.input, &op.forget, &op.candidate, &op.output] {
        check_weights(gate.weights_x, weights_x, limits)?;
        check_weights(gate.weights_h, weights_h, limits)?;
        limits.weights::<f32>(gate.bias, op.units)?;
    }
    let x = limits.arena::<f32>(op.x, product(&[op.steps, op.in_n])?)?;
    let y = limits.arena::<f32>(op.y, product(&[op.steps, op.units])?)?;
    let cell = limits.arena::<f32>(op.cell, op.units)?;
    let hidden = limits.arena::<f32>(op.hidden, op.units)?;
    for (a, b) in [(x, y), (x, cell), (x, hidden), (y, cell), (y, hidden), (cell, hidden)] {
        a.disjoint(b)?;
    }
    Ok(())
}

/// Sets the state to 0.
pub(crate) fn reset(op: &LstmF32, memory: &mut Memory) -> Option<()> {
    memory.arena::<f32>(op.cell, op.units)?.fill(0.0);
    memory.arena::<f32>(op.hidden, op.units)?.fill(0.0);
    Some(())
}

pub(crate) fn run(op: &LstmF32, memory: &mut Memory) -> Option<()> {
    let gate = |gate| Gate::fetch(gate, op, memory);
    let gates = [gate(&op.input)?, gate(&op.forget)?, gate(&op.candidate)?, gate(&op.output)?];
    let ranges = [
        bytes_of::<f32>(op.x, op.steps.checked_mul(op.in_n)?)?,
        bytes_of::<f32>(op.y, op.steps.checked_mul(op.units)?)?,
        bytes_of::<f32>(op.cell, op.units)?,
        bytes_of::<f32>(op.hidden, op.units)?,
    ];
    let [x, y, cell, hidden] = memory.arena.get_disjoint_mut(ranges).ok()?;
    let (cell, hidden) = (bytemuck::try_cast_slice_mut(cell).ok()?, bytemuck::try_cast_slice_mut(hidden).ok()?);
    let (x, y) = (bytemuck::try_cast_slice(x).ok()?, bytemuck::try_cast_slice_mut(y).ok()?);
    lstm_f32(op, &gates, x, y, cell, hidden)
}

#[cfg(test)]
#[path = "lstm/tests.rs"]
mod tests;
