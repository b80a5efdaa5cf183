//! Filters of which only some blocks of four weights are stored.

use super::{Channel, SLOTS, Store, dot_patch_block, sum_bytes};

/// Elements of a block in a patch: words of all slots.
const BLOCK_WORDS: usize = 2 * SLOTS;

/// Filters, some of whose blocks are stored: see [`Conv2dSparse`](crate::format::instruction::Conv2dSparse). Every block
/// lies inside its filter's row, which kernels rely on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SparseFilters<'a> {
    counts: &'a [u16],
    deltas: &'a [u8],
    weights: &'a [[i8; 4]],
    #[cfg_attr(not(kernel_arm_dsp), allow(dead_code, reason = "for kernels that read no slices"))]
    row_blocks: usize,
}

impl<'a> SparseFilters<'a> {
    /// Filters of `row_blocks` blocks, 1 or more, stored or not. `None` if the three tables do not belong together, or a
    /// block lies outside its row.
    pub fn new(counts: &'a [u16], deltas: &'a [u8], weights: &'a [i8], row_blocks: usize) -> Option<Self> {
        let (weights, rest) = weights.as_chunks::<4>();
        let mut left = deltas;
        for &count in counts {
            let (row, others) = left.split_at_checked(count.into())?;
            // Blocks are in order: if the last one is inside, all are.
            if sum_bytes(row) as usize >= row_blocks {
                return None;
            }
            left = others;
        }
        let complete = left.is_empty() && rest.is_empty() && weights.len() == deltas.len();
        complete.then_some(Self { counts, deltas, weights, row_blocks })
    }

    /// True if no two blocks of a filter lie in the same place.
    pub fn is_strict(mut self) -> bool {
        let mut strict = true;
        while let Some(row) = self.next_row() {
            strict &= row.deltas.iter().skip(1).all(|&delta| delta > 0);
        }
        strict
    }

    /// The first filter, which is taken off.
    #[inline]
    pub fn next_row(&mut self) -> Option<SparseRow<'a>> {
        let (&count, counts) = self.counts.split_first()?;
        let (deltas, other_deltas) = self.deltas.split_at_checked(count.into())?;
        let (weights, other_weights) = self.weights.split_at_checked(count.into())?;
        *self = Self { counts, deltas: other_deltas, weights: other_weights, ..*self };
        Some(SparseRow { deltas, weights })
    }

    /// Blocks of a row, stored or not.
    #[cfg(kernel_arm_dsp)]
    pub fn row_blocks(&self) -> usize {
        self.row_blocks
    }

    /// Counts, deltas and weights. There are as many deltas and weights as all counts together.
    #[cfg(kernel_arm_dsp)]
    pub fn tables(&self) -> (&'a [u16], &'a [u8], &'a [[i8; 4]]) {
        (self.counts, self.deltas, self.weights)
    }

    /// Takes off the first `filters`, which have `blocks` blocks together.
    #[cfg(kernel_arm_dsp)]
    pub fn take_off(&mut self, filters: usize, blocks: usize) -> Option<()> {
        let counts = self.counts.get(filters..)?;
        *self = Self { counts, deltas: self.deltas.get(blocks..)?, weights: self.weights.get(blocks..)?, ..*self };
        Some(())
    }
}

/// The stored blocks of one filter.
#[derive(Clone, Copy)]
pub(crate) struct SparseRow<'a> {
    deltas: &'a [u8],
    weights: &'a [[i8; 4]],
}

