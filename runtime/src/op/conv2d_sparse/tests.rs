use super::super::conv2d::conv2d;
use super::super::testing::{Places, Random, Tables, config, hwc, no_tables, order, rounding, window};
use super::*;
use crate::format::Rounding;
use crate::format::instruction::{Hwc, Window};
use crate::format::pack::{SparseBlocks, filter_rows, sparse_blocks};
use crate::ops::AllOps;
use proptest::prelude::*;
use std::vec::Vec;

fn op(x_shape: Hwc, y_shape: Hwc, window: Window, x_zero_point: i8, order: RowOrder) -> Conv2d {
    let (groups, requantize) = (1, no_tables());
    Conv2d { x: 0, y: 0, scratch: 0, x_shape, y_shape, window, groups, weights: 0, x_zero_point, order, requantize }
}

/// Filters of `row` weights each, about `zeros` of whose blocks in a hundred are zero.
fn pruned(random: &mut Random, filters: u32, row: u32, zeros: u64) -> Vec<i8> {
    let mut weights = random.i8s(filters * row);
    for block in weights.chunks_mut(row as usize).flat_map(|filter| filter.chunks_mut(4)) {
        if random.next() % 100 < zeros {
            block.fill(0);
        }
    }
    weights
}

/// What the dense convolution gives.
fn dense(op: &Conv2d, x: &[i8], weights: &[i8], scales: &Scales) -> Vec<i8> {
    let op = Conv2d { order: RowOrder::TopDown, ..*op };
    let rows = filter_rows(weights, weights.len() / op.y_shape.c as usize);
    let (scratch, y_len) = (op.scratch_bytes().unwrap(), op.y_shape.elements().unwrap());
    let places = Places::apart(x.len() as u32, scratch, y_len);
    places.run(x, scratch, y_len, |memory| conv2d::<AllOps>(&op, memory, &rows, scales, op.y_shape.c as usize)).unwrap()
}

fn filters<'a>(op: &Conv2d, blocks: &'a SparseBlocks) -> SparseFilters<'a> {
    let row_blocks = op.row_bytes().unwrap() as usize / 4;
    SparseFilters::new(&blocks.counts, &blocks.deltas, &blocks.weights, row_blocks).unwrap()
}

fn sparse(op: &Conv2d, x: &[i8], blocks: &SparseBlocks, scales: &Scales, places: &Places) -> Option<Vec<i8>> {
    let run = |memory: &mut Split| conv2d_sparse::<AllOps>(op, memory, filters(op, blocks), scales);
    places.run(x, op.scratch_bytes().unwrap(), op.y_shape.elements().unwrap(), run)
}

/// Longest side, most channels of an input and of an output.
const SIZES: [u32; 3] = if cfg!(miri) { [4, 3, 5] } else { [7, 9, 37] };

