use super::super::testing::{Random, Section, config, packable, rounding};
use super::*;
use crate::format::pack::quads;
use crate::format::packed;
use crate::op::fully_connected;
use crate::ops::AllOps;
use proptest::prelude::*;
use std::vec::Vec;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn equals_the_dense_layer(
        rows in 1u32..4, in_n in 1u32..40, out_n in 1u32..40, rounding in rounding(), form in 0usize..3, quads_each in 1u32..12,
        seed: u64,
    ) {
        let mut random = Random::new(seed);
        let weights = packable(&mut random, in_n * out_n, form);
        let layout = quads(&weights, in_n as usize);
        let ordered = packed::quads_in_order(&weights, in_n as usize);
        let packed = [packed::int4(&layout), packed::palette(&ordered), packed::huffman(&ordered)][form].clone().unwrap();
        let mut section = Section::default();
        let dense_at = section.add(&layout);
        let tile_channels = (4 * quads_each).min(out_n.next_multiple_of(4));
        let (words, packing) = section.add_packed(&packed, tile_channels);
        let requantize = section.add_requantize(&mut random, out_n);
        let section = section.into_bytes();

        let y = rows * in_n;
        let tile = (y + rows * out_n).next_multiple_of(4);
        let dense = FullyConnected { x: 0, y, rows, in_n, out_n, weights: dense_at, requantize };
        let op = FullyConnectedPacked { dense: FullyConnected { weights: words, ..dense }, tile, packing };
        let arena_bytes = tile + op.tile_bytes().unwrap();
        let limits = Limits { arena_bytes, weights: &section, rounding };
        prop_assert_eq!(check::<AllOps>(&op, &limits), Ok(()));
        let x = random.bytes(rows * in_n);
        let result = |run: &dyn Fn(&mut Memory) -> Option<()>| -> Vec<u8> {
            let mut words = std::vec![0x5a5a_5a5au32; arena_bytes as usize / 4];
            let arena: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
            arena[..x.len()].copy_from_slice(&x);
            run(&mut Memory { arena, weights: &section, rounding }).unwrap();
            arena[y as usize..][..(rows * out_n) as usize].to_vec()
        };
        let expected = result(&|memory| fully_connected::run::<AllOps>(&dense, memory));
        prop_assert_eq!(result(&|memory| run::<AllOps>(&op, memory)), expected);

        let edited = |edit: fn(&mut FullyConnectedPacked)| {
            let mut op = op;
            edit(&mut op);
            check::<AllOps>(&op, &limits)
        };
        prop_assert_eq!(edited(|op| op.tile += 4), Err(Fault::ArenaBounds));
        prop_assert_eq!(edited(|op| op.tile -= 2), Err(Fault::Alignment));
        prop_assert_eq!(edited(|op| op.tile = 0), Err(Fault::Overlap));
        prop_assert_eq!(edited(|op| op.packing.tile_channels = 3), Err(Fault::Parameter));
        prop_assert_eq!(edited(|op| op.packing.tile_channels = 0), Err(Fault::Parameter));
        prop_assert_eq!(edited(|op| op.packing.words = 1 << 30), Err(Fault::WeightsBounds));
    }
}
