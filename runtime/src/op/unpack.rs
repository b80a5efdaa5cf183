//! Packed weights become int8 ones: see [`Packing`].
//!
//! Huffman codes, not arithmetic ones: a code of up to eight bits costs one look into a table of 512 bytes that is made in a
//! thousand instructions, two shifts and a subtraction, while rANS needs a table of all its states (4 KB for 12 bits), a
//! product and a second look. Of the weights of real layers hardly any has a longer code.

use super::{Limits, Memory, parameter};
use crate::error::Fault;
use crate::format::instruction::{MAX_CODE_BITS, Packing, WeightCode};
use core::slice::Iter;

/// Codes of so many bits are looked up at once.
const LOOKUP_BITS: u32 = 8;

/// What eight bits start with: a weight in the upper byte, the length of its code in the lower one. For indices only the
/// weight, and their own bits only; 0 for what starts a longer code.
pub(crate) type Table = [u16; 1 << LOOKUP_BITS];

/// Reads packed weights from the first to the last. Behind the last word lie zeros.
pub(crate) struct Unpacker<'t, 'm> {
    words: Iter<'m, u16>,
    /// The next bits, first one on top, and how many these are.
    window: u32,
    held: u32,
    form: Form<'t, 'm>,
}

enum Form<'t, 'm> {
    Int4,
    Palette { table: &'t Table, bits: u32 },
    Huffman { table: &'t Table, long: Long<'m> },
}

/// Codes that are not in the table.
#[derive(Clone, Copy)]
struct Long<'m> {
    /// The first one of `LOOKUP_BITS + 1` bits.
    first: u32,
    /// How many there are of these lengths, and what they stand for.
    counts: &'m [u8],
    values: &'m [i8],
}

impl<'t, 'm> Unpacker<'t, 'm> {
    /// Of the words at `offset`; `table` is filled. `None` if something is not there, which `check` excludes.
    #[inline(never)]
    pub fn new(packing: &Packing, offset: u32, memory: &Memory<'m, '_>, table: &'t mut Table) -> Option<Self> {
        let words = memory.weights::<u16>(offset, packing.words)?.iter();
        let form = match packing.code {
            WeightCode::Int4 => Form::Int4,
            WeightCode::Palette { bits, values, count } => {
                let values: &[i8] = memory.weights(values, count)?;
                table.iter_mut().zip(values).for_each(|(entry, &value)| *entry = u16::from(value as u8) << 8);
                Form::Palette { table, bits: bits.into() }
            }
            WeightCode::Huffman { table: offset, count } => {
                let counts: &[u8] = memory.weights(offset, MAX_CODE_BITS)?;
                let values = memory.weights(offset.checked_add(MAX_CODE_BITS)?, count)?;
                let long = fill(table, counts, values)?;
                Form::Huffman { table, long }
            }
        };
        Some(Self { words, window: 0, held: 0, form })
    }

    /// Fills `tile` with the next weights: `coded` of every `pitch` bytes, and zeros behind them.
    #[inline(never)]
    pub fn fill(&mut self, tile: &mut [u32], coded: usize, pitch: usize) {
        if let Form::Int4 = self.form {
            return self.nibbles(tile);
        }
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(tile);
        if coded == pitch {
            return self.bytes(bytes);
        }
        for row in bytes.chunks_mut(pitch.max(1)) {
            if let Some((weights, zeros)) = row.split_at_mut_checked(coded) {
                self.bytes(weights);
                // Four at most.
                zeros.iter_mut().for_each(|zero| *zero = 0);
            }
        }
    }

    /// Four weights a word: bits 0..4, 8..12, 4..8 and 12..16 go to the low bits of four bytes, and from there their signs
    /// upwards, which no byte borrows from the next.
    fn nibbles(&mut self, tile: &mut [u32]) {
        for (four, &word) in tile.iter_mut().zip(&mut self.words) {
            let word = u32::from(word);
            let spread = (word | word << 12) & 0x0f0f_0f0f;
            *four = (spread ^ 0x8888_8888).wrapping_sub(0x0808_0808) ^ 0x8080_8080;
        }
    }

    fn bytes(&mut self, weights: &mut [u8]) {
        match self.form {
            Form::Int4 => {}
            Form::Palette { table, bits } => self.palette(weights, table, bits),
            Form::Huffman { table, long } => self.huffman(weights, table, long),
        }
    }

    #[inline(never)]
    fn palette(&mut self, weights: &mut [u8], table: &Table, bits: u32) {
        let (words, mut window, mut held) = (&mut self.words, self.window, self.held);
        let behind = LOOKUP_BITS.wrapping_sub(bits) & 7;
        for weight in weights {
            refill(words, &mut window, &mut held);
            let index = (window >> 24) >> behind;
            *weight = (look(table, index) >> 8) as u8;
            window <<= bits & 15;
            held = held.wrapping_sub(bits);
        }
        (self.window, self.held) = (window, held);
    }

