//! What the property tests of the int16 kernels share.

use super::Maps;
use super::scales::{BiasTable, Scales};
use crate::fixed_point::{requantize_reduced, requantize_wide};
use crate::format::Rounding;
use crate::format::instruction::RowOrder;
use crate::format::instruction::{Factors, Multiplier, Requantize16, WideBiases};
use crate::format::overlap::Distances;
use crate::op::Memory;
use crate::op::scales::FactorTable;
use crate::op::testing::{Places, Random};
use std::vec::Vec;

pub(crate) fn i16s(random: &mut Random, n: u32) -> Vec<i16> {
    (0..n).map(|_| random.next() as i16).collect()
}

/// Runs `f` on input and output apart, and as near to each other as `distances` allow: both outputs.
pub(super) fn run(
    x: &[i16],
    y_len: u32,
    (distances, order): (Distances, RowOrder),
    f: impl Fn(&mut Maps) -> Option<()>,
) -> [Option<Vec<i16>>; 2] {
    let (x_len, x_bytes) = (x.len() as u32, 2 * x.len() as u32);
    let all = [Places::apart(x_bytes, 0, 2 * y_len), Places::overlapping(x_bytes, 0, 2 * y_len, distances, order)];
    all.map(|places| {
        let mut words = std::vec![0xa5a5_a5a5u32; places.arena_bytes().div_ceil(4) as usize];
        let arena: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
        arena[places.x as usize..][..2 * x.len()].copy_from_slice(bytemuck::cast_slice(x));
        let mut memory = Memory { arena, weights: &[], rounding: Rounding::Single };
        f(&mut Maps { memory: &mut memory, x: (places.x, x_len), y: (places.y, y_len) })?;
        Some(memory.arena::<i16>(places.y, y_len)?.to_vec())
    })
}

/// Biases, factors and the rest of a requantization, in one of the forms that a file may hold.
#[derive(Debug)]
pub(crate) struct Tables {
    biases: Vec<i64>,
    narrow: Option<Vec<i32>>,
    words: Vec<[u32; 2]>,
    multipliers: Vec<i32>,
    shifts: Vec<i8>,
    reduced: bool,
    min: i16,
    max: i16,
}

impl Tables {
    pub fn random(random: &mut Random, channels: u32, rounding: Rounding) -> Self {
        let one = random.next().is_multiple_of(3);
        let n = if one { 1 } else { channels };
        let factors: Vec<_> = (0..n).map(|_| random.multiplier()).collect();
        let biases: Vec<i64> = (0..channels).map(|_| (random.next() as i64 >> 20) - (1 << 27)).collect();
        let narrow = random.next().is_multiple_of(2);
        Self {
            words: biases.iter().map(|&b| [b as u32, (b >> 32) as u32]).collect(),
            narrow: narrow.then(|| biases.iter().map(|&b| b as i32).collect()),
            biases: biases.iter().map(|&b| if narrow { i64::from(b as i32) } else { b }).collect(),
            multipliers: factors.iter().map(|m| m.multiplier).collect(),
            shifts: factors.iter().map(|m| m.shift - 8).collect(),
            reduced: rounding == Rounding::Tflite && random.next().is_multiple_of(2),
            min: -32768 + (random.next() % 9000) as i16,
            max: 32767 - (random.next() % 9000) as i16,
        }
    }

    pub(super) fn scales(&self, rounding: Rounding) -> Scales<'_> {
        let one = Multiplier { multiplier: self.multipliers[0], shift: self.shifts[0] };
        Scales {
            biases: self.narrow.as_ref().map_or(BiasTable::I64(&self.words), |narrow| BiasTable::I32(narrow)),
            factors: match self.multipliers.len() {
                1 => FactorTable::One(one),
                _ => FactorTable::Each(&self.multipliers, &self.shifts),
            },
            rounding,
            reduced: self.reduced,
            min: self.min,
            max: self.max,
        }
    }

    /// The stored output of a sum without bias.
    pub fn output(&self, rounding: Rounding, channel: u32, sum: i64) -> i16 {
        let index = channel as usize % self.multipliers.len();
        let (multiplier, shift) = (self.multipliers[index], self.shifts[index]);
        let sum = sum + self.biases[channel as usize];
        let scaled = match self.reduced {
            true => requantize_reduced(sum, multiplier, shift),
            false => requantize_wide(sum, multiplier, shift, rounding),
        };
        scaled.clamp(self.min.into(), self.max.into()) as i16
    }
}

/// A requantization that an instruction holds whose tables are given apart.
pub(crate) fn no_tables() -> Requantize16 {
    let factors = Factors::One(Multiplier::ZERO);
    Requantize16 { biases: WideBiases::Zero, factors, reduced: false, min: 0, max: 0 }
}
