//! Constants in the order and form in which instructions read them.

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
    fn factors_too_far_apart_or_zero_are_not_packed() {
        let factor = |shift| Multiplier { multiplier: 0x4000_0001, shift };
        assert_eq!(packed_factors(&[factor(-5), factor(-8)]), Some(([1, 0xc000_0001].to_vec(), -5)));
        assert_eq!(packed_factors(&[factor(-5), factor(-9)]), None);
        assert_eq!(packed_factors(&[factor(-5), Multiplier::ZERO]), None);
        assert_eq!(packed_factors(&[factor(-29)]), None);
    }
}
