use super::super::testing::{Random, Section, config, hwc, order, packable, rounding, window};
use super::*;
use crate::format::Rounding;
use crate::format::instruction::{Conv2d, Conv2dPacked, Hwc, RowOrder};
use crate::format::pack::filter_rows;
use crate::format::packed;
use crate::op::conv2d;
use crate::ops::AllOps;
use proptest::prelude::*;
use std::vec::Vec;

/// What `run` leaves in an arena of `bytes` that starts with `x`, if `check` accepts it.
fn arena(
    (x, at, bytes): (&[i8], u32, u32),
    weights: &[u8],
    rounding: Rounding,
    check: impl FnOnce(&Limits) -> Result<(), Fault>,
    run: impl FnOnce(&mut Memory) -> Option<()>,
) -> Result<Vec<u8>, Fault> {
    check(&Limits { arena_bytes: bytes, weights, rounding })?;
    let mut words = std::vec![0x5a5a_5a5au32; bytes.div_ceil(4) as usize];
    let arena: &mut [u8] = &mut bytemuck::cast_slice_mut(&mut words)[..bytes as usize];
    arena[at as usize..][..x.len()].copy_from_slice(bytemuck::cast_slice(x));
    run(&mut Memory { arena, weights, rounding }).unwrap();
    Ok(arena.to_vec())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn equals_the_dense_convolution(
        x_shape in hwc(6, 5), y_shape in hwc(5, 20), window in window(), zero: i8, rounding in rounding(), form in 0usize..3,
        tile in 1u32..24, order in order(), seed: u64,
    ) {
        let mut random = Random::new(seed);
        let taps = window.kernel_h * window.kernel_w * x_shape.c;
        let weights = packable(&mut random, taps * y_shape.c, form);
        let layout = filter_rows(&weights, taps as usize);
        let packed = [packed::int4(&layout), packed::palette(&weights), packed::huffman(&weights)][form].clone().unwrap();
        let mut section = Section::default();
        let dense = section.add(&layout);
        let tile_channels = tile.min(y_shape.c);
        let (words, packing) = section.add_packed(&packed, tile_channels);
        let requantize = section.add_requantize(&mut random, y_shape.c);
        let section = section.into_bytes();

        let (x_len, y_len) = (x_shape.elements().unwrap(), y_shape.elements().unwrap());
        let open = Conv2d {
            x: 0, y: 0, scratch: 0, x_shape, y_shape, window, groups: 1, weights: dense, x_zero_point: zero, order, requantize,
        };
        // The output over the input as far as it may be, if one tile does all; else behind it.
        let distances = open.distances();
        let (x_at, y_at) = match order {
            _ if tile_channels < y_shape.c => (0, x_len),
            RowOrder::TopDown => (distances.below.max(0) as u32, (-distances.below).max(0) as u32),
            RowOrder::BottomUp => ((-distances.above).max(0) as u32, distances.above.max(0) as u32),
        };
        let scratch = (x_at + x_len).max(y_at + y_len).next_multiple_of(4);
        let conv = Conv2d { x: x_at, y: y_at, scratch, ..open };
        let op = Conv2dPacked { conv: Conv2d { weights: words, ..conv }, packing };
        let bytes = scratch + conv.scratch_bytes().unwrap() + op.tile_bytes().unwrap();
        let x = random.i8s(x_len);
        let of = |arena: Vec<u8>| arena[y_at as usize..][..y_len as usize].to_vec();
        let input = (&x[..], x_at, bytes);
        let expected = arena(
            input, &section, rounding, |limits| conv2d::check::<AllOps>(&conv, limits),
            |memory| conv2d::run::<AllOps>(&conv, memory),
        );
        let got = arena(input, &section, rounding, |limits| check::<AllOps>(&op, limits), |memory| run::<AllOps>(&op, memory));
        prop_assert_eq!(got.map(of), Ok(of(expected.unwrap())));
    }
}

#[test]
fn tiles_lie_apart_from_input_and_output() {
    let shape = |c| Hwc { h: 2, w: 2, c };
    let window = crate::format::instruction::Window {
        kernel_h: 1,
        kernel_w: 1,
        stride_h: 1,
        stride_w: 1,
        dilation_h: 1,
        dilation_w: 1,
        pad_top: 0,
        pad_left: 0,
    };
    let mut section = Section::default();
    let (weights, packing) = section.add_packed(&packed::int4(&[1; 32]).unwrap(), 4);
    let requantize = section.add_requantize(&mut Random::new(1), 8);
    let section = section.into_bytes();
    let conv = Conv2d {
        x: 0,
        y: 16,
        scratch: 48,
        x_shape: shape(4),
        y_shape: shape(8),
        window,
        groups: 1,
        weights,
        x_zero_point: 0,
        order: RowOrder::TopDown,
        requantize,
    };
    let checked = |edit: fn(&mut Conv2dPacked)| {
        let mut op = Conv2dPacked { conv, packing };
        edit(&mut op);
        // Of scratch memory 32 bytes, of a tile 16.
        check::<AllOps>(&op, &Limits { arena_bytes: 96, weights: &section, rounding: Rounding::Single })
    };
    assert_eq!(checked(|_| ()), Ok(()));
    assert_eq!(checked(|op| op.conv.scratch = 52), Err(Fault::ArenaBounds));
    assert_eq!(checked(|op| op.packing.tile_channels = 5), Err(Fault::ArenaBounds));
    assert_eq!(checked(|op| (op.conv.scratch, op.conv.x) = (0, 80)), Err(Fault::Overlap), "output");
    assert_eq!(checked(|op| (op.conv.scratch, op.conv.x, op.conv.y) = (0, 32, 48)), Err(Fault::Overlap), "input");
    assert_eq!(checked(|op| op.conv.y = 0), Err(Fault::Overlap), "eight channels for four");
    assert_eq!(checked(|op| (op.conv.x, op.conv.y) = (32, 16)), Err(Fault::Overlap), "two tiles");
    assert_eq!(checked(|op| op.packing.tile_channels = 0), Err(Fault::Parameter));
    assert_eq!(checked(|op| op.packing.tile_channels = 9), Err(Fault::Parameter));
    assert_eq!(checked(|op| op.packing.words = 7), Err(Fault::Parameter));
    assert_eq!(checked(|op| op.packing.words = u32::MAX), Err(Fault::WeightsBounds));
    assert_eq!(checked(|op| op.conv.weights = 1), Err(Fault::Alignment));
    assert_eq!(checked(|op| op.conv.groups = 2), Err(Fault::Parameter));
}
