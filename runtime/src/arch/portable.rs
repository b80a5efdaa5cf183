//! Inner loops in plain Rust, for every target.
//!
//! Slices are read up to the shortest of them. Sums wrap; `check` keeps them inside `i32`.
#![cfg_attr(
    any(kernel_arm_dsp, kernel_thumb),
    allow(dead_code, reason = "the oracle of the kernels that are used instead")
)]

mod winograd;

pub(crate) use winograd::sum_tiles;
#[cfg(not(any(kernel_arm_dsp, kernel_armv7m)))]
pub(crate) use winograd::{convolve_tiles, transform_inputs};

use super::{Addition, Block, Channel, PoolWindow, Rect, SLOTS, Store, StripWindow, Strips, Term};
use crate::fixed_point::requantize;

/// Writes `x - x_zero_point` as elements `k..` of the patch in `slot`.
#[cfg_attr(any(kernel_arm_dsp, kernel_thumb), inline(never))]
#[cfg_attr(not(any(kernel_arm_dsp, kernel_thumb)), inline)]
pub(crate) fn widen_patch(patches: &mut [u32], slot: usize, k: usize, x: &[i8], x_zero_point: i8) {
    let elements: &mut [i16] = bytemuck::cast_slice_mut(patches);
    for (k, &x) in (k..).zip(x) {
        // Word of the pixel, and the half of it.
        let word = (k / 4).wrapping_mul(2 * SLOTS).wrapping_add(k % 2 * SLOTS).wrapping_add(slot);
        if let Some(element) = elements.get_mut(word.wrapping_mul(2).wrapping_add(k % 4 / 2)) {
            *element = i16::from(x).wrapping_sub(i16::from(x_zero_point));
        }
    }
}

/// `y = output((a - za) * a_scale + (b - zb) * b_scale)`, every product rounded.
#[cfg_attr(any(kernel_arm_dsp, kernel_thumb), inline(never))]
#[cfg_attr(not(any(kernel_arm_dsp, kernel_thumb)), inline)]
pub(crate) fn add_tflite(addition: &Addition, a: &[i8], b: &[i8], y: &mut [i8]) {
    let store = addition.store;
    let term = |x: i8, Term { zero_point, scale }: Term| {
        let x = (i32::from(x) - i32::from(zero_point)).wrapping_shl(addition.left_shift);
        requantize(x, scale.multiplier, scale.shift, store.rounding)
    };
    for ((y, &a), &b) in y.iter_mut().zip(a).zip(b) {
        let sum = term(a, addition.a).wrapping_add(term(b, addition.b));
        let value = addition.y_scale.apply(sum, store.rounding).saturating_add(addition.y_zero_point.into());
        *y = value.max(store.min.into()).min(store.max.into()) as i8;
    }
}

/// Writes `x - x_zero_point` of rows of `x` as elements of the patches in `slot` and those behind it; elements around them
/// stay what they are.
#[cfg_attr(any(kernel_arm_dsp, kernel_thumb), inline(never))]
#[cfg_attr(not(any(kernel_arm_dsp, kernel_thumb)), inline)]
pub(crate) fn widen_rows(patches: &mut [u32], slot: usize, x: &[i8], rect: Rect, x_zero_point: i8) {
    let mut first = rect.x;
    for pixel in 0..rect.pixels {
        let (mut at, mut k) = (first, rect.k);
        for _ in 0..rect.rows {
            let Some(row) = x.get(at..).and_then(|x| x.get(..rect.len)) else { return };
            widen_patch(patches, slot.wrapping_add(pixel), k, row, x_zero_point);
            (at, k) = (at.wrapping_add(rect.x_pitch), k.wrapping_add(rect.k_pitch));
        }
        first = first.wrapping_add(rect.pixel_pitch);
    }
}

/// Sets all elements of one pixel's patch to 0.
#[inline]
pub(crate) fn clear_patch(patches: &mut [u32], slot: usize) {
    patches.iter_mut().skip(slot).step_by(SLOTS).for_each(|word| *word = 0);
}

