//! Kernels on int16 activations with int8 weights. All int16 values have zero point 0.

pub mod add;
pub mod average_pool2d;
pub mod conv2d;
pub mod depthwise_conv2d;
pub mod dequantize;
pub mod fully_connected;
pub mod lookup;
pub mod max_pool2d;
pub mod mean;
pub mod mul;
pub mod narrow;
pub mod quantize;
pub mod rescale;
mod scales;
pub mod sigmoid;
pub mod softmax;
#[cfg(test)]
pub(crate) mod testing;
pub mod widen;

use super::elementwise::Operands;
use crate::arch;
use crate::format::instruction::BinaryI16;

/// As many products have a sum that fits `i32`, whatever the operands: `511 * 2^15 * 2^7 < 2^31`.
const CHUNK: usize = 504;

/// `sum(x * w)` over the shorter of the two, in pieces whose sums fit 32 bits.
#[inline]
fn dot(x: &[i16], w: &[i8]) -> i64 {
    if x.len() <= CHUNK {
        return arch::dot_i16(x, w).into();
    }
    let pieces = x.chunks(CHUNK).zip(w.chunks(CHUNK));
    pieces.fold(0, |sum, (x, w)| sum.wrapping_add(arch::dot_i16(x, w).into()))
}

/// `value` within `min..=max`. Not `Ord::clamp`, which panics if `min > max`.
#[inline]
fn store(value: i32, min: i16, max: i16) -> i16 {
    value.max(min.into()).min(max.into()) as i16
}

impl From<&BinaryI16> for Operands {
    fn from(op: &BinaryI16) -> Self {
        Self { a: op.a, b: op.b, y: op.y, len: op.len, b_len: op.b_len, b_inner: op.b_inner }
    }
}
