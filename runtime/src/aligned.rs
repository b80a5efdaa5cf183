//! Heap memory that models and arenas accept, for hosts.

use core::ops::{Deref, DerefMut};
use std::vec::Vec;

use crate::format::SECTION_ALIGN;

/// Bytes on the heap that start at a multiple of 16: a model file read at run time, or an arena of a size known at
/// run time.
#[derive(Debug)]
pub struct AlignedBytes {
    buffer: Vec<u8>,
    start: usize,
    len: usize,
}

impl AlignedBytes {
    /// `len` zeros.
    pub fn zeroed(len: usize) -> Self {
        let buffer = std::vec![0; len + SECTION_ALIGN - 1];
        let past = buffer.as_ptr().addr() % SECTION_ALIGN;
        let start = if past == 0 { 0 } else { SECTION_ALIGN - past };
        Self { buffer, start, len }
    }

    /// A copy of `bytes`.
    pub fn copy_of(bytes: &[u8]) -> Self {
        let mut copy = Self::zeroed(bytes.len());
        copy.copy_from_slice(bytes);
        copy
    }
}

impl Deref for AlignedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.buffer[self.start..self.start + self.len]
    }
}

impl DerefMut for AlignedBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[self.start..self.start + self.len]
    }
}

/// Allocates anew, because a copy of the buffer may start elsewhere.
impl Clone for AlignedBytes {
    fn clone(&self) -> Self {
        Self::copy_of(self)
    }
}