/// `y[p * y_stride + f] = output(dot(patch[p], filter[f]) + bias[f])` for the pixels `p` of a block and its channels `f`.
#[cfg_attr(any(kernel_arm_dsp, kernel_thumb), inline(never))]
#[cfg_attr(not(any(kernel_arm_dsp, kernel_thumb)), inline)]
pub(crate) fn convolve_block(block: &Block<'_>, y: &mut [i8], y_stride: usize) {
    for (f, channel) in block.channels.iter().enumerate() {
        let Some(row) = block.weights.get(f.wrapping_mul(block.row_bytes)..).and_then(|w| w.get(..block.row_bytes))
        else {
            return;
        };
        let mut at = f;
        for sum in dot_patches(block.patches, row, channel.bias) {
            if let Some(y) = y.get_mut(at) {
                *y = channel.output(sum, block.store);
            }
            at = at.wrapping_add(y_stride);
        }
    }
}

/// `y[p * y_stride + c] = output(sum(x * tap) + bias[c])` for `count` outputs `p` of a row and four channels `c`.
#[cfg_attr(any(kernel_arm_dsp, kernel_thumb), inline(never))]
#[cfg_attr(not(any(kernel_arm_dsp, kernel_thumb)), inline)]
pub(crate) fn convolve_strips(strips: &Strips<'_>, y: &mut [i8], y_stride: usize, count: usize) {
    let biases = strips.channels.map(|c| c.bias);
    let (mut first, mut at) = (0usize, 0usize);
    for _ in 0..count {
        let (Some(x), Some(y)) = (strips.x.get(first..), y.get_mut(at..)) else { return };
        let sums = dot_strips(x, strips.taps, strips.window, biases);
        for ((y, channel), sum) in y.iter_mut().zip(strips.channels).zip(sums) {
            *y = channel.output(sum, strips.store);
        }
        (first, at) = (first.wrapping_add(strips.step), at.wrapping_add(y_stride));
    }
}

/// `y[o] = output(dot(x, w[o]) + bias[o])`; weights as [`dot_quad`] reads them, one quad after the other.
#[cfg_attr(any(kernel_arm_dsp, kernel_thumb), inline(never))]
#[cfg_attr(not(any(kernel_arm_dsp, kernel_thumb)), inline)]
pub(crate) fn fully_connect(x: &[i8], w: &[i8], channels: &[Channel], store: Store, y: &mut [i8]) {
    let quad_bytes = x.len().next_multiple_of(4).wrapping_mul(4);
    let mut at = 0usize;
    for (channels, y) in channels.chunks(4).zip(y.chunks_mut(4)) {
        let Some(w) = w.get(at..) else { return };
        let mut biases = [0; 4];
        biases.iter_mut().zip(channels).for_each(|(bias, channel)| *bias = channel.bias);
        for ((y, channel), sum) in y.iter_mut().zip(channels).zip(dot_quad(x, w, biases)) {
            *y = channel.output(sum, store);
        }
        at = at.wrapping_add(quad_bytes);
    }
}

/// For every slot: `acc + sum(patch[k] * w[k])`. `w` is a multiple of 4 long.
#[cfg_attr(any(kernel_arm_dsp, kernel_thumb), inline(never))]
#[cfg_attr(not(any(kernel_arm_dsp, kernel_thumb)), inline)]
pub(crate) fn dot_patches(patches: &[u32], w: &[i8], acc: i32) -> [i32; SLOTS] {
    let elements: &[i16] = bytemuck::cast_slice(patches);
    let mut sums = [acc; SLOTS];
    for (x, w) in elements.as_chunks::<16>().0.iter().zip(w.as_chunks::<4>().0) {
        let w = w.map(i32::from);
        for (slot, sum) in sums.iter_mut().enumerate() {
            let x = |at: usize| x.get(slot.wrapping_mul(2).wrapping_add(at)).copied().map_or(0, i32::from);
            let [even, odd] = [x(0) * w[0] + x(1) * w[2], x(8) * w[1] + x(9) * w[3]];
            *sum = sum.wrapping_add(even).wrapping_add(odd);
        }
    }
    sums
}

