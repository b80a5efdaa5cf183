//! The weights section: constants, each stored once.

use std::collections::HashMap;

/// Collects constants. Offsets count from the start of the section, which is 16-byte aligned in the file.
#[derive(Default)]
pub struct Weights {
    bytes: Vec<u8>,
    known: HashMap<Vec<u8>, u32>,
}

impl Weights {
    /// Offset of `bytes`, aligned to `align`. Equal contents share an offset if its alignment will do.
    fn add(&mut self, bytes: Vec<u8>, align: usize) -> u32 {
        match self.known.get(&bytes) {
            Some(&offset) if (offset as usize).is_multiple_of(align) => return offset,
            _ => {}
        }
        self.bytes.resize(self.bytes.len().next_multiple_of(align), 0);
        let offset = self.bytes.len() as u32;
        self.bytes.extend_from_slice(&bytes);
        self.known.insert(bytes, offset);
        offset
    }

    /// Bytes that need no alignment: shifts, tables.
    pub fn add_i8(&mut self, values: &[i8]) -> u32 {
        self.add(values.iter().map(|&v| v as u8).collect(), 1)
    }

    /// Bytes without sign.
    pub fn add_u8(&mut self, values: &[u8]) -> u32 {
        self.add(values.to_vec(), 1)
    }

    /// int8 weights, aligned so that kernels may read words.
    pub fn add_i8_words(&mut self, values: &[i8]) -> u32 {
        self.add(values.iter().map(|&v| v as u8).collect(), 4)
    }

    /// 32-bit integers.
    pub fn add_i32(&mut self, values: &[i32]) -> u32 {
        self.add(values.iter().flat_map(|v| v.to_le_bytes()).collect(), 4)
    }

    /// 64-bit integers.
    pub fn add_i64(&mut self, values: &[i64]) -> u32 {
        self.add(values.iter().flat_map(|v| v.to_le_bytes()).collect(), 8)
    }

    /// 16-bit integers.
    pub fn add_i16(&mut self, values: &[i16]) -> u32 {
        self.add(values.iter().flat_map(|v| v.to_le_bytes()).collect(), 2)
    }

    /// 16-bit weights, aligned so that kernels may read words.
    pub fn add_i16_words(&mut self, values: &[i16]) -> u32 {
        self.add(values.iter().flat_map(|v| v.to_le_bytes()).collect(), 4)
    }

    /// 16-bit unsigned integers.
    pub fn add_u16(&mut self, values: &[u16]) -> u32 {
        self.add(values.iter().flat_map(|v| v.to_le_bytes()).collect(), 2)
    }

    /// 32-bit words.
    pub fn add_u32(&mut self, values: &[u32]) -> u32 {
        self.add(values.iter().flat_map(|v| v.to_le_bytes()).collect(), 4)
    }

    /// 32-bit floats.
    pub fn add_f32(&mut self, values: &[f32]) -> u32 {
        self.add(values.iter().flat_map(|v| v.to_le_bytes()).collect(), 4)
    }

    /// 16-bit floats, rounded to nearest even.
    pub fn add_f16(&mut self, values: &[f32]) -> u32 {
        self.add(values.iter().flat_map(|&v| half::f16::from_f32(v).to_le_bytes()).collect(), 2)
    }

    /// The section.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_contents_are_stored_once() {
        let mut weights = Weights::default();
        let first = weights.add_i8(&[1, 2, 3]);
        let second = weights.add_i8(&[4]);
        assert_eq!(weights.add_i8(&[1, 2, 3]), first);
        assert_ne!(first, second);
        assert_eq!(weights.into_bytes(), [1, 2, 3, 4]);
    }

    #[test]
    fn shared_contents_must_be_aligned() {
        let mut weights = Weights::default();
        weights.add_i8(&[9]);
        assert_eq!(weights.add_i8(&[1, 0, 0, 0]), 1);
        assert_eq!(weights.add_i32(&[1]), 8);
        assert_eq!(weights.add_i32(&[1]), 8);
    }
}
