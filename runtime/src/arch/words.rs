//! Pooling four channels at a time in the lanes of an ordinary register, for cores without instructions for that.
//!
//! Lanes are unsigned here: the elements with their highest bit flipped.

use super::{PoolWindow, portable};

const HIGH: u32 = 0x8080_8080;
const EVEN: u32 = 0x00ff_00ff;
/// Words whose lanes are held in registers or on the stack at a time.
const BLOCK: usize = 4;

/// See [`portable::max_window`].
#[inline(never)]
pub(crate) fn max_window(x: &[i8], window: &PoolWindow, y: &mut [i8]) -> Option<()> {
    let (Some((x, window)), Some(words)) = (in_words(x, window, y.len()), y.len().checked_div(4)) else {
        return portable::max_window(x, window, y);
    };
    let mut largest = [0; BLOCK];
    let mut y = y.as_chunks_mut::<4>().0.chunks_mut(BLOCK);
    for first in (0..words).step_by(BLOCK) {
        let y = y.next()?;
        let largest = largest.get_mut(..y.len())?;
        largest.fill(0);
        each_tap(x, &window, first, |x| {
            largest.iter_mut().zip(x).for_each(|(largest, &x)| *largest = max(x ^ HIGH, *largest));
        })?;
        y.iter_mut().zip(largest).for_each(|(y, word)| *y = (*word ^ HIGH).to_le_bytes().map(|byte| byte as i8));
    }
    Some(())
}

/// See [`portable::sum_window`].
#[inline(never)]
pub(crate) fn sum_window(x: &[i8], window: &PoolWindow, sums: &mut [i16]) -> Option<()> {
    let (Some((x, window)), Some(words)) = (in_words(x, window, sums.len()), sums.len().checked_div(4)) else {
        return portable::sum_window(x, window, sums);
    };
    // What flipping the highest bit has added.
    let bias = (window.rows.wrapping_mul(window.columns) as u16).wrapping_mul(128);
    let mut lanes = [[0u32; 2]; BLOCK];
    let mut sums = sums.as_chunks_mut::<4>().0.chunks_mut(BLOCK);
    for first in (0..words).step_by(BLOCK) {
        let sums = sums.next()?;
        let lanes = lanes.get_mut(..sums.len())?;
        lanes.fill([0; 2]);
        each_tap(x, &window, first, |x| {
            for ([even, odd], &x) in lanes.iter_mut().zip(x) {
                let x = x ^ HIGH;
                *even = even.wrapping_add(x & EVEN);
                *odd = odd.wrapping_add((x >> 8) & EVEN);
            }
        })?;
        for (sums, [even, odd]) in sums.iter_mut().zip(lanes) {
            let lane = |word: u32| (word as u16).wrapping_sub(bias) as i16;
            *sums = [lane(*even), lane(*odd), lane(*even >> 16), lane(*odd >> 16)];
        }
    }
    Some(())
}

/// The window in words, and the input from its first one on, if every element of the first channel starts one and there
/// are whole words of channels.
fn in_words<'x>(x: &'x [i8], window: &PoolWindow, channels: usize) -> Option<(&'x [u32], PoolWindow)> {
    let pitches = window.row_pitch | window.column_pitch | channels;
    let x = window.of(x, channels)?;
    if !pitches.is_multiple_of(4) {
        return None;
    }
    let (row_pitch, column_pitch) = (window.row_pitch / 4, window.column_pitch / 4);
    Some((bytemuck::try_cast_slice(x).ok()?, PoolWindow { first: 0, row_pitch, column_pitch, ..*window }))
}

/// Calls `f` with the words from the `first` one on of every element of the window.
#[inline(always)]
fn each_tap(x: &[u32], window: &PoolWindow, first: usize, mut f: impl FnMut(&[u32])) -> Option<()> {
    let mut row_at = first;
    for _ in 0..window.rows {
        let mut at = row_at;
        for _ in 0..window.columns {
            f(x.get(at..)?);
            at = at.wrapping_add(window.column_pitch);
        }
        row_at = row_at.wrapping_add(window.row_pitch);
    }
    Some(())
}

/// The larger of each two unsigned lanes.
#[inline(always)]
fn max(a: u32, b: u32) -> u32 {
    // The highest bit of each lane: the lower bits of `a` are no less than those of `b`; then, with the highest bits.
    let low = (a | HIGH).wrapping_sub(b & !HIGH);
    let no_less = ((a & !b) | (!(a ^ b) & low)) & HIGH;
    let mask = (no_less >> 7).wrapping_mul(0xff);
    b ^ ((a ^ b) & mask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::testing::{Random, config};
    use proptest::prelude::*;
    use std::vec;

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn words_equal_bytes(
            (rows, columns) in (1usize..17, 1usize..17), channels in 1usize..40, (gap, first) in (0usize..9, 0usize..5),
            seed: u64,
        ) {
            let column_pitch = channels + gap;
            let window = PoolWindow { first, rows, row_pitch: columns * column_pitch + gap, columns, column_pitch };
            let len = first + rows * window.row_pitch;
            let mut words = vec![0u32; len.div_ceil(4)];
            let x: &mut [i8] = bytemuck::cast_slice_mut(&mut words);
            x[..len].copy_from_slice(&Random::new(seed).i8s(len as u32));
            let (mut got, mut expected) = (vec![0; channels], vec![1; channels]);
            prop_assert_eq!(max_window(x, &window, &mut got), portable::max_window(x, &window, &mut expected));
            prop_assert_eq!(got, expected);
            let (mut got, mut expected) = (vec![0; channels], vec![1; channels]);
            prop_assert_eq!(sum_window(x, &window, &mut got), portable::sum_window(x, &window, &mut expected));
            prop_assert_eq!(got, expected);
        }
    }
}
