use super::{Limits, Memory, parameter, product};
use crate::error::Fault;
use crate::fixed_point::{logistic_q15, requantize, rounding_divide_by_power_of_two, tanh_q15};
use crate::format::Rounding;
use crate::format::instruction::{Lstm, LstmGate};
use core::num::NonZeroUsize;

/// Integer bits of what a gate's function gets.
const GATE_INTEGER_BITS: u32 = 3;

/// A gate's constants.
#[derive(Clone, Copy)]
struct Gate<'m> {
    weights_x: &'m [i8],
    weights_h: &'m [i8],
    bias_x: &'m [i32],
    bias_h: &'m [i32],
    scales: LstmGate,
}

fn dot(weights: &[i8], x: &[i8], bias: i32) -> i32 {
    let products = weights.iter().zip(x).map(|(&w, &x)| i32::from(w).wrapping_mul(i32::from(x)));
    products.fold(bias, i32::wrapping_add)
}

fn saturate(x: i32) -> i16 {
    x.max(i16::MIN.into()).min(i16::MAX.into()) as i16
}

impl<'m> Gate<'m> {
    fn fetch(scales: &LstmGate, op: &Lstm, memory: &Memory<'m, '_>) -> Option<Self> {
        Some(Self {
            weights_x: memory.weights(scales.weights_x, op.units.checked_mul(op.in_n)?)?,
            weights_h: memory.weights(scales.weights_h, op.units.checked_mul(op.units)?)?,
            bias_x: memory.weights(scales.bias_x, op.units)?,
            bias_h: memory.weights(scales.bias_h, op.units)?,
            scales: *scales,
        })
    }

    /// What the function of this gate gets for one unit.
    fn sum(&self, unit: usize, x: &[i8], hidden: &[i8]) -> Option<i16> {
        let row = |weights: &'m [i8], n: usize| weights.get(unit.checked_mul(n)?..)?.get(..n);
        let from_x = dot(row(self.weights_x, x.len())?, x, *self.bias_x.get(unit)?);
        let from_h = dot(row(self.weights_h, hidden.len())?, hidden, *self.bias_h.get(unit)?);
        let scaled = |sum, by: crate::format::instruction::Multiplier| {
            requantize(sum, by.multiplier, by.shift, Rounding::Tflite)
        };
        let first = saturate(scaled(from_x, self.scales.scale_x));
        Some(saturate(scaled(from_h, self.scales.scale_h).saturating_add(first.into())))
    }
}

/// Long short-term memory, row after row:
/// `cell = sigmoid(forget) * cell + sigmoid(input) * tanh(candidate)`, `hidden = sigmoid(output) * tanh(cell)`.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `x` | `[steps, in_n]` | i8 | per tensor | folded into `bias_x` |
/// | `y` | `[steps, units]` | i8 | as `hidden` | `hidden_zero_point` |
/// | `cell` | `[units]` | i16 | `2^(cell_integer_bits - 15)` | 0 |
/// | `hidden` | `[units]` | i8 | per tensor | `hidden_zero_point` |
///
/// Bit-exact with the integer kernel of TensorFlow Lite 2.15 (8-bit weights, 16-bit cell) without peepholes, projection and
/// layer normalization: functions with 16-bit fixed point, products that are divided with ties away from zero.
fn lstm(op: &Lstm, gates: &[Gate; 4], x: &[i8], y: &mut [i8], cell: &mut [i16], hidden: &mut [i8]) -> Option<()> {
    let [input, forget, candidate, output] = gates;
    let (in_n, units) = (NonZeroUsize::new(op.in_n as usize)?, NonZeroUsize::new(op.units as usize)?);
    let cell_bits = u32::from(op.cell_integer_bits);
    let mut rows = x.chunks_exact(in_n.get());
    for y in y.chunks_exact_mut(units.get()) {
        let x = rows.next()?;
        for (unit, (y, cell)) in y.iter_mut().zip(cell.iter_mut()).enumerate() {
            let sigmoid = |gate: &Gate| Some(i32::from(logistic_q15(gate.sum(unit, x, hidden)?, GATE_INTEGER_BITS)));
            let kept = rounding_divide_by_power_of_two(sigmoid(forget)?.wrapping_mul((*cell).into()), 15) as i16;
            let new = i32::from(tanh_q15(candidate.sum(unit, x, hidden)?, GATE_INTEGER_BITS));
            let added = rounding_divide_by_power_of_two(sigmoid(input)?.wrapping_mul(new), cell_bits.wrapping_add(15));
            let mut sum = saturate(i32::from(kept).wrapping_add(i32::from(added as i16)));
            if op.cell_clip > 0 {
                sum = sum.max(op.cell_clip.wrapping_neg()).min(op.cell_clip);
            }
            *cell = sum;
            let product = sigmoid(output)?.wrapping_mul(tanh_q15(sum, cell_bits).into());
            let by = op.hidden_scale;
            let scaled = requantize(product, by.multiplier, by.shift, Rounding::Tflite);
            *y = super::scales::store(scaled, op.hidden_zero_point, i8::MIN, i8::MAX);
        }
        // Only now, so that every unit has seen the hidden state of the row before.
        hidden.iter_mut().zip(y.iter()).for_each(|(hidden, &y)| *hidden = y);
    }
    Some(())
}

