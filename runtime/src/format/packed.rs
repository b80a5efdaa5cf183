//! Packing weights: what [`WeightCode`] describes, written.

mod huffman;

use super::instruction::{MAX_CODE_BITS, WeightCode};
use std::vec::Vec;

/// Packed weights of a layer, and what they mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Words of the stream.
    pub words: Vec<u16>,
    /// What lies apart from it; empty if nothing does.
    pub table: Vec<i8>,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Int4,
    Palette { bits: u8 },
    Huffman,
}

impl Packed {
    /// Bytes in the file.
    pub fn bytes(&self) -> usize {
        2 * self.words.len() + self.table.len()
    }

    /// What the words mean, the table being at `table` in the weights section.
    pub fn code(&self, table: u32) -> WeightCode {
        let count = self.table.len() as u32;
        match self.form {
            Form::Int4 => WeightCode::Int4,
            Form::Palette { bits } => WeightCode::Palette { bits, values: table, count },
            Form::Huffman => WeightCode::Huffman { table, count: count - MAX_CODE_BITS },
        }
    }
}

/// Weights in their dense layout, two a byte. `None` if one is not in -8..=7.
pub fn int4(layout: &[i8]) -> Option<Packed> {
    if layout.iter().any(|weight| !(-8..=7).contains(weight)) {
        return None;
    }
    let nibble = |four: &[i8], index: usize| (four.get(index).copied().unwrap_or(0) & 15) as u16;
    let word = |four: &[i8]| nibble(four, 0) | nibble(four, 2) << 4 | nibble(four, 1) << 8 | nibble(four, 3) << 12;
    Some(Packed { words: layout.chunks(4).map(word).collect(), table: Vec::new(), form: Form::Int4 })
}

/// Weights as indices of as few bits as their distinct values need. `None` if there are no weights.
pub fn palette(weights: &[i8]) -> Option<Packed> {
    let values: Vec<i8> = histogram(weights).into_iter().map(|(value, _)| value).collect();
    let last = u32::try_from(values.len().checked_sub(1)?).ok()?;
    let bits = (u32::BITS - last.leading_zeros()).max(1);
    let index = |weight: &i8| values.binary_search(weight).map(|index| (index as u32, bits));
    let words = words(weights.iter().filter_map(|weight| index(weight).ok()));
    Some(Packed { words, table: values, form: Form::Palette { bits: bits as u8 } })
}

/// Weights in the Huffman code that is shortest for them, of [`MAX_CODE_BITS`] at most. `None` if no table holds it.
pub fn huffman(weights: &[i8]) -> Option<Packed> {
    let mut histogram = histogram(weights);
    if let [(only, _)] = histogram[..] {
        // A code has two sides.
        histogram.push((only.wrapping_add(1), 0));
    }
    let frequencies: Vec<u64> = histogram.iter().map(|&(_, count)| count).collect();
    let lengths = huffman::lengths(&frequencies, MAX_CODE_BITS)?;
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&symbol| (lengths[symbol], histogram[symbol].0));
    let mut counts = [0u32; MAX_CODE_BITS as usize];
    let mut codes = [None; 256];
    let (mut code, mut bits) = (0u32, 0);
    for &symbol in &order {
        code <<= lengths[symbol] - bits;
        bits = lengths[symbol];
        codes[usize::from(histogram[symbol].0 as u8)] = Some((code, bits));
        counts[bits as usize - 1] += 1;
        code += 1;
    }
    let counts = counts.into_iter().map(|count| u8::try_from(count).map(|count| count as i8));
    let mut table = counts.collect::<Result<Vec<i8>, _>>().ok()?;
    table.extend(order.iter().map(|&symbol| histogram[symbol].0));
    let words = words(weights.iter().filter_map(|&weight| codes[usize::from(weight as u8)]));
    Some(Packed { words, table, form: Form::Huffman })
}

/// Rows of `in_n` weights each, as [`quads`](super::pack::quads) orders them, without what fills up the last four outputs.
pub fn quads_in_order(weights: &[i8], in_n: usize) -> Vec<i8> {
    let rows: Vec<&[i8]> = weights.chunks(in_n.max(1)).collect();
    let mut packed = Vec::new();
    for quad in rows.chunks(4) {
        for input in (0..in_n).step_by(4) {
            for row in quad {
                packed.extend((input..input + 4).map(|i| row.get(i).copied().unwrap_or(0)));
            }
        }
    }
    packed
}

/// Distinct values in order, and how often each occurs.
fn histogram(weights: &[i8]) -> Vec<(i8, u64)> {
    let mut counts = [0; 256];
    weights.iter().for_each(|&weight| counts[usize::from(weight as u8)] += 1);
    (-128..=127i8).map(|value| (value, counts[usize::from(value as u8)])).filter(|&(_, count)| count > 0).collect()
}

/// Codes of so many bits, at most 16, one after the other from the highest bit of the first word on.
fn words(codes: impl Iterator<Item = (u32, u32)>) -> Vec<u16> {
    let (mut words, mut window, mut held) = (Vec::new(), 0u32, 0);
    for (code, bits) in codes {
        window = window << bits | code;
        held += bits;
        if held >= 16 {
            held -= 16;
            words.push((window >> held) as u16);
        }
    }
    if held > 0 {
        words.push((window << (16 - held)) as u16);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_weights_of_four_bits_share_a_word() {
        assert_eq!(int4(&[1, -1, 7, -8]).unwrap().words, [0x8f71]);
        assert_eq!(int4(&[1, 8, 0, 0]), None);
    }

    #[test]
    fn indices_have_as_many_bits_as_values_need() {
        let packed = palette(&[5, -5, 5, 9, 5, 5, 5, 5, -5]).unwrap();
        assert_eq!(
            (packed.table.as_slice(), packed.code(8)),
            (&[-5, 5, 9][..], WeightCode::Palette { bits: 2, values: 8, count: 3 })
        );
        assert_eq!(packed.words, [0b01_00_01_10_01_01_01_01, 0]);
        let of = |distinct: i8| palette(&(0..distinct).collect::<Vec<_>>()).unwrap().code(0);
        let bits = |code| match code {
            WeightCode::Palette { bits, .. } => bits,
            other => panic!("{other:?}"),
        };
        assert_eq!([1, 2, 3, 4, 5, 16, 17, 127].map(|n| bits(of(n))), [1, 1, 2, 2, 3, 4, 5, 7]);
    }

    #[test]
    fn frequent_weights_have_short_codes() {
        let packed = huffman(&[7, 7, 7, 7, 3, 3, 0, -1]).unwrap();
        assert_eq!(packed.table, [1, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 3, -1, 0]);
        assert_eq!(packed.words, [0b0000_1010_1111_1000]);
        assert_eq!(packed.code(100), WeightCode::Huffman { table: 100, count: 4 });
        // One value takes a bit, though it needs none.
        assert_eq!(huffman(&[4; 17]).unwrap().bytes(), 2 * 2 + 12 + 2);
        assert_eq!(huffman(&(-128..=127).collect::<Vec<_>>()), None, "256 codes of a length");
    }

    #[test]
    fn quads_leave_out_outputs_that_do_not_exist() {
        let weights: Vec<i8> = (1..=10).collect();
        assert_eq!(quads_in_order(&weights, 5), [1, 2, 3, 4, 6, 7, 8, 9, 5, 0, 0, 0, 10, 0, 0, 0]);
        let four: Vec<i8> = (0..24).collect();
        assert_eq!(quads_in_order(&four, 6), super::super::pack::quads(&four, 6));
    }
}
