//! Checksums against accidents. Against more there is the SHA-256.

/// Odd, without a pattern: 2^32 divided by the golden ratio.
const FACTOR: u32 = 0x9e37_79b1;

/// The checksum of a model file's parts, over little-endian `u32` words, the last one filled up with zeros:
/// `sum = low(sum) * FACTOR + high(sum) + word` in 64 bits, from 0, where `low` and `high` are the halves of `sum`.
///
/// This is a polynomial in `FACTOR` modulo `FACTOR * 2^32 - 1`. Damage inside one word, or in up to 32 bits that follow each
/// other, never goes unnoticed, and anything else once in 2^63. A Cortex-M4 takes one instruction a word, and one more
/// for loading eight of them; CRC-32 would take sixty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checksum {
    low: u32,
    high: u32,
}

impl Checksum {
    #[inline(always)]
    fn step(self, word: u32) -> Self {
        let sum = u64::from(self.low) * u64::from(FACTOR) + u64::from(self.high) + u64::from(word);
        Self { low: sum as u32, high: (sum >> 32) as u32 }
    }

    /// Adds bytes. Only the last ones of a checksum may be something else than a multiple of 4. `None` if they do not start
    /// at a multiple of 4 in memory.
    #[inline(never)]
    pub fn and(mut self, bytes: &[u8]) -> Option<Self> {
        let (words, tail) = bytes.as_chunks::<4>();
        let words: &[u32] = bytemuck::try_cast_slice(words).ok()?;
        // By sixteen, so that most instructions are loads and sums.
        let (blocks, rest) = words.as_chunks();
        for &[a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] in blocks {
            self = self.step(a).step(b).step(c).step(d).step(e).step(f).step(g).step(h);
            self = self.step(i).step(j).step(k).step(l).step(m).step(n).step(o).step(p);
        }
        for &word in rest {
            self = self.step(word);
        }
        if !tail.is_empty() {
            let word = tail.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte));
            self = self.step(word);
        }
        Some(self)
    }

    /// The sum.
    pub fn value(self) -> u64 {
        u64::from(self.high) << 32 | u64::from(self.low)
    }
}

/// CRC-32 (ISO-HDLC, as in zip and PNG): what seals the texts and jobs between a host and a board. Works through half
/// bytes, with a table of 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crc32(u32);

impl Crc32 {
    /// Of nothing yet.
    pub const fn new() -> Self {
        Self(u32::MAX)
    }

    /// Of `bytes`.
    pub fn of(bytes: &[u8]) -> u32 {
        let mut crc = Self::new();
        crc.update(bytes);
        crc.finish()
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        let half = |crc: u32| (crc >> 4) ^ TABLE.get((crc & 15) as usize).copied().unwrap_or(0);
        self.0 = bytes.iter().fold(self.0, |crc, &byte| half(half(crc ^ u32::from(byte))));
    }

    /// The CRC of everything added.
    pub const fn finish(self) -> u32 {
        !self.0
    }
}

impl Default for Crc32 {
    fn default() -> Self {
        Self::new()
    }
}

const TABLE: [u32; 16] = table();

const fn table() -> [u32; 16] {
    let mut table = [0; 16];
    let mut index = 0;
    while index < 16 {
        let mut crc = index as u32;
        let mut bit = 0;
        while bit < 4 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AlignedBytes;

    fn checksum(bytes: &[u8]) -> u64 {
        Checksum::default().and(&AlignedBytes::copy_of(bytes)).unwrap().value()
    }

    #[test]
    fn crc_of_the_usual_check_string() {
        assert_eq!(Crc32::of(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn checksum_is_the_documented_formula() {
        let modulus = (u128::from(FACTOR) << 32) - 1;
        let bytes: [u8; 47] = core::array::from_fn(|i| (i * i) as u8);
        let mut padded = bytes.to_vec();
        padded.push(0);
        let expected = padded
            .as_chunks()
            .0
            .iter()
            .fold(0u128, |sum, &word| (sum * u128::from(FACTOR) + u128::from(u32::from_le_bytes(word))) % modulus);
        assert_eq!(u128::from(checksum(&bytes)), expected);
    }

    #[test]
    fn checksum_goes_on_where_it_stopped() {
        let bytes = AlignedBytes::copy_of(&[7; 61]);
        let (first, second) = bytes.split_at(36);
        let sum = Checksum::default().and(first).and_then(|sum| sum.and(second));
        assert_eq!(sum.unwrap().value(), checksum(&bytes));
        assert!(Checksum::default().and(&bytes[1..]).is_none(), "misaligned");
    }

    #[test]
    fn two_damaged_words_do_not_cancel_out() {
        let good = [0x5au8; 400];
        // Miri takes a thousand times as long.
        let (bits, step) = if cfg!(miri) { (2, 44) } else { (8, 4) };
        for bit in 0..bits {
            for other in (4..400).step_by(step) {
                let mut bad = good;
                bad[3] ^= 1 << bit;
                bad[other + 3] ^= 1 << bit;
                assert_ne!(checksum(&bad), checksum(&good), "bit {bit}, bytes 3 and {}", other + 3);
            }
        }
    }
}
