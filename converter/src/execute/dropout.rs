//! Dropout while a network is trained.

use super::{Array, Target};

/// Elements whose number in `uniform` (one each, in [0, 1)) is below `rate` become 0; the others grow by `1 / (1 - rate)`.
pub(super) fn dropout(rate: f32, x: &Array, uniform: &[f32], target: &Target) -> Array {
    let kept = 1.0 / (1.0 - rate);
    let mask = uniform.iter().map(|&u| if u < rate { 0.0 } else { kept }).collect();
    let mask = Array::new(mask, &x.shape(), target);
    x.map(|x| x.mul(mask.full()))
}
