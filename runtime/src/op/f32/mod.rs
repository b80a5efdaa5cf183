//! Float32 kernels, behind the feature `f32`.

pub mod add;
pub mod average_pool2d;
pub mod conv2d;
pub mod fully_connected;
pub mod lstm;
pub mod max_pool2d;
pub mod mean;
pub mod mul;
pub mod softmax;
pub mod unary;

use crate::error::Fault;
use crate::format::instruction::FloatWeights;
use crate::op::{Limits, Memory, parameter};
use bytemuck::Pod;

/// How many sums a dot product keeps, so that a host adds them side by side.
const LANES: usize = 8;

/// `v` limited to `min..=max`; NaN stays NaN.
#[inline]
fn limit(v: f32, min: f32, max: f32) -> f32 {
    if v < min {
        min
    } else if v > max {
        max
    } else {
        v
    }
}

/// Neither is NaN, and `min <= max`.
fn check_range(min: f32, max: f32) -> Result<(), Fault> {
    parameter(min <= max)
}

/// A stored weight: binary32, or binary16 with the feature `half`.
trait Weight: Pod + Into<f32> {}
impl<T: Pod + Into<f32>> Weight for T {}

/// `sum(x[i] * w[i])` over the shorter of the two.
#[inline]
fn dot<W: Weight>(x: &[f32], w: &[W]) -> f32 {
    let n = x.len().min(w.len());
    let (Some(x), Some(w)) = (x.get(..n), w.get(..n)) else { return 0.0 };
    let (x_chunks, x_rest) = x.as_chunks::<LANES>();
    let (w_chunks, w_rest) = w.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (x, w) in x_chunks.iter().zip(w_chunks) {
        for (sum, (&x, &w)) in sums.iter_mut().zip(x.iter().zip(w)) {
            *sum += x * w.into();
        }
    }
    let rest: f32 = x_rest.iter().zip(w_rest).map(|(&x, &w)| x * w.into()).sum();
    sums.iter().sum::<f32>() + rest
}

fn check_weights(weights: FloatWeights, elements: u32, limits: &Limits) -> Result<(), Fault> {
    if !weights.half {
        return limits.weights::<f32>(weights.offset, elements).map(drop);
    }
    #[cfg(feature = "half")]
    return limits.weights::<half::f16>(weights.offset, elements).map(drop);
    #[cfg(not(feature = "half"))]
    Err(Fault::Unsupported)
}

/// Weights as they are stored.
enum Stored<'m> {
    Single(&'m [f32]),
    #[cfg(feature = "half")]
    Half(&'m [half::f16]),
}

fn stored<'m>(memory: &Memory<'m, '_>, weights: FloatWeights, elements: u32) -> Option<Stored<'m>> {
    if !weights.half {
        return Some(Stored::Single(memory.weights(weights.offset, elements)?));
    }
    #[cfg(feature = "half")]
    return Some(Stored::Half(memory.weights(weights.offset, elements)?));
    #[cfg(not(feature = "half"))]
    None
}

impl Stored<'_> {
    /// [`dot`] of `x` with row `row` of a matrix that has `x.len()` columns.
    fn row_dot(&self, row: usize, x: &[f32]) -> Option<f32> {
        let start = row.checked_mul(x.len())?;
        Some(match self {
            Self::Single(weights) => dot(x, weights.get(start..)?),
            #[cfg(feature = "half")]
            Self::Half(weights) => dot(x, weights.get(start..)?),
        })
    }
}

#[cfg(test)]
mod tests;