/// For every slot: `sum + sum(patch[k] * w[k])` over four elements.
#[inline]
pub(crate) fn dot_patch_block(sums: [i32; SLOTS], patch: &[u32; 2 * SLOTS], w: &[i8; 4]) -> [i32; SLOTS] {
    let products = dot_patches(patch, w, 0);
    core::array::from_fn(|slot| sums[slot].wrapping_add(products[slot]))
}

/// `acc[o] + sum(x[i] * w[o][i])` for four rows of weights, stored four inputs of each together.
#[cfg_attr(any(kernel_arm_dsp, kernel_thumb), inline(never))]
#[cfg_attr(not(any(kernel_arm_dsp, kernel_thumb)), inline)]
pub(crate) fn dot_quad(x: &[i8], w: &[i8], acc: [i32; 4]) -> [i32; 4] {
    let mut sums = acc;
    for (x, w) in x.chunks(4).zip(w.as_chunks::<16>().0) {
        for (sum, w) in sums.iter_mut().zip(w.as_chunks::<4>().0) {
            let products = x.iter().zip(w).map(|(&x, &w)| i32::from(x) * i32::from(w));
            *sum = sum.wrapping_add(products.sum());
        }
    }
    sums
}

/// Writes `x - x_zero_point` of four channels as the two words of every pixel; pixels are `stride` bytes apart in `x`.
#[cfg_attr(any(kernel_arm_dsp, kernel_thumb), inline(never))]
#[cfg_attr(not(any(kernel_arm_dsp, kernel_thumb)), inline)]
pub(crate) fn widen_strip(strip: &mut [u32], x: &[i8], stride: usize, x_zero_point: i8) {
    let zero = i16::from(x_zero_point);
    for (pixel, at) in strip.as_chunks_mut::<2>().0.iter_mut().zip((0..).step_by(stride.max(1))) {
        let Some(&[a, b, c, d]) = x.get(at..).and_then(|x| x.first_chunk()) else { return };
        let pair = |low: i8, high: i8| {
            let half = |x: i8| u32::from(i16::from(x).wrapping_sub(zero) as u16);
            half(low) | half(high) << 16
        };
        *pixel = [pair(a, c), pair(b, d)];
    }
}

/// For four channels: `acc + sum(x * w)` over the taps of a window; `x` starts at the first tap.
#[cfg_attr(any(kernel_arm_dsp, kernel_thumb), inline(never))]
#[cfg_attr(not(any(kernel_arm_dsp, kernel_thumb)), inline)]
pub(crate) fn dot_strips(x: &[u32], w: &[u32], window: StripWindow, acc: [i32; 4]) -> [i32; 4] {
    let [mut s0, mut s1, mut s2, mut s3] = acc;
    let mut taps = w.as_chunks::<2>().0.iter();
    for row in 0..window.rows {
        for column in 0..window.columns {
            let at = row.wrapping_mul(window.row_words).wrapping_add(column.wrapping_mul(window.column_words));
            let (Some(&[xa, xb]), Some(&[wa, wb])) = (x.get(at..).and_then(|x| x.first_chunk()), taps.next()) else {
                break;
            };
            let low = |x: u32, w: u32| i32::from(x as i16) * i32::from(w as i16);
            let high = |x: u32, w: u32| (x as i32 >> 16) * (w as i32 >> 16);
            s0 = s0.wrapping_add(low(xa, wa));
            s2 = s2.wrapping_add(high(xa, wa));
            s1 = s1.wrapping_add(low(xb, wb));
            s3 = s3.wrapping_add(high(xb, wb));
        }
    }
    [s0, s1, s2, s3]
}

/// `acc[c] += (x[c] - x_zero_point) * w[c]`.
#[inline]
pub(crate) fn multiply_add_offset_i8(acc: &mut [i32], x: &[i8], w: &[i8], x_zero_point: i8) {
    let zero = i32::from(x_zero_point);
    for ((acc, &x), &w) in acc.iter_mut().zip(x).zip(w) {
        *acc = acc.wrapping_add((i32::from(x) - zero) * i32::from(w));
    }
}

