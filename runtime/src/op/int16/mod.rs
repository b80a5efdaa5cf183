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

use super::Memory;
use super::elementwise::Operands;
use crate::arch;
use crate::format::instruction::{BinaryI16, RowOrder};

/// Outputs that a convolution holds on the stack before it writes them.
const BLOCK: usize = 32;

/// Input and output of a convolution, each an offset in the arena and a length; never borrowed at the same time.
struct Maps<'s, 'm, 'a> {
    memory: &'s mut Memory<'m, 'a>,
    x: (u32, u32),
    y: (u32, u32),
}

impl Maps<'_, '_, '_> {
    fn x(&mut self) -> Option<&[i16]> {
        self.memory.arena(self.x.0, self.x.1).map(|x| &*x)
    }

    fn write(&mut self, at: usize, outputs: &[i16]) -> Option<()> {
        let y: &mut [i16] = self.memory.arena(self.y.0, self.y.1)?;
        y.get_mut(at..)?.get_mut(..outputs.len())?.copy_from_slice(outputs);
        Some(())
    }
}

impl RowOrder {
    /// The row, or column, of `size` that is computed as the `step`th.
    fn row(self, step: u32, size: u32) -> u32 {
        match self {
            Self::TopDown => step,
            Self::BottomUp => size.wrapping_sub(1).wrapping_sub(step),
        }
    }
}

/// As many products have a sum that fits `i32`, whatever the operands: `511 * 2^15 * 2^7 < 2^31`.
const CHUNK: usize = 504;

/// Adds `sum(x * row)` of two rows of weights to `sums`, in pieces whose sums fit 32 bits.
#[inline]
fn add_dots(sums: &mut [i64; 2], x: &[i16], [a, b]: [&[i8]; 2]) {
    let mut add = |x: &[i16], a: &[i8], b: &[i8]| {
        let [first, second] = arch::dot_pair_i16(x, a, b);
        *sums = [sums[0].wrapping_add(first.into()), sums[1].wrapping_add(second.into())];
    };
    if x.len() <= CHUNK {
        return add(x, a, b);
    }
    for ((x, a), b) in x.chunks(CHUNK).zip(a.chunks(CHUNK)).zip(b.chunks(CHUNK)) {
        add(x, a, b);
    }
}

/// Rows `row` and `row + 1` of weights; the first one twice if only `left` of them are left.
#[inline]
fn row_pair(weights: &[i8], row: usize, row_bytes: usize, left: usize) -> Option<[&[i8]; 2]> {
    let rows = weights.get(row.wrapping_mul(row_bytes)..)?;
    let first = rows.get(..row_bytes)?;
    Some([first, if left > 1 { rows.get(row_bytes..)?.get(..row_bytes)? } else { first }])
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
