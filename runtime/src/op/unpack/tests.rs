use super::super::testing::{Random, config};
use super::*;
use crate::format::Rounding;
use crate::format::packed::{self, Packed};
use proptest::prelude::*;
use std::vec::Vec;

/// Unpacks `bytes` bytes in pieces of `piece` words.
fn unpacked(packed: &Packed, bytes: usize, piece: usize, coded: usize, pitch: usize) -> Vec<i8> {
    let mut section = packed.words.clone();
    let offset = section.len() as u32 * 2;
    let mut table = packed.table.clone();
    table.resize(table.len().next_multiple_of(2), 0);
    section.extend(table.chunks(2).map(|pair| u16::from_le_bytes([pair[0] as u8, pair[1] as u8])));
    let weights: &[u8] = bytemuck::cast_slice(&section);
    let packing = Packing { tile_channels: 1, words: packed.words.len() as u32, code: packed.code(offset) };
    let limits = Limits { arena_bytes: 0, weights, rounding: Rounding::Single };
    assert_eq!(packing.check(0, 1, bytes as u32, &limits), Ok(()));
    let memory = Memory { arena: &mut [], weights, rounding: Rounding::Single };
    let mut table = [0; _];
    let mut unpacker = Unpacker::new(&packing, 0, &memory, &mut table).unwrap();
    let mut words = std::vec![0xa5a5_a5a5u32; bytes / 4];
    words.chunks_mut(piece).for_each(|tile| unpacker.fill(tile, coded, pitch));
    bytemuck::cast_slice(&words).to_vec()
}

/// Weights that are mostly small, of `distinct` values at most.
fn weights(random: &mut Random, n: usize, distinct: u64) -> Vec<i8> {
    let mut weight = || {
        let bits = random.next() % 8;
        (random.next() % (1 << bits) % distinct) as i8
    };
    (0..n).map(|_| weight()).collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn weights_come_back(quads in 1usize..60, piece in 1usize..9, distinct in 1u64..130, seed: u64) {
        let mut random = Random::new(seed);
        let weights = weights(&mut random, 4 * quads, distinct);
        for packed in [packed::palette(&weights), packed::huffman(&weights), packed::int4(&weights)].iter().flatten() {
            prop_assert_eq!(&unpacked(packed, weights.len(), piece, 16, 16), &weights, "{:?}", packed);
        }
        let small: Vec<i8> = weights.iter().map(|&w| w % 8).collect();
        prop_assert_eq!(&unpacked(&packed::int4(&small).unwrap(), small.len(), piece, 1, 4), &small);
    }

    #[test]
    fn rows_are_filled_up_with_zeros(rows in 1usize..9, coded in 1usize..30, distinct in 1u64..300, seed: u64) {
        let weights: Vec<i8> = Random::new(seed).i8s((rows * coded) as u32).iter()
            .map(|&w| (u64::from(w as u8) % distinct) as i8).collect();
        let pitch = coded.next_multiple_of(4);
        let dense = crate::format::pack::filter_rows(&weights, coded);
        for packed in [packed::palette(&weights), packed::huffman(&weights)].iter().flatten() {
            prop_assert_eq!(&unpacked(packed, rows * pitch, pitch / 4, coded, pitch), &dense, "{:?}", packed);
        }
    }

    /// Whatever the words are.
    #[test]
    fn every_sequence_of_bits_is_a_sequence_of_codes(symbols in 2usize..200, words in 0usize..40, seed: u64) {
        let mut random = Random::new(seed);
        let values: Vec<i8> = (0..symbols).map(|value| value as i8).collect();
        let skewed: Vec<i8> = values.iter().flat_map(|&v| std::vec![v; 1 + (random.next() % 50) as usize]).collect();
        if let Some(mut packed) = packed::huffman(&skewed) {
            packed.words = (0..words).map(|_| random.next() as u16).collect();
            prop_assert!(unpacked(&packed, 400, 7, 4, 4).iter().all(|weight| values.contains(weight)));
        }
    }
}

#[test]
fn codes_that_are_not_complete_are_refused() {
    let check = |code: WeightCode, section: &[u8]| {
        let packing = Packing { tile_channels: 1, words: 2, code };
        let mut aligned = std::vec![0u32; 16];
        bytemuck::cast_slice_mut::<u32, u8>(&mut aligned)[..section.len()].copy_from_slice(section);
        let limits = Limits { arena_bytes: 0, weights: bytemuck::cast_slice(&aligned), rounding: Rounding::Single };
        packing.check(0, 4, 8, &limits)
    };
    let counts = |counts: &[u8]| {
        let mut section = [0; 40];
        section[4..][..counts.len()].copy_from_slice(counts);
        section
    };
    let huffman = |count| WeightCode::Huffman { table: 4, count };
    assert_eq!(check(huffman(3), &counts(&[1, 2])), Ok(()));
    assert_eq!(check(huffman(4), &counts(&[1, 2])), Err(Fault::Parameter), "one value too many");
    assert_eq!(check(huffman(2), &counts(&[1, 1])), Err(Fault::Parameter), "11 means nothing");
    assert_eq!(check(huffman(4), &counts(&[1, 3])), Err(Fault::Parameter), "11 means two things");
    assert_eq!(check(huffman(0), &counts(&[])), Err(Fault::Parameter));
    assert_eq!(check(huffman(1), &counts(&[0, 0, 0, 0, 0, 0, 0, 255])), Err(Fault::Parameter));
    assert_eq!(check(huffman(u32::MAX), &counts(&[2])), Err(Fault::WeightsBounds));
    assert_eq!(check(WeightCode::Huffman { table: u32::MAX, count: 2 }, &[]), Err(Fault::WeightsBounds));
    let palette = |bits, count| WeightCode::Palette { bits, values: 4, count };
    assert_eq!(check(palette(3, 8), &[]), Ok(()));
    for (bits, count) in [(0, 1), (9, 1), (255, 1), (3, 9), (3, 0), (16, 1)] {
        assert_eq!(check(palette(bits, count), &[]), Err(Fault::Parameter), "{bits} {count}");
    }
    assert_eq!(check(palette(8, 256), &[]), Err(Fault::WeightsBounds));
    assert_eq!(check(WeightCode::Int4, &[]), Ok(()));
    let packing = Packing { tile_channels: 1, words: 3, code: WeightCode::Int4 };
    let limits = Limits { arena_bytes: 0, weights: &[0; 6], rounding: Rounding::Single };
    assert_ne!(packing.check(0, 4, 8, &limits), Ok(()));
}
