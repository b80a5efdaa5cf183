//! Batch normalization per channel of the last axis.

use super::Array;
use super::array::RANK;
use burn_tensor::Tensor;

/// What one batch looked like to one normalization, per channel.
#[derive(Clone, Debug)]
pub struct Statistics {
    /// Index of the node in the graph.
    pub node: usize,
    /// Mean over all elements of the channel.
    pub mean: Array,
    /// Their variance, with the divisor `n - 1`: what the running variance follows.
    pub variance: Array,
}

/// `(x - mean) / sqrt(variance + epsilon) * scale + shift`; operands `x, scale, shift, mean, variance`.
pub(super) fn batch_norm(epsilon: f32, [x, scale, shift, mean, variance]: [&Array; 5]) -> Array {
    x.map(|x| normalized(epsilon, x, mean.full(), variance.full()).mul(scale.full()).add(shift.full()))
}

/// The same with mean and variance (divisor `n`) of `x` itself, and these.
pub(super) fn batch_norm_training(epsilon: f32, [x, scale, shift]: [&Array; 3], node: usize) -> (Array, Statistics) {
    let full = x.full();
    let dims = full.dims();
    let over_all = |t: Tensor<RANK>| (0..RANK - 1).filter(|&a| dims[a] > 1).fold(t, |t, axis| t.mean_dim(axis));
    let mean = over_all(full.clone());
    let centred = full.sub(mean.clone());
    let variance = over_all(centred.clone().mul(centred.clone()));
    let y = centred.mul(variance.clone().add_scalar(epsilon).sqrt().recip());
    let y = y.mul(scale.full()).add(shift.full());

    let n = dims[..RANK - 1].iter().product::<usize>() as f64;
    let unbiased = variance.detach().mul_scalar(n / (n - 1.0).max(1.0));
    let statistics =
        Statistics { node, mean: Array::from_full(mean.detach(), 1), variance: Array::from_full(unbiased, 1) };
    (Array::from_full(y, x.rank()), statistics)
}

fn normalized(epsilon: f32, x: Tensor<RANK>, mean: Tensor<RANK>, variance: Tensor<RANK>) -> Tensor<RANK> {
    x.sub(mean).mul(variance.add_scalar(epsilon).sqrt().recip())
}
