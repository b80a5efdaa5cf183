//! Softmax.

use super::Array;
use burn_tensor::activation;

/// `exp(x) / sum(exp(x))` along `axis`.
pub(super) fn softmax(x: &Array, axis: usize) -> Array {
    let axis = x.axis(axis);
    x.map(|t| activation::softmax(t, axis))
}
