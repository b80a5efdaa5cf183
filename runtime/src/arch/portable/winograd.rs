//! Convolution by Winograd's F(2x2, 3x3): see [`Conv2dWinograd`](crate::format::instruction::Conv2dWinograd).
//!
//! Transforms are `V = B^T d B` of a 4x4 patch of inputs and `Y = A^T M A` of the sums of products, with
//!
//! ```text
//!       1  0 -1  0            1  1  1  0
//! B^T = 0  1  1  0      A^T = 0  1 -1  1
//!       0 -1  1  0
//!       0  1  0 -1
//! ```
//!
//! where the usual last row of `A^T` has `-1` at its end: the weights of these positions are stored negative.

use super::super::{Channel, TileInput, Tiles, TransformedTiles};
use crate::format::instruction::Conv2dWinograd;

/// Tiles side by side.
const TILES: usize = Conv2dWinograd::TILES as usize;
/// Columns of the input that they read: two more than they have columns of outputs.
const COLUMNS: usize = 2 * TILES + 2;

/// Writes the transformed inputs of all channels: for each position, in the order of the weights, for each pair of
/// channels, one word a tile. What lies outside of the input, or beyond its channels, reads as the zero point.
#[cfg_attr(any(kernel_arm_dsp, kernel_thumb), inline(never))]
#[cfg_attr(not(any(kernel_arm_dsp, kernel_thumb)), inline)]
pub(crate) fn transform_inputs(input: &TileInput<'_>, v: &mut [u32]) {
    for quad in 0..(input.shape.c as usize).div_ceil(4) {
        transform_quad(input, quad, v);
    }
}

/// [`transform_inputs`] of the four channels from `4 * quad` on.
#[cfg_attr(any(kernel_arm_dsp, kernel_thumb), inline(never))]
#[cfg_attr(not(any(kernel_arm_dsp, kernel_thumb)), inline)]
fn transform_quad(input: &TileInput<'_>, quad: usize, v: &mut [u32]) {
    let (width, channels) = (input.shape.w as usize, input.shape.c as usize);
    let rows: [&[i8]; 4] = core::array::from_fn(|row| input.row(row).unwrap_or_default());
    let elements: &mut [i16] = bytemuck::cast_slice_mut(v);
    // Elements of all positions but one, and of one pair of channels.
    let position = channels.div_ceil(4).wrapping_mul(4 * TILES);
    for lane in 0..4 {
        let channel = quad.wrapping_mul(4).wrapping_add(lane);
        // Of each column, what the four rows of B^T give.
        let mut columns = [[0i16; 4]; COLUMNS];
        for (at, column) in (0..).zip(&mut columns) {
            let at = input.column.wrapping_add(at) as usize;
            if at >= width || channel >= channels {
                continue;
            }
            let at = at.wrapping_mul(channels).wrapping_add(channel);
            let zero = i16::from(input.x_zero_point);
            let [a, b, c, d] = rows.map(|row| row.get(at).map_or(0, |&x| i16::from(x).wrapping_sub(zero)));
            *column = [a.wrapping_sub(c), b.wrapping_add(c), c.wrapping_sub(b), b.wrapping_sub(d)];
        }
        let pair = quad.wrapping_mul(2).wrapping_add(lane % 2).wrapping_mul(2 * TILES).wrapping_add(lane / 2);
        for tile in 0..TILES {
            let Some(&[a, b, c, d]) = columns.get(tile.wrapping_mul(2)..).and_then(|c| c.first_chunk()) else { return };
            let mut at = pair.wrapping_add(tile.wrapping_mul(2));
            for (((a, b), c), d) in a.into_iter().zip(b).zip(c).zip(d) {
                for value in [b.wrapping_add(c), c.wrapping_sub(b), a.wrapping_sub(c), b.wrapping_sub(d)] {
                    if let Some(element) = elements.get_mut(at) {
                        *element = value;
                    }
                    at = at.wrapping_add(position);
                }
            }
        }
    }
}

