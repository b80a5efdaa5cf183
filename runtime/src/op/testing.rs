//! What the property tests of the kernels share: random operands and the literal meaning of windows and scales.

use super::scales::Scales;
use crate::fixed_point::requantize;
use crate::format::Rounding;
use crate::format::instruction::{Hwc, Multiplier, Window};
use proptest::prelude::*;
use std::vec::Vec;

/// Each property runs often natively and a few times under Miri.
pub(crate) fn config() -> ProptestConfig {
    let cases = if cfg!(miri) { 5 } else { 400 };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Operands from a seed, so that shrinking works on shapes and not on elements (xorshift64*).
pub(crate) struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    pub fn i8s(&mut self, n: u32) -> Vec<i8> {
        (0..n).map(|_| self.next() as i8).collect()
    }

    pub fn bytes(&mut self, n: u32) -> Vec<u8> {
        (0..n).map(|_| self.next() as u8).collect()
    }

    /// About as large as sums of some products.
    pub fn biases(&mut self, n: u32) -> Vec<i32> {
        (0..n).map(|_| (self.next() % 40_001) as i32 - 20_000).collect()
    }

    /// Of a size that takes such sums to int8.
    pub fn multiplier(&mut self) -> Multiplier {
        Multiplier { multiplier: (1 << 30) | (self.next() & 0x3fff_ffff) as i32, shift: -((self.next() % 12) as i8) }
    }
}

pub(crate) fn rounding() -> impl Strategy<Value = Rounding> {
    prop_oneof![Just(Rounding::Tflite), Just(Rounding::Single)]
}

pub(crate) fn hwc(max_size: u32, max_channels: u32) -> impl Strategy<Value = Hwc> {
    (1..=max_size, 1..=max_size, 1..=max_channels).prop_map(|(h, w, c)| Hwc { h, w, c })
}

pub(crate) fn window() -> impl Strategy<Value = Window> {
    let axis = || (1u32..4, 1u32..4, 1u32..3, 0u32..3);
    (axis(), axis()).prop_map(
        |((kernel_h, stride_h, dilation_h, pad_top), (kernel_w, stride_w, dilation_w, pad_left))| Window {
            kernel_h,
            kernel_w,
            stride_h,
            stride_w,
            dilation_h,
            dilation_w,
            pad_top,
            pad_left,
        },
    )
}

/// One tap of a window that is not padding.
pub(crate) struct Tap {
    pub kernel_row: u32,
    pub kernel_column: u32,
    pub row: u32,
    pub column: u32,
}

/// The taps that an output pixel reads: every kernel position whose input position is inside.
pub(crate) fn taps(window: &Window, x: Hwc, y_row: u32, y_column: u32) -> Vec<Tap> {
    let mut taps = Vec::new();
    for kernel_row in 0..window.kernel_h {
        for kernel_column in 0..window.kernel_w {
            let row = (y_row * window.stride_h + kernel_row * window.dilation_h).checked_sub(window.pad_top);
            let column = (y_column * window.stride_w + kernel_column * window.dilation_w).checked_sub(window.pad_left);
            if let (Some(row), Some(column)) = (row, column)
                && row < x.h
                && column < x.w
            {
                taps.push(Tap { kernel_row, kernel_column, row, column });
            }
        }
    }
    taps
}

/// Where element `[row, column, channel]` is.
pub(crate) fn at(shape: Hwc, row: u32, column: u32, channel: u32) -> usize {
    ((row * shape.w + column) * shape.c + channel) as usize
}

/// Every `(row, column, channel)` of a feature map, in the order of memory.
pub(crate) fn positions(shape: Hwc) -> impl Iterator<Item = (u32, u32, u32)> {
    (0..shape.h).flat_map(move |h| (0..shape.w).flat_map(move |w| (0..shape.c).map(move |c| (h, w, c))))
}

/// Multipliers, shifts and the rest of a requantization.
#[derive(Debug)]
pub(crate) struct Tables {
    multipliers: Vec<i32>,
    shifts: Vec<i8>,
    y_zero_point: i8,
    min: i8,
    max: i8,
}

impl Tables {
    /// Per channel, or one for all, by chance.
    pub fn random(random: &mut Random, channels: u32) -> Self {
        let n = if random.next().is_multiple_of(2) { channels } else { 1 };
        let multipliers: Vec<_> = (0..n).map(|_| random.multiplier()).collect();
        Self {
            multipliers: multipliers.iter().map(|m| m.multiplier).collect(),
            shifts: multipliers.iter().map(|m| m.shift).collect(),
            y_zero_point: random.next() as i8,
            min: -128 + (random.next() % 100) as i8,
            max: 127 - (random.next() % 100) as i8,
        }
    }

    pub fn scales(&self, rounding: Rounding) -> Scales<'_> {
        Scales {
            multipliers: &self.multipliers,
            shifts: &self.shifts,
            per_channel: self.multipliers.len() > 1,
            rounding,
            y_zero_point: self.y_zero_point,
            min: self.min,
            max: self.max,
        }
    }

    /// The stored output of a sum.
    pub fn output(&self, rounding: Rounding, channel: u32, sum: i32) -> i8 {
        let index = channel as usize % self.multipliers.len();
        let scaled = requantize(sum, self.multipliers[index], self.shifts[index], rounding);
        stored(scaled, self.y_zero_point, self.min, self.max)
    }
}

/// `clamp(value + zero_point, min, max)` without overflow.
pub(crate) fn stored(value: i32, zero_point: i8, min: i8, max: i8) -> i8 {
    (i64::from(value) + i64::from(zero_point)).clamp(min.into(), max.into()) as i8
}
