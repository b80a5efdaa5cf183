//! Filters of which blocks of zeros are left out.

use std::vec::Vec;

/// What [`Conv2dSparse`](super::super::instruction::Conv2dSparse) holds of its filters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SparseBlocks {
    /// Stored blocks of each filter.
    pub counts: Vec<u16>,
    /// How far each lies from the one before it.
    pub deltas: Vec<u8>,
    /// Four weights of each.
    pub weights: Vec<i8>,
}

/// The blocks of filters of `row` weights each that are not all zero, and those that bridge 256 blocks and more of zeros.
/// `None` if a filter has more blocks than a `u16` counts.
pub fn sparse_blocks(weights: &[i8], row: usize) -> Option<SparseBlocks> {
    let mut packed = SparseBlocks::default();
    for filter in weights.chunks(row.max(1)) {
        let (before, mut last) = (packed.deltas.len(), 0);
        for (at, block) in filter.chunks(4).enumerate().filter(|(_, block)| block.iter().any(|&w| w != 0)) {
            while at - last > usize::from(u8::MAX) {
                packed.deltas.push(u8::MAX);
                packed.weights.extend([0; 4]);
                last += usize::from(u8::MAX);
            }
            packed.deltas.push((at - last) as u8);
            packed.weights.extend((0..4).map(|i| block.get(i).copied().unwrap_or(0)));
            last = at;
        }
        packed.counts.push(u16::try_from(packed.deltas.len() - before).ok()?);
    }
    Some(packed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    #[test]
    fn blocks_of_zeros_are_left_out() {
        // Rows of ten weights: the third block of each has two.
        let weights = [1, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 3, 0, 4, 5];
        let packed = sparse_blocks(&weights, 10).unwrap();
        assert_eq!(packed.counts, [2, 0, 2]);
        assert_eq!(packed.deltas, [0, 2, 1, 1]);
        assert_eq!(packed.weights, [1, 0, 0, 0, 0, 9, 0, 0, 0, 2, 3, 0, 4, 5, 0, 0]);
    }

    #[test]
    fn long_gaps_are_bridged() {
        let mut weights = vec![0; 4 * 1000];
        (weights[4 * 255], weights[4 * 800 + 3]) = (7, 8);
        let packed = sparse_blocks(&weights, 4 * 1000).unwrap();
        assert_eq!((packed.counts.as_slice(), packed.deltas.as_slice()), (&[4][..], &[255, 255, 255, 35][..]));
        assert_eq!(packed.weights, [7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8]);
    }
}