/// Outputs of a group of tiles: pixels of a row are `pixel` bytes apart in `y`, rows `row` bytes.
#[cfg_attr(any(kernel_arm_dsp, kernel_thumb), inline(never))]
#[cfg_attr(not(any(kernel_arm_dsp, kernel_thumb)), inline)]
pub(crate) fn convolve_tiles(tiles: &Tiles<'_>, y: &mut [i8], pixel: usize, row: usize) {
    let filters = tiles.inputs.filter_elements();
    let mut at = 0usize;
    for (weights, channels) in tiles.weights.chunks(filters.max(1)).zip(tiles.channels.chunks(2)) {
        let sums = sum_tiles(&tiles.inputs, weights);
        for (channel, sums) in channels.iter().zip(&sums) {
            store_tiles(channel, sums, tiles, y.get_mut(at..).unwrap_or_default(), pixel, row);
            at = at.wrapping_add(1);
        }
    }
}

fn store_tiles(channel: &Channel, sums: &Sums, tiles: &Tiles<'_>, y: &mut [i8], pixel: usize, row: usize) {
    let mut left = 0usize;
    for sums in sums {
        let right = left.wrapping_add(pixel);
        for (at, sum) in [left, right, left.wrapping_add(row), right.wrapping_add(row)].into_iter().zip(sums) {
            if let Some(y) = y.get_mut(at) {
                *y = channel.output(channel.bias.wrapping_add(*sum), tiles.store);
            }
        }
        left = right.wrapping_add(pixel);
    }
}

/// Of each tile, the sums of its outputs from left to right, the upper row first.
pub(crate) type Sums = [[i32; 4]; TILES];

/// Sums of two filters, without biases. `weights` are those of the two.
#[cfg_attr(any(kernel_arm_dsp, kernel_thumb), inline(never))]
#[cfg_attr(not(any(kernel_arm_dsp, kernel_thumb)), inline)]
pub(crate) fn sum_tiles(inputs: &TransformedTiles<'_>, weights: &[i16]) -> [Sums; 2] {
    let words = inputs.position_words().max(1);
    let mut positions = inputs.v.chunks(words).zip(weights.chunks(words)).map(|(v, w)| multiply(v, w));
    // Of each row of positions: what its two columns of A give, for all tiles of both filters.
    let mut rows = [[[0i32; 2 * TILES]; 2]; 4];
    for [left, right] in &mut rows {
        let mut next = || positions.next().unwrap_or_default();
        let (one, two, zero, three) = (next(), next(), next(), next());
        for (at, (left, right)) in left.iter_mut().zip(right).enumerate() {
            let of = |sums: &[i32; 2 * TILES]| sums.get(at).copied().unwrap_or(0);
            *left = of(&zero).wrapping_add(of(&one)).wrapping_add(of(&two));
            *right = of(&one).wrapping_sub(of(&two)).wrapping_add(of(&three));
        }
    }
    core::array::from_fn(|filter| {
        core::array::from_fn(|tile| {
            let at = filter.wrapping_mul(TILES).wrapping_add(tile);
            let [zero, one, two, three] = rows.map(|columns| columns.map(|sums| sums.get(at).copied().unwrap_or(0)));
            let [upper, lower]: [[i32; 2]; 2] = [
                core::array::from_fn(|b| zero[b & 1].wrapping_add(one[b & 1]).wrapping_add(two[b & 1])),
                core::array::from_fn(|b| one[b & 1].wrapping_sub(two[b & 1]).wrapping_add(three[b & 1])),
            ];
            // Four times a sum of integers: nothing is lost. Whatever the weights, it then fits 30 bits.
            [upper[0] >> 2, upper[1] >> 2, lower[0] >> 2, lower[1] >> 2]
        })
    })
}

/// Products of one position, summed over channels: all tiles of the first filter, then of the second.
#[inline]
fn multiply(v: &[u32], w: &[i16]) -> [i32; 2 * TILES] {
    let mut sums = [0i32; 2 * TILES];
    for (x, &[a, b, c, d]) in v.as_chunks::<TILES>().0.iter().zip(w.as_chunks::<4>().0) {
        let [first, second] = [[a, b], [c, d]].map(|w| w.map(i32::from));
        let (sums_first, sums_second) = sums.split_at_mut(TILES);
        for ((x, a), b) in x.iter().zip(sums_first).zip(sums_second) {
            let (low, high) = (i32::from(*x as i16), *x as i32 >> 16);
            *a = a.wrapping_add(low.wrapping_mul(first[0])).wrapping_add(high.wrapping_mul(first[1]));
            *b = b.wrapping_add(low.wrapping_mul(second[0])).wrapping_add(high.wrapping_mul(second[1]));
        }
    }
    sums
}