pub(crate) fn check(op: &Lstm, limits: &Limits) -> Result<(), Fault> {
    parameter(op.cell_integer_bits <= 6 && op.cell_clip >= 0)?;
    op.hidden_scale.check()?;
    let weights_x = product(&[op.units, op.in_n])?;
    let weights_h = product(&[op.units, op.units])?;
    for gate in [&op.input, &op.forget, &op.candidate, &op.output] {
        gate.scale_x.check()?;
        gate.scale_h.check()?;
        limits.weights::<i8>(gate.weights_x, weights_x)?;
        limits.weights::<i8>(gate.weights_h, weights_h)?;
        limits.weights::<i32>(gate.bias_x, op.units)?;
        limits.weights::<i32>(gate.bias_h, op.units)?;
    }
    let spans = [
        limits.arena::<i8>(op.x, product(&[op.steps, op.in_n])?)?,
        limits.arena::<i8>(op.y, product(&[op.steps, op.units])?)?,
        limits.arena::<i16>(op.cell, op.units)?,
        limits.arena::<i8>(op.hidden, op.units)?,
    ];
    let [x, y, cell, hidden] = spans;
    for (a, b) in [(x, y), (x, cell), (x, hidden), (y, cell), (y, hidden), (cell, hidden)] {
        a.disjoint(b)?;
    }
    Ok(())
}

/// Sets the state to what zero is stored as.
pub(crate) fn reset(op: &Lstm, memory: &mut Memory) -> Option<()> {
    memory.arena::<i16>(op.cell, op.units)?.fill(0);
    memory.arena::<i8>(op.hidden, op.units)?.fill(op.hidden_zero_point);
    Some(())
}

pub(crate) fn run(op: &Lstm, memory: &mut Memory) -> Option<()> {
    let gate = |gate| Gate::fetch(gate, op, memory);
    let gates = [gate(&op.input)?, gate(&op.forget)?, gate(&op.candidate)?, gate(&op.output)?];
    let ranges = [
        super::bytes_of::<i8>(op.x, op.steps.checked_mul(op.in_n)?)?,
        super::bytes_of::<i8>(op.y, op.steps.checked_mul(op.units)?)?,
        super::bytes_of::<i16>(op.cell, op.units)?,
        super::bytes_of::<i8>(op.hidden, op.units)?,
    ];
    let [x, y, cell, hidden] = memory.arena.get_disjoint_mut(ranges).ok()?;
    let cell = bytemuck::try_cast_slice_mut(cell).ok()?;
    let (y, hidden) = (bytemuck::try_cast_slice_mut(y).ok()?, bytemuck::try_cast_slice_mut(hidden).ok()?);
    lstm(op, &gates, bytemuck::try_cast_slice(x).ok()?, y, cell, hidden)
}

#[cfg(test)]
#[path = "lstm/tests.rs"]
mod tests;