/// The sum of all bytes, up to 2^24 of them.
#[inline]
pub(crate) fn sum_bytes(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum, &byte| sum.wrapping_add(byte.into()))
}

/// `[sum(x * a), sum(x * b)]` over the shortest of the three; exact up to 511 elements.
#[inline]
pub(crate) fn dot_pair_i16(x: &[i16], a: &[i8], b: &[i8]) -> [i32; 2] {
    let product = |x: i16, w: i8| i32::from(x).wrapping_mul(w.into());
    let mut sums = [0i32; 2];
    for ((&x, &a), &b) in x.iter().zip(a).zip(b) {
        sums = [sums[0].wrapping_add(product(x, a)), sums[1].wrapping_add(product(x, b))];
    }
    sums
}

/// `sums += x * w`, element by element.
#[inline]
pub(crate) fn multiply_add_i16(sums: &mut [i32], x: &[i16], w: &[i8]) {
    for (sum, (&x, &w)) in sums.iter_mut().zip(x.iter().zip(w)) {
        *sum = sum.wrapping_add(i32::from(x).wrapping_mul(w.into()));
    }
}

/// The largest of the window's elements, for as many channels as `y` has.
pub(crate) fn max_window(x: &[i8], window: &PoolWindow, y: &mut [i8]) -> Option<()> {
    let x = window.of(x, y.len())?;
    y.fill(i8::MIN);
    for row in 0..window.rows {
        for column in 0..window.columns {
            let at = row.wrapping_mul(window.row_pitch).wrapping_add(column.wrapping_mul(window.column_pitch));
            y.iter_mut().zip(x.get(at..)?).for_each(|(y, &x)| *y = x.max(*y));
        }
    }
    Some(())
}

