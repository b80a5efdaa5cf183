//! A NOR flash that enforces the rules and can lose power at any step.

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};
use mote_runtime::AlignedBytes;
use mote_store::Mapped;
use std::vec;
use std::vec::Vec;

/// Words of `W` bytes, erase blocks of `E`. A step is a word that is written or a block that is erased.
#[derive(Clone, Debug)]
pub struct SimFlash<const W: usize, const E: usize> {
    bytes: AlignedBytes,
    /// Since its last complete erase, the word was written or may have been.
    touched: Vec<bool>,
    /// How often each block was erased.
    pub erases: Vec<u32>,
    /// Steps so far.
    pub steps: u64,
    /// The step at which the power goes.
    pub cut_at: Option<u64>,
    /// Writes to a word that was written before, or that would have to set a bit.
    pub violations: u32,
    on: bool,
    random: u64,
}

impl<const W: usize, const E: usize> SimFlash<W, E> {
    /// `bytes` of flash, as it leaves the factory.
    pub fn new(bytes: usize, seed: u64) -> Self {
        let mut memory = AlignedBytes::zeroed(bytes);
        memory.fill(0xff);
        Self {
            bytes: memory,
            touched: vec![false; bytes / W],
            erases: vec![0; bytes / E],
            steps: 0,
            cut_at: None,
            violations: 0,
            on: true,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        }
    }

    /// Power comes back, and stays for `steps` steps if there is a number.
    pub fn power_on(&mut self, steps: Option<u64>) {
        self.on = true;
        self.cut_at = steps.map(|steps| self.steps + steps);
    }

    pub fn is_on(&self) -> bool {
        self.on
    }

    pub fn reseed(&mut self, seed: u64) {
        self.random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Changes bytes as only damage can.
    pub fn damage(&mut self, at: usize, bytes: &[u8]) {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        self.touched[at / W..(at + bytes.len()).div_ceil(W)].fill(true);
    }

    /// xorshift64.
    pub fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    /// True if the power goes now.
    fn step(&mut self) -> Result<bool, NorFlashErrorKind> {
        if !self.on {
            return Err(NorFlashErrorKind::Other);
        }
        let cut = self.cut_at.is_some_and(|at| self.steps >= at);
        self.steps += 1;
        self.on = !cut;
        Ok(cut)
    }

    fn write_word(&mut self, word: usize, data: &[u8]) -> Result<(), NorFlashErrorKind> {
        let at = word * W;
        let sets_a_bit = self.bytes[at..at + W].iter().zip(data).any(|(&old, &new)| !old & new != 0);
        if self.touched[word] || sets_a_bit {
            self.violations += 1;
            return Err(NorFlashErrorKind::Other);
        }
        let cut = self.step()?;
        self.touched[word] = true;
        // A cut word is as before, complete, cut behind some byte, or has a part of its bits.
        let kind = if cut { self.random() % 4 } else { 1 };
        let prefix = self.random() as usize % W;
        for (index, &new) in data.iter().enumerate() {
            let keep = match kind {
                0 => 0xff,
                1 => 0,
                2 if index < prefix => 0,
                2 => 0xff,
                _ => self.random() as u8,
            };
            self.bytes[at + index] &= new | keep;
        }
        if cut { Err(NorFlashErrorKind::Other) } else { Ok(()) }
    }

    fn erase_block(&mut self, block: usize) -> Result<(), NorFlashErrorKind> {
        let cut = self.step()?;
        // A cut erase leaves the block as it was, as if erased, with more bits set, or anything at all.
        let kind = if cut { self.random() % 4 } else { 1 };
        for at in block * E..(block + 1) * E {
            let random = self.random() as u8;
            self.bytes[at] = match kind {
                0 => self.bytes[at],
                1 => 0xff,
                2 => self.bytes[at] | random,
                _ => random,
            };
        }
        self.touched[block * E / W..(block + 1) * E / W].fill(cut);
        self.erases[block] += 1;
        if cut { Err(NorFlashErrorKind::Other) } else { Ok(()) }
    }
}

impl<const W: usize, const E: usize> ErrorType for SimFlash<W, E> {
    type Error = NorFlashErrorKind;
}

impl<const W: usize, const E: usize> ReadNorFlash for SimFlash<W, E> {
    const READ_SIZE: usize = W;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        check_read(self, offset, bytes.len())?;
        bytes.copy_from_slice(&self.bytes[offset as usize..][..bytes.len()]);
        if self.on { Ok(()) } else { Err(NorFlashErrorKind::Other) }
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl<const W: usize, const E: usize> NorFlash for SimFlash<W, E> {
    const WRITE_SIZE: usize = W;
    const ERASE_SIZE: usize = E;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        check_erase(self, from, to)?;
        (from as usize / E..to as usize / E).try_for_each(|block| self.erase_block(block))
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        check_write(self, offset, bytes.len())?;
        let words = bytes.chunks(W).enumerate();
        words.into_iter().try_for_each(|(index, data)| self.write_word(offset as usize / W + index, data))
    }
}

impl<const W: usize, const E: usize> Mapped for SimFlash<W, E> {
    fn mapped(&self, offset: u32, len: u32) -> Option<&[u8]> {
        self.bytes.get(offset as usize..)?.get(..len as usize)
    }
}