const ONE_BY_ONE: Window = Window {
    kernel_h: 1,
    kernel_w: 1,
    stride_h: 1,
    stride_w: 1,
    dilation_h: 1,
    dilation_w: 1,
    pad_top: 0,
    pad_left: 0,
};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn equals_the_dense_convolution(
        x_shape in hwc(SIZES[0], SIZES[1]), y_shape in hwc(SIZES[0], SIZES[2]), window in window(), zeros in 0u64..=100,
        zero: i8, rounding in rounding(), order in order(), seed: u64,
    ) {
        let op = op(x_shape, y_shape, window, zero, order);
        let mut random = Random::new(seed);
        let x = random.i8s(x_shape.elements().unwrap());
        let row = window.kernel_h * window.kernel_w * x_shape.c;
        let weights = pruned(&mut random, y_shape.c, row, zeros);
        let blocks = sparse_blocks(&weights, row as usize).unwrap();
        let tables = Tables::random(&mut random, y_shape.c);
        let scales = tables.scales(rounding);
        let expected = dense(&op, &x, &weights, &scales);
        let (x_len, y_len, scratch) = (x.len() as u32, y_shape.elements().unwrap(), op.scratch_bytes().unwrap());
        for places in [
            Places::apart(x_len, scratch, y_len),
            Places::overlapping(x_len, scratch, y_len, op.distances(), order),
        ] {
            prop_assert_eq!(sparse(&op, &x, &blocks, &scales, &places), Some(expected.clone()));
        }
    }

    #[test]
    fn pixels_may_replace_the_pixels_that_they_read(
        x_shape in hwc(5, 9), out_c in 1u32..20, zeros in 0u64..=100, order in order(), seed: u64,
    ) {
        let op = op(x_shape, Hwc { c: out_c, ..x_shape }, ONE_BY_ONE, 3, order);
        let mut random = Random::new(seed);
        let x = random.i8s(x_shape.elements().unwrap());
        let weights = pruned(&mut random, out_c, x_shape.c, zeros);
        let blocks = sparse_blocks(&weights, x_shape.c as usize).unwrap();
        let tables = Tables::random(&mut random, out_c);
        let scales = tables.scales(Rounding::Single);
        let (y_len, scratch) = (op.y_shape.elements().unwrap(), op.scratch_bytes().unwrap());
        let places = Places::overlapping(x.len() as u32, scratch, y_len, op.distances(), order);
        prop_assert_eq!(sparse(&op, &x, &blocks, &scales, &places), Some(dense(&op, &x, &weights, &scales)));
    }

    #[test]
    fn one_pixel_is_read_where_it_is(
        [h, w] in [1u32..4, 1u32..4], c in 1u32..40, out_c in 1u32..70, zeros in 0u64..=100, zero: i8,
        rounding in rounding(), seed: u64,
    ) {
        let (x_shape, y_shape) = (Hwc { h, w, c: 4 * c }, Hwc { h: 1, w: 1, c: out_c });
        let op = op(x_shape, y_shape, Window { kernel_h: h, kernel_w: w, ..ONE_BY_ONE }, zero, RowOrder::TopDown);
        prop_assert!(Conv2dSparse::can_be_direct(&op));
        let mut random = Random::new(seed);
        let x = random.i8s(x_shape.elements().unwrap());
        let weights = pruned(&mut random, out_c, x.len() as u32, zeros);
        let blocks = sparse_blocks(&weights, x.len()).unwrap();
        let tables = Tables::random(&mut random, out_c);
        let scales = tables.scales(rounding);
        let mut y = std::vec![0; out_c as usize];
        connect::<AllOps>(&op, &x, filters(&op, &blocks), &scales, &mut y).unwrap();
        prop_assert_eq!(y, dense(&op, &x, &weights, &scales));
    }
}

/// Gaps that no byte holds, and rows too long for the usual form of channels.
#[test]
fn long_rows_give_what_dense_ones_give() {
    for in_c in if cfg!(miri) { [1040, 2080] } else { [4 * 700, 16_388] } {
        let (x_shape, y_shape) = (Hwc { h: 1, w: 5, c: in_c }, Hwc { h: 1, w: 5, c: 3 });
        let op = op(x_shape, y_shape, ONE_BY_ONE, -11, RowOrder::TopDown);
        let mut random = Random::new(in_c.into());
        let x = random.i8s(x_shape.elements().unwrap());
        let mut weights = std::vec![0; 3 * in_c as usize];
        (weights[4 * 256], weights[in_c as usize - 1], weights[in_c as usize]) = (-9, 127, 5);
        let blocks = sparse_blocks(&weights, in_c as usize).unwrap();
        assert!(blocks.weights.as_chunks::<4>().0.contains(&[0; 4]));
        let tables = Tables::random(&mut random, 3);
        for rounding in [Rounding::Single, Rounding::Tflite] {
            let scales = tables.scales(rounding);
            let places = Places::apart(x.len() as u32, op.scratch_bytes().unwrap(), 15);
            assert_eq!(sparse(&op, &x, &blocks, &scales, &places), Some(dense(&op, &x, &weights, &scales)));
            let one = Conv2d { x_shape: Hwc { w: 1, ..x_shape }, y_shape: Hwc { w: 1, ..y_shape }, ..op };
            let (x, mut y) = (&x[..in_c as usize], [0; 3]);
            connect::<AllOps>(&one, x, filters(&one, &blocks), &scales, &mut y).unwrap();
            assert_eq!(y.as_slice(), dense(&one, x, &weights, &scales));
        }
    }
}