    #[inline(never)]
    fn huffman(&mut self, weights: &mut [u8], table: &Table, long: Long) {
        let (words, mut window, mut held) = (&mut self.words, self.window, self.held);
        for weight in weights {
            refill(words, &mut window, &mut held);
            let mut entry = look(table, window >> 24);
            if entry == 0 {
                entry = long.find(window);
            }
            *weight = (entry >> 8) as u8;
            let bits = entry & 15;
            window <<= bits;
            held = held.wrapping_sub(bits);
        }
        (self.window, self.held) = (window, held);
    }
}

/// At least 16 bits in the window: more than any code has.
#[inline(always)]
fn refill(words: &mut Iter<u16>, window: &mut u32, held: &mut u32) {
    if *held < 16 {
        let next = words.next().copied().unwrap_or(0);
        *window |= u32::from(next) << 16u32.wrapping_sub(*held);
        *held = held.wrapping_add(16);
    }
}

#[inline(always)]
fn look(table: &Table, index: u32) -> u32 {
    // A table has 256 entries.
    table.get(usize::from(index as u8)).copied().unwrap_or(0).into()
}

/// Fills the table with the codes that fit. `None` if there are more than it holds, which `check` excludes.
fn fill<'m>(table: &mut Table, counts: &'m [u8], values: &'m [i8]) -> Option<Long<'m>> {
    let (short, counts) = counts.split_at_checked(LOOKUP_BITS as usize)?;
    let (mut entries, mut values) = (table.iter_mut(), values.iter());
    let (mut filled, mut entries_each) = (0u32, 1u32 << LOOKUP_BITS);
    for (bits, &count) in (1u16..).zip(short) {
        entries_each >>= 1;
        for _ in 0..count {
            let value = *values.next()?;
            for _ in 0..entries_each {
                *entries.next()? = u16::from(value as u8) << 8 | bits;
            }
            filled = filled.wrapping_add(entries_each);
        }
    }
    Some(Long { first: filled.wrapping_mul(2), counts, values: values.as_slice() })
}

impl Long<'_> {
    /// The entry for what the window starts with.
    #[cold]
    #[inline(never)]
    fn find(&self, window: u32) -> u32 {
        let (mut first, mut values, mut bits) = (self.first, self.values, LOOKUP_BITS);
        for &count in self.counts {
            bits = bits.wrapping_add(1);
            let code = window >> (32u32.wrapping_sub(bits) & 31);
            let index = code.wrapping_sub(first) as usize;
            if index < usize::from(count) {
                let value = values.get(index).copied().unwrap_or(0);
                return u32::from(value as u8) << 8 | bits;
            }
            first = first.wrapping_add(count.into()).wrapping_mul(2);
            values = values.get(usize::from(count)..).unwrap_or_default();
        }
        // Every sequence of bits starts with a code.
        MAX_CODE_BITS
    }
}

impl Packing {
    /// Checks everything about the packed weights of `channels` channels at `offset`, which are `bytes` bytes in the dense
    /// layout.
    pub(crate) fn check(&self, offset: u32, channels: u32, bytes: u32, limits: &Limits) -> Result<(), Fault> {
        parameter((1..=channels).contains(&self.tile_channels))?;
        limits.weights::<u16>(offset, self.words)?;
        match self.code {
            WeightCode::Int4 => parameter(self.words == bytes / 4),
            WeightCode::Palette { bits, values, count } => {
                let fits = (1..=LOOKUP_BITS).contains(&bits.into()) && count.wrapping_sub(1) >> (bits & 15) == 0;
                limits.weights::<i8>(values, count)?;
                parameter(fits)
            }
            WeightCode::Huffman { table, count } => {
                let counts: &[u8] = limits.weights(table, MAX_CODE_BITS)?;
                limits.weights::<i8>(table.checked_add(MAX_CODE_BITS).ok_or(Fault::WeightsBounds)?, count)?;
                // Of all sequences of the longest codes' length, those that start with a code; and all codes.
                let (mut started, mut codes, mut each) = (0u32, 0u32, 1u32 << MAX_CODE_BITS);
                for &of_length in counts {
                    each >>= 1;
                    started = started.wrapping_add(u32::from(of_length).wrapping_mul(each));
                    codes = codes.wrapping_add(of_length.into());
                }
                parameter(started == 1 << MAX_CODE_BITS && codes == count)
            }
        }
    }
}

#[cfg(test)]
#[path = "unpack/tests.rs"]
mod tests;
