//! A ring of records in flash, of which only the newest counts.
//!
//! Each record is a whole [`State`], so that one write is one change: after a power cut the state is the one before or the one
//! after, never a mixture, and starting a new erase block copies nothing.
//!
//! - A record that was cut has a wrong CRC, so that the one before it is the newest.
//! - A cut write, and even a cut erase, may leave words that read as erased and are not. No reading can tell, so the first
//!   record after [`Log::open`] goes to the next block of the ring, which is erased for it: no word is written twice.
//! - The next block is also erased when the current one is full. Until its first record is complete, the newest is in the
//!   block before, which is why there must be two.
//! - All blocks are erased equally often, give or take one.

use crate::error::Error;
use crate::layout::Region;
use crate::state::State;
use embedded_storage::nor_flash::{NorFlash, NorFlashErrorKind};
use mote_runtime::format::Crc32;

/// Bytes of a record before it is filled up to whole words of the flash.
pub(crate) const RECORD_BYTES: usize = 48;
/// The largest word that the store can write.
pub(crate) const MAX_WORD: usize = 64;

const CRC: usize = RECORD_BYTES - 4;
const BLANK: u8 = 0xff;

/// Where the next record goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Log {
    region: Region,
    sequence: u32,
    block: u32,
    position: u32,
}

impl Log {
    /// Bytes from one record to the next.
    pub const fn stride<F: NorFlash>() -> usize {
        RECORD_BYTES.next_multiple_of(F::WRITE_SIZE)
    }

    const fn per_block<F: NorFlash>() -> u32 {
        (F::ERASE_SIZE / Self::stride::<F>()) as u32
    }

    /// Looks for the newest record; none if the log was never used.
    #[inline(never)]
    pub fn open<F: NorFlash>(flash: &mut F, region: Region) -> Result<(Self, Option<State>), Error> {
        const {
            assert!(F::WRITE_SIZE > 0 && F::WRITE_SIZE <= MAX_WORD, "words of at most 64 bytes");
            assert!(F::ERASE_SIZE.is_multiple_of(F::WRITE_SIZE) && F::ERASE_SIZE >= 2 * MAX_WORD);
            assert!(Self::stride::<F>().is_multiple_of(F::READ_SIZE), "records are read whole");
        }
        let blocks = region.len / F::ERASE_SIZE as u32;
        // As if the block of the newest record, or the last one, were full: the next record then starts a block.
        let full = Self::per_block::<F>();
        let mut log = Self { region, sequence: 0, block: blocks.saturating_sub(1), position: full };
        let mut newest = None;
        for block in 0..blocks {
            for position in 0..full {
                let record = log.read(flash, block, position)?;
                if let Some((sequence, state)) = decode(&record)
                    && (newest.is_none() || sequence > log.sequence)
                {
                    (log.sequence, log.block) = (sequence, block);
                    newest = Some(state);
                }
            }
        }
        Ok((log, newest))
    }

    /// Makes `state` the newest.
    #[inline(never)]
    pub fn append<F: NorFlash>(&mut self, flash: &mut F, state: &State) -> Result<(), Error> {
        if self.position >= Self::per_block::<F>() {
            let blocks = self.region.len / F::ERASE_SIZE as u32;
            let next = self.block.saturating_add(1);
            let block = if next < blocks { next } else { 0 };
            let start = self.address::<F>(block, 0);
            flash.erase(start, start.saturating_add(F::ERASE_SIZE as u32)).map_err(Error::flash)?;
            (self.block, self.position) = (block, 0);
        }
        self.sequence = self.sequence.saturating_add(1);
        let record = encode(self.sequence, state);
        let (block, position) = (self.block, self.position);
        // Whatever comes of it, these words were written and this number was used.
        self.position = position.saturating_add(1);
        let mut words = [BLANK; MAX_WORD];
        words.iter_mut().zip(record).for_each(|(word, byte)| *word = byte);
        let words = words.get(..Self::stride::<F>()).unwrap_or_default();
        flash.write(self.address::<F>(block, position), words).map_err(Error::flash)?;
        if self.read(flash, block, position)? != record {
            return Err(Error::Flash(NorFlashErrorKind::Other));
        }
        Ok(())
    }

    fn address<F: NorFlash>(&self, block: u32, position: u32) -> u32 {
        let inside = position.wrapping_mul(Self::stride::<F>() as u32);
        self.region.start.wrapping_add(block.wrapping_mul(F::ERASE_SIZE as u32)).wrapping_add(inside)
    }

    fn read<F: NorFlash>(&self, flash: &mut F, block: u32, position: u32) -> Result<[u8; RECORD_BYTES], Error> {
        let mut words = [0; MAX_WORD];
        let read = words.get_mut(..Self::stride::<F>()).unwrap_or_default();
        flash.read(self.address::<F>(block, position), read).map_err(Error::flash)?;
        Ok(words.first_chunk().copied().unwrap_or([0; RECORD_BYTES]))
    }
}

fn encode(sequence: u32, state: &State) -> [u8; RECORD_BYTES] {
    let mut record = [0; RECORD_BYTES];
    let (body, crc) = record.split_at_mut(CRC);
    let (head, rest) = body.split_at_mut(4);
    put(head, &sequence.to_le_bytes());
    put(rest, &state.to_bytes());
    put(crc, &Crc32::of(body).to_le_bytes());
    record
}

fn decode(record: &[u8; RECORD_BYTES]) -> Option<(u32, State)> {
    let (body, crc) = record.split_last_chunk()?;
    let (sequence, rest) = body.split_first_chunk()?;
    // First what is quickly seen: most places are blank.
    let state = State::from_bytes(rest.first_chunk()?)?;
    (Crc32::of(body) == u32::from_le_bytes(*crc)).then_some((u32::from_le_bytes(*sequence), state))
}

/// Copies as much as fits.
pub(crate) fn put(to: &mut [u8], from: &[u8]) {
    to.iter_mut().zip(from).for_each(|(to, &from)| *to = from);
}

#[cfg(test)]
mod tests;
