//! What the property tests of the kernels share: random operands and the literal meaning of windows and scales.

use super::scales::{BiasTable, FactorTable, Scales};
use super::split::Split;
use crate::aligned::AlignedBytes;
use crate::fixed_point::requantize;
use crate::format::Rounding;
use crate::format::instruction::{Biases, Factors, Hwc, Multiplier, Packing, Requantize8, RowOrder, Window};
use crate::format::overlap::Distances;
use crate::format::packed::Packed;
use proptest::prelude::*;
use std::vec::Vec;

/// Each property runs often natively and a few times under Miri.
pub(crate) fn config() -> ProptestConfig {
    let cases = if cfg!(miri) { 3 } else { 400 };
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

/// Biases, factors and the rest of a requantization, in one of the forms that a file may hold.
#[derive(Debug)]
pub(crate) struct Tables {
    biases: Vec<i32>,
    narrow: Option<Vec<i16>>,
    multipliers: Vec<i32>,
    shifts: Vec<i8>,
    packed: Option<(Vec<u32>, i8)>,
    y_zero_point: i8,
    min: i8,
    max: i8,
}

impl Tables {
    /// Factors per channel, packed or not, or one for all; wide or narrow biases; by chance.
    pub fn random(random: &mut Random, channels: u32) -> Self {
        let n = if random.next().is_multiple_of(3) { 1 } else { channels };
        let mut factors: Vec<_> = (0..n).map(|_| random.multiplier()).collect();
        let pack = n > 1 && random.next().is_multiple_of(2);
        if pack {
            factors.iter_mut().for_each(|factor| factor.shift = -5 - (random.next() % 4) as i8);
        }
        let biases = random.biases(channels);
        let narrow = random.next().is_multiple_of(2);
        Self {
            narrow: narrow.then(|| biases.iter().map(|&bias| bias as i16).collect()),
            biases,
            packed: if pack { crate::format::pack::packed_factors(&factors) } else { None },
            multipliers: factors.iter().map(|m| m.multiplier).collect(),
            shifts: factors.iter().map(|m| m.shift).collect(),
            y_zero_point: random.next() as i8,
            min: -128 + (random.next() % 100) as i8,
            max: 127 - (random.next() % 100) as i8,
        }
    }

    pub fn bias(&self, channel: u32) -> i32 {
        self.biases[channel as usize]
    }

    pub fn scales(&self, rounding: Rounding) -> Scales<'_> {
        let one = || Multiplier { multiplier: self.multipliers[0], shift: self.shifts[0] };
        Scales {
            biases: self.narrow.as_ref().map_or(BiasTable::I32(&self.biases), |narrow| BiasTable::I16(narrow)),
            factors: match &self.packed {
                Some((words, shift)) => FactorTable::Packed(words, *shift),
                None if self.multipliers.len() == 1 => FactorTable::One(one()),
                None => FactorTable::Each(&self.multipliers, &self.shifts),
            },
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

/// A requantization that an instruction holds whose tables are given apart.
pub(crate) fn no_tables() -> Requantize8 {
    let factors = Factors::One(Multiplier::ZERO);
    Requantize8 { biases: Biases::I32(0), factors, y_zero_point: 0, min: 0, max: 0 }
}

/// Where input, scratch and output of an instruction lie.
pub(crate) struct Places {
    pub x: u32,
    pub scratch: u32,
    pub y: u32,
    arena: u32,
}

impl Places {
    /// All apart, in one of their orders.
    pub fn apart(x: u32, scratch: u32, y: u32) -> Self {
        let at = scratch.next_multiple_of(4);
        Self { x: at, scratch: 0, y: at + x, arena: at + x + y }
    }

    /// Input and output as near to each other as `distances` allow in this order; scratch memory behind both.
    pub fn overlapping(x: u32, scratch: u32, y: u32, distances: Distances, order: RowOrder) -> Self {
        // The output's place, seen from the input's.
        let step = distances.step;
        let least = |distance: i64| distance.div_euclid(step) * step + if distance % step == 0 { 0 } else { step };
        let apart = if order == RowOrder::TopDown { -least(distances.below) } else { least(distances.above) };
        let (x_at, y_at) = ((-apart).max(0) as u32, apart.max(0) as u32);
        let end = (x_at + x).max(y_at + y).next_multiple_of(4);
        Self { x: x_at, scratch: end, y: y_at, arena: end + scratch }
    }

    /// Bytes of arena that hold all.
    pub fn arena_bytes(&self) -> u32 {
        self.arena
    }

    /// Puts `x` in its place, runs, and returns the output.
    pub fn run(&self, x: &[i8], scratch: u32, y: u32, f: impl FnOnce(&mut Split) -> Option<()>) -> Option<Vec<i8>> {
        let mut words = std::vec![0xa5a5_a5a5u32; self.arena.div_ceil(4) as usize];
        let arena: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
        arena[self.x as usize..][..x.len()].copy_from_slice(bytemuck::cast_slice(x));
        f(&mut Split::new(arena, (self.x, x.len() as u32), (self.scratch, scratch), (self.y, y))?)?;
        Some(arena[self.y as usize..][..y as usize].iter().map(|&byte| byte as i8).collect())
    }
}

pub(crate) fn order() -> impl Strategy<Value = RowOrder> {
    prop_oneof![Just(RowOrder::TopDown), Just(RowOrder::BottomUp)]
}

/// `clamp(value + zero_point, min, max)` without overflow.
pub(crate) fn stored(value: i32, zero_point: i8, min: i8, max: i8) -> i8 {
    (i64::from(value) + i64::from(zero_point)).clamp(min.into(), max.into()) as i8
}

/// A weights section under construction.
#[derive(Default)]
pub(crate) struct Section(Vec<u8>);

impl Section {
    /// Where these are from now on, aligned to 4.
    pub fn add<T: bytemuck::Pod>(&mut self, values: &[T]) -> u32 {
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        let offset = self.0.len() as u32;
        self.0.extend_from_slice(bytemuck::cast_slice(values));
        offset
    }

    /// Biases and factors in one of their forms.
    pub fn add_requantize(&mut self, random: &mut Random, channels: u32) -> Requantize8 {
        let factors: Vec<_> = (0..channels).map(|_| random.multiplier()).collect();
        let biases = random.biases(channels);
        let narrow: Vec<i16> = biases.iter().map(|&bias| bias as i16).collect();
        let biases = if random.next().is_multiple_of(2) {
            Biases::I16(self.add(&narrow))
        } else {
            Biases::I32(self.add(&biases))
        };
        let factors = match random.next() % 3 {
            0 => Factors::One(factors[0]),
            1 => Factors::Packed { words: self.add(&random.bytes(4 * channels)), shift: -4 },
            _ => Factors::Each {
                multipliers: self.add(&factors.iter().map(|f| f.multiplier).collect::<Vec<_>>()),
                shifts: self.add(&factors.iter().map(|f| f.shift).collect::<Vec<_>>()),
            },
        };
        Requantize8 { biases, factors, y_zero_point: random.next() as i8, min: -120, max: 119 }
    }

    /// Packed weights: where their words are, and how they are packed.
    pub fn add_packed(&mut self, packed: &Packed, tile_channels: u32) -> (u32, Packing) {
        let (words, table) = (self.add(&packed.words), self.add(&packed.table));
        (words, Packing { tile_channels, words: packed.words.len() as u32, code: packed.code(table) })
    }

    pub fn into_bytes(self) -> AlignedBytes {
        AlignedBytes::copy_of(&self.0)
    }
}

/// Weights of at most `distinct` values, and what packs them: 0 four bits, 1 a palette, 2 a Huffman code.
pub(crate) fn packable(random: &mut Random, n: u32, form: usize) -> Vec<i8> {
    let distinct = 1 + random.next() % 100;
    let weight = |w: i8| if form == 0 { w % 8 } else { (i64::from(w) * i64::from(w) / 97 % distinct as i64) as i8 };
    random.i8s(n).into_iter().map(weight).collect()
}