/// The sum of the window's elements, of which there are [`PoolWindow::MAX_SUM`] at most, for as many channels as there
/// are `sums`.
pub(crate) fn sum_window(x: &[i8], window: &PoolWindow, sums: &mut [i16]) -> Option<()> {
    let x = window.of(x, sums.len())?;
    sums.fill(0);
    for row in 0..window.rows {
        for column in 0..window.columns {
            let at = row.wrapping_mul(window.row_pitch).wrapping_add(column.wrapping_mul(window.column_pitch));
            sums.iter_mut().zip(x.get(at..)?).for_each(|(sum, &x)| *sum = sum.wrapping_add(x.into()));
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;
    use std::vec::Vec;

    fn bytes(n: usize, seed: usize) -> Vec<i8> {
        (0..n).map(|i| ((i * 37 + seed * 101) ^ (i >> 3)) as i8).collect()
    }

    fn dot(x: &[i8], w: &[i8], zero: i8) -> i32 {
        x.iter().zip(w).map(|(&x, &w)| (i32::from(x) - i32::from(zero)) * i32::from(w)).sum()
    }

    #[test]
    fn patches_multiply_each_pixel_with_the_filter() {
        for len in [4, 8, 28, 64] {
            let pixels: [Vec<i8>; SLOTS] = core::array::from_fn(|slot| bytes(len, slot));
            let w = bytes(len, 9);
            let mut patches = vec![0; len * 2];
            for (slot, x) in pixels.iter().enumerate() {
                let (first, rest) = x.split_at(len / 3);
                widen_patch(&mut patches, slot, 0, first, -7);
                widen_patch(&mut patches, slot, first.len(), rest, -7);
            }
            assert_eq!(dot_patches(&patches, &w, 5), pixels.map(|x| 5 + dot(&x, &w, -7)));
        }
    }

    #[test]
    fn rows_of_any_length_and_place_go_to_their_elements() {
        let x = bytes(300, 5);
        for (rows, len, k, k_pitch) in
            [(3, 8, 0, 8), (3, 9, 0, 9), (2, 9, 9, 9), (2, 6, 3, 9), (1, 1, 26, 9), (3, 60, 60, 60)]
        {
            for (slot, pixels) in [(1, 1), (0, 4), (2, 2)] {
                let rect = Rect { x: 7, x_pitch: 70, k, k_pitch, rows, len, pixels, pixel_pitch: 5 };
                let mut expected = vec![0; 8 * 64];
                for (pixel, row) in (0..pixels).flat_map(|pixel| (0..rows).map(move |row| (pixel, row))) {
                    let x = &x[7 + pixel * 5 + row * 70..][..len];
                    widen_patch(&mut expected, slot + pixel, k + row * k_pitch, x, -7);
                }
                let mut patches = vec![0; expected.len()];
                crate::arch::widen_rows(&mut patches, slot, &x, rect, -7);
                assert_eq!(patches, expected, "{rect:?}");
            }
        }
    }

    #[test]
    fn a_cleared_patch_gives_the_start() {
        let mut patches = [0x0001_0001; 16];
        clear_patch(&mut patches, 2);
        let sums = dot_patches(&patches, &[1; 8], 3);
        assert_eq!(sums, [11, 11, 3, 11]);
    }

    #[test]
    fn quads_multiply_four_rows() {
        let x = bytes(10, 1);
        let rows: [Vec<i8>; 4] = core::array::from_fn(|o| bytes(10, o + 2));
        let element = |(i, o): (usize, usize)| rows[o].get(i).copied().unwrap_or(0);
        let order = (0..12).step_by(4).flat_map(|i| (0..4).flat_map(move |o| (i..i + 4).map(move |i| (i, o))));
        let w: Vec<i8> = order.map(element).collect();
        assert_eq!(dot_quad(&x, &w, [1, 2, 3, 4]), core::array::from_fn(|o| o as i32 + 1 + dot(&x, &rows[o], 0)));
    }

    #[test]
    fn strips_multiply_four_channels_over_the_window() {
        // Two rows of three pixels of five channels, of which four are read; a 2x2 kernel on the right columns.
        let (x, w) = (bytes(30, 3), bytes(16, 4));
        let mut strips = [0; 12];
        let (top, bottom) = strips.split_at_mut(6);
        widen_strip(top, &x, 5, 11);
        widen_strip(bottom, &x[15..], 5, 11);
        let mut taps = [0; 8];
        widen_strip(&mut taps, &w, 4, 0);
        let window = StripWindow { rows: 2, columns: 2, row_words: 6, column_words: 2 };
        let expected = core::array::from_fn(|c| {
            let tap = |row: usize, column: usize| {
                (i32::from(x[(row * 3 + column + 1) * 5 + c]) - 11) * i32::from(w[(row * 2 + column) * 4 + c])
            };
            100 + tap(0, 0) + tap(0, 1) + tap(1, 0) + tap(1, 1)
        });
        assert_eq!(dot_strips(&strips[2..], &taps, window, [100; 4]), expected);
    }

    #[test]
    fn each_channel_has_its_own_sum() {
        let mut acc = [10, 20, 30];
        multiply_add_offset_i8(&mut acc, &[1, 2, 3], &[4, -5, 6], 1);
        assert_eq!(acc, [10, 15, 42]);
    }

    #[test]
    fn pairs_of_rows_are_multiplied_up_to_the_shortest() {
        let x: [i16; 9] = core::array::from_fn(|i| (i as i16 - 4) * 8000);
        let (a, b): ([i8; 9], [i8; 12]) = (core::array::from_fn(|i| (i as i8 - 4) * 20), [i8::MIN; 12]);
        let sum = |w: &[i8]| x.iter().zip(w).map(|(&x, &w)| i32::from(x) * i32::from(w)).sum::<i32>();
        assert_eq!(dot_pair_i16(&x, &a, &b), [sum(&a), sum(&b)]);
        assert_eq!(dot_pair_i16(&x, &a, &b[..7]), [sum(&a[..7]), sum(&b[..7])]);
        assert_eq!(dot_pair_i16(&x, &[], &b), [0, 0]);
    }
}