impl SparseRow<'_> {
    /// For every slot: `acc + sum(patch[k] * w[k])`.
    #[inline]
    pub fn dot_patches(&self, patches: &[u32], acc: i32) -> [i32; SLOTS] {
        let patches = patches.as_chunks::<BLOCK_WORDS>().0;
        let (mut sums, mut at) = ([acc; SLOTS], 0usize);
        for (&delta, weights) in self.deltas.iter().zip(self.weights) {
            at = at.wrapping_add(delta.into());
            let Some(patch) = patches.get(at) else { break };
            sums = dot_patch_block(sums, patch, weights);
        }
        sums
    }

    /// `acc + sum((x[k] - x_zero_point) * w[k])`.
    #[inline]
    pub fn dot(&self, x: &[i8], x_zero_point: i8, acc: i32) -> i32 {
        let (x, zero) = (x.as_chunks::<4>().0, i32::from(x_zero_point));
        let (mut sum, mut at) = (acc, 0usize);
        for (&delta, weights) in self.deltas.iter().zip(self.weights) {
            at = at.wrapping_add(delta.into());
            let Some(x) = x.get(at) else { break };
            // Four products in a row: small devices are built without loops unrolled.
            let product = |x: i8, w: i8| (i32::from(x) - zero) * i32::from(w);
            let (&[x_0, x_1, x_2, x_3], &[w_0, w_1, w_2, w_3]) = (x, weights);
            let (low, high) = (product(x_0, w_0) + product(x_1, w_1), product(x_2, w_2) + product(x_3, w_3));
            sum = sum.wrapping_add(low).wrapping_add(high);
        }
        sum
    }
}

/// Channels to compute, and how.
#[derive(Clone, Copy)]
pub(crate) struct SparseBlock<'a> {
    /// Of the outputs to compute.
    pub channels: &'a [Channel],
    /// Rounding and clamping.
    pub store: Store,
}

/// `y[p * y_stride + f] = output(dot(patch[p], filter[f]) + bias[f])` for the pixels `p` of a block and its channels `f`;
/// takes their filters off. `None`, with the rest of `y` untouched, if there are too few.
#[cfg_attr(kernel_arm_dsp, allow(dead_code, reason = "the oracle of the kernel that is used instead"))]
pub(crate) fn convolve_sparse(
    block: &SparseBlock<'_>,
    patches: &[u32],
    filters: &mut SparseFilters<'_>,
    y: &mut [i8],
    y_stride: usize,
) -> Option<()> {
    for (f, channel) in block.channels.iter().enumerate() {
        let mut at = f;
        for sum in filters.next_row()?.dot_patches(patches, channel.bias) {
            *y.get_mut(at)? = channel.output(sum, block.store);
            at = at.wrapping_add(y_stride);
        }
    }
    Some(())
}

/// `y[f] = output(dot(x - x_zero_point, filter[f]) + bias[f])` for the channels `f` of a block; takes their filters off.
/// `None`, with the rest of `y` untouched, if there are too few.
#[cfg_attr(kernel_arm_dsp, allow(dead_code, reason = "the oracle of the kernel that is used instead"))]
pub(crate) fn connect_sparse(
    block: &SparseBlock<'_>,
    x: &[i8],
    x_zero_point: i8,
    filters: &mut SparseFilters<'_>,
    y: &mut [i8],
) -> Option<()> {
    for (channel, y) in block.channels.iter().zip(y) {
        let sum = filters.next_row()?.dot(x, x_zero_point, channel.bias);
        *y = channel.output(sum, block.store);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_that_do_not_belong_together_are_refused() {
        let weights = [1i8; 16];
        let new =
            |counts: &[u16], deltas: &[u8], weights: &[i8]| SparseFilters::new(counts, deltas, weights, 8).is_some();
        assert!(new(&[3, 0, 1], &[0, 3, 4, 7], &weights));
        assert!(!new(&[3, 0, 1], &[0, 4, 4, 7], &weights), "the third block ends behind the row");
        assert!(!new(&[3, 0, 1], &[0, 3, 4, 8], &weights), "so does the fourth");
        assert!(!new(&[3, 0, 2], &[0, 3, 4, 7], &weights), "a block too few");
        assert!(!new(&[3, 0], &[0, 3, 4, 7], &weights), "a block too many");
        assert!(!new(&[3, 0, 1], &[0, 3, 4, 7], &weights[1..]), "weights too few");
        assert!(!new(&[3, 1], &[0, 3, 4, 7], &weights[..12]), "weights of three blocks");
    }

    #[test]
    fn blocks_in_the_same_place_are_noticed() {
        let strict = |deltas: &[u8]| SparseFilters::new(&[2, 2], deltas, &[0; 16], 8).unwrap().is_strict();
        assert!(strict(&[0, 1, 0, 7]) && strict(&[5, 2, 6, 1]));
        assert!(!strict(&[0, 0, 0, 7]) && !strict(&[5, 2, 6, 0]));
    }
}
