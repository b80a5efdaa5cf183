//! Ops that meet elements of two operands, with NumPy broadcasting.

use super::Array;
use crate::ir::Activation;
use burn_tensor::Tensor;

/// The fused clamp.
pub(super) fn clamp<const D: usize>(x: Tensor<D>, activation: Activation) -> Tensor<D> {
    let x = if activation.min > f32::NEG_INFINITY { x.clamp_min(activation.min) } else { x };
    if activation.max < f32::INFINITY { x.clamp_max(activation.max) } else { x }
}

/// `clamp(a + b)`.
pub(super) fn add(activation: Activation, a: &Array, b: &Array) -> Array {
    let rank = a.rank().max(b.rank());
    Array::from_full(clamp(a.full().add(b.full()), activation), rank)
}

/// `clamp(a - b)`.
pub(super) fn sub(activation: Activation, a: &Array, b: &Array) -> Array {
    let rank = a.rank().max(b.rank());
    Array::from_full(clamp(a.full().sub(b.full()), activation), rank)
}

/// `clamp(a * b)`.
pub(super) fn mul(activation: Activation, a: &Array, b: &Array) -> Array {
    let rank = a.rank().max(b.rank());
    Array::from_full(clamp(a.full().mul(b.full()), activation), rank)
}

/// `x * scale + shift`, per channel of the last axis.
pub(super) fn scale_shift(x: &Array, scale: &Array, shift: &Array) -> Array {
    x.map(|t| t.mul(scale.full()).add(shift.full()))
}
