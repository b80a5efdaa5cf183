//! Long short-term memory.

use super::Array;
use burn_tensor::{Tensor, activation::sigmoid};

/// Row after row of `x [n, steps, in]`: `cell = sigmoid(forget) * cell + sigmoid(input) * tanh(candidate)`, clipped to
/// `cell_clip` where that is above 0, and `hidden = sigmoid(output) * tanh(cell)`, which is the row of `[n, steps, units]`.
///
/// Operands as [`crate::ir::Op::Lstm`] has them; `None` if there are not as many.
pub(super) fn lstm(cell_clip: f32, operands: &[&Array]) -> Option<Array> {
    let (&[x, cell, hidden], gates) = operands.split_first_chunk()?;
    let gates: &[[&Array; 3]; 4] = gates.as_chunks().0.first_chunk()?;
    let [.., batch, steps, in_n] = x.full().dims();
    let [.., units] = cell.full().dims();
    // All gates at once, one below the other.
    let joined = |part: usize, columns: usize| -> Tensor<2> {
        let parts = gates.iter().map(|gate| gate[part].full().reshape([units, columns])).collect();
        Tensor::cat(parts, 0).transpose()
    };
    let (weights_x, weights_h, bias) = (joined(0, in_n), joined(1, units), joined(2, 1));
    let from_x = x.full().reshape([batch * steps, in_n]).matmul(weights_x).add(bias);
    let from_x = from_x.reshape([batch, steps, 4 * units]);
    let mut cell: Tensor<2> = cell.full().reshape([batch, units]);
    let mut hidden: Tensor<2> = hidden.full().reshape([batch, units]);
    let mut rows = Vec::with_capacity(steps);
    for step in 0..steps {
        let from_x = from_x.clone().slice([0..batch, step..step + 1, 0..4 * units]).reshape([batch, 4 * units]);
        let sums = from_x.add(hidden.matmul(weights_h.clone()));
        let gate = |index: usize| sums.clone().slice([0..batch, index * units..(index + 1) * units]);
        let [input, forget, candidate, output] = [gate(0), gate(1), gate(2), gate(3)];
        cell = sigmoid(forget).mul(cell).add(sigmoid(input).mul(candidate.tanh()));
        if cell_clip > 0.0 {
            cell = cell.clamp(-cell_clip, cell_clip);
        }
        hidden = sigmoid(output).mul(cell.clone().tanh());
        rows.push(hidden.clone().reshape([1, 1, 1, batch, 1, units]));
    }
    Some(Array::from_full(Tensor::cat(rows, 4), 3))
}
