//! Dense layer.

use super::Array;
use super::elementwise::clamp;
use crate::ir::Activation;

/// `x [..., in]`, `weights [out, in]`, `bias [out]` -> `[..., out]`.
pub(super) fn fully_connected(activation: Activation, x: &Array, weights: &Array, bias: Option<&Array>) -> Array {
    let [.., outputs, inputs] = weights.full().dims();
    let mut shape = x.shape();
    let rows = shape.iter().product::<usize>() / inputs;
    if let Some(last) = shape.last_mut() {
        *last = outputs;
    }
    let weights = weights.full().reshape([outputs, inputs]);
    let y = x.full().reshape([rows, inputs]).matmul(weights.transpose());
    let y = match bias {
        Some(bias) => y.add(bias.full().reshape([1, outputs])),
        None => y,
    };
    let y = clamp(y, activation);
    Array::from_full(y.reshape([1, 1, 1, 1, rows, outputs]), 2).reshaped(&shape)
}
