//! Constants in the order and form in which instructions read them.

mod sparse;

pub use sparse::{SparseBlocks, sparse_blocks};

use super::instruction::Multiplier;
use std::vec::Vec;

/// Filters of `row` weights each, for [`Conv2d`](super::instruction::Conv2d): every one is filled up with zeros to a
/// multiple of 4.
pub fn filter_rows(weights: &[i8], row: usize) -> Vec<i8> {
    let filled = |row: &[i8]| {
        let mut row = row.to_vec();
        row.resize(row.len().next_multiple_of(4), 0);
        row
    };
    weights.chunks(row.max(1)).flat_map(filled).collect()
}

/// Rows of `in_n` weights each, for [`FullyConnected`](super::instruction::FullyConnected): four inputs of four outputs
/// together, zeros where there is no such output or input.
pub fn quads(weights: &[i8], in_n: usize) -> Vec<i8> {
    let rows: Vec<&[i8]> = weights.chunks(in_n.max(1)).collect();
    let mut packed = Vec::new();
    for quad in rows.chunks(4) {
        for input in (0..in_n).step_by(4) {
            for output in 0..4 {
                let weight = |i| quad.get(output).and_then(|row| row.get(i)).copied().unwrap_or(0);
                packed.extend((input..input + 4).map(weight));
            }
        }
    }
    packed
}

/// Filters `[out_c, 3, 3, in_c]` for [`Conv2dWinograd`](super::instruction::Conv2dWinograd), in its order: four times
/// `G g G^T` of each, with the rows `1 0 0`, `1/2 1/2 1/2`, `1/2 -1/2 1/2` and, as it is stored negative, `0 0 -1` of `G`.
pub fn winograd_filters(weights: &[i8], in_c: usize) -> Vec<i16> {
    /// Twice `G` times `g`.
    fn double(g: [i16; 3]) -> [i16; 4] {
        [2 * g[0], g[0] + g[1] + g[2], g[0] - g[1] + g[2], -2 * g[2]]
    }
    let filters: Vec<&[i8]> = weights.chunks((9 * in_c).max(1)).collect();
    let transformed = |filter: &[i8], channel: usize| -> [[i16; 4]; 4] {
        let weight = |row: usize, column: usize| i16::from(filter[(row * 3 + column) * in_c + channel]);
        let rows: [[i16; 4]; 3] =
            core::array::from_fn(|row| double(core::array::from_fn(|column| weight(row, column))));
        let columns: [[i16; 4]; 4] = core::array::from_fn(|column| double(rows.map(|row| row[column])));
        core::array::from_fn(|row| columns.map(|column| column[row]))
    };
    let quads = in_c.div_ceil(4);
    let mut packed = std::vec![0; filters.len().div_ceil(2) * 16 * quads * 8];
    for (index, filter) in filters.iter().enumerate() {
        for channel in 0..in_c {
            let positions = transformed(filter, channel);
            let (pair, half) = (channel / 4 * 2 + channel % 2, channel % 4 / 2);
            for (row, positions) in positions.iter().enumerate() {
                for (place, column) in [1, 2, 0, 3].into_iter().enumerate() {
                    let position = index / 2 * 16 + row * 4 + place;
                    packed[((position * quads * 2 + pair) * 2 + index % 2) * 2 + half] = positions[column];
                }
            }
        }
    }
    packed
}

/// The words and the largest shift of [`Factors::Packed`](super::instruction::Factors::Packed), if these factors fit it.
pub fn packed_factors(factors: &[Multiplier]) -> Option<(Vec<u32>, i8)> {
    let shift = factors.iter().map(|f| f.shift).max().filter(|shift| (-28..=30).contains(shift))?;
    let word = |factor: &Multiplier| {
        let below = u32::try_from(i32::from(shift) - i32::from(factor.shift)).ok().filter(|&n| n <= 3)?;
        let normal = factor.multiplier >= 1 << 30;
        normal.then_some(below << 30 | (factor.multiplier as u32 & 0x3fff_ffff))
    };
    Some((factors.iter().map(word).collect::<Option<_>>()?, shift))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_filled_up_to_words() {
        assert_eq!(filter_rows(&[1, 2, 3, 4, 5, 6], 3), [1, 2, 3, 0, 4, 5, 6, 0]);
        assert_eq!(filter_rows(&[1, 2, 3, 4], 4), [1, 2, 3, 4]);
    }

    #[test]
    fn quads_hold_four_outputs_side_by_side() {
        let packed = quads(&[1, 2, 3, 4, 5, 11, 12, 13, 14, 15], 5);
        assert_eq!(packed[..16], [1, 2, 3, 4, 11, 12, 13, 14, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(packed[16..], [5, 0, 0, 0, 15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn winograd_filters_are_four_times_the_transform() {
        // One filter of two channels, 1 in a corner of the one and everywhere in the other.
        let mut weights = [0; 18];
        (weights[0], weights[1]) = (1, 127);
        (1..9).for_each(|tap| weights[2 * tap + 1] = 127);
        let packed = winograd_filters(&weights, 2);
        assert_eq!(packed.len(), 16 * 8);
        let position = |index: usize| {
            let eight = &packed[index * 8..][..8];
            assert_eq!((eight[1], eight[2], eight[3], eight[5], eight[6], eight[7]), (0, 0, 0, 0, 0, 0));
            (eight[0], eight[4])
        };
        // Columns 1, 2, 0, 3 of row 0, then of row 1.
        assert_eq!([0, 1, 2, 3].map(position), [(2, 6 * 127), (2, 2 * 127), (4, 4 * 127), (0, -4 * 127)]);
        assert_eq!([4, 5, 6, 7].map(position), [(1, 9 * 127), (1, 3 * 127), (2, 6 * 127), (0, -6 * 127)]);
        assert_eq!([12, 13, 14, 15].map(position), [(0, -6 * 127), (0, -2 * 127), (0, -4 * 127), (0, 4 * 127)]);
    }

    #[test]
    fn factors_too_far_apart_or_zero_are_not_packed() {
        let factor = |shift| Multiplier { multiplier: 0x4000_0001, shift };
        assert_eq!(packed_factors(&[factor(-5), factor(-8)]), Some(([1, 0xc000_0001].to_vec(), -5)));
        assert_eq!(packed_factors(&[factor(-5), factor(-9)]), None);
        assert_eq!(packed_factors(&[factor(-5), Multiplier::ZERO]), None);
        assert_eq!(packed_factors(&[factor(-29)]), None);
    }
}
