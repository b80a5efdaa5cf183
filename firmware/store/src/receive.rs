//! Receiving a file into the slot that is free.

use crate::error::Error;
use crate::layout::Mapped;
use crate::log::MAX_WORD;
use crate::state::{Content, Download, Slot, State};
use crate::store::Store;
use crate::verify::{self, Info};
use mote_runtime::Ops;
use mote_runtime::format::HEADER_BYTES;

/// How often a download is noted in the log, at most.
const NOTES: u32 = 16;
const BLANK: u8 = 0xff;

/// Where a file goes, and from where on it is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Begun {
    /// The slot that was chosen.
    pub slot: Slot,
    /// Offset in the file of the byte that is wanted next; the length, if all of it is there.
    pub offset: u32,
}

/// A download since the device started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Receiving {
    slot: Slot,
    length: u32,
    id: [u8; 16],
    /// Bytes that came.
    received: u32,
    /// Bytes that were given to the flash: less than a word behind, but at the end.
    written: u32,
    /// The slot was erased as a whole before.
    erased: bool,
    /// The bytes between `written` and `received`.
    rest: [u8; MAX_WORD],
}

impl<F: Mapped> Store<'_, F> {
    /// Starts or continues receiving a file of `length` bytes whose SHA-256, over the whole file, is `sha256`.
    ///
    /// If it was begun before, what is there is kept: after a restart that is a whole number of erase blocks, at most a
    /// sixteenth of the file (or one block) less than had come. Another file that was being received is given up, and so
    /// is one that was verified but not activated, and the previous model. Erases nothing yet.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Truncated`] for a length that no file has, [`Error::Busy`] if no slot is free,
    /// [`Error::Flash`].
    pub fn begin(&mut self, length: u32, sha256: &[u8; 32]) -> Result<Begun, Error> {
        self.begin_among(&Slot::ALL, length, sha256)
    }

    /// As [`begin`](Self::begin), into `slot`, whatever the other one holds.
    ///
    /// # Errors
    /// As [`begin`](Self::begin); [`Error::Busy`] if this slot is not free.
    pub fn begin_in(&mut self, slot: Slot, length: u32, sha256: &[u8; 32]) -> Result<Begun, Error> {
        self.begin_among(&[slot], length, sha256)
    }

    fn begin_among(&mut self, slots: &[Slot], length: u32, sha256: &[u8; 32]) -> Result<Begun, Error> {
        let id = sha256.first_chunk().copied().unwrap_or_default();
        if let Some(known) = &self.receiving
            && (known.length, known.id) == (length, id)
            && slots.contains(&known.slot)
        {
            return Ok(Begun { slot: known.slot, offset: known.received });
        }
        self.receiving = None;
        if length < HEADER_BYTES as u32 {
            return Err(Error::Truncated { needed: HEADER_BYTES as u32, got: length });
        }
        let known = self.state.download.filter(|known| (known.length, known.id) == (length, id));
        let is_here = |known: &Download| slots.contains(&known.slot) && self.is_free(known.slot);
        let (download, erased) = match known.filter(is_here) {
            Some(known) => (known, false),
            None => {
                let slot = self.slot_for(slots, length)?;
                let download = Download { slot, length, stored: 0, id };
                let mut contents = self.state.contents;
                let erased = slot.of(contents) == Content::Erased;
                *slot.of_mut(&mut contents) = Content::Receiving;
                self.commit(State { download: Some(download), contents, ..self.state })?;
                (download, erased)
            }
        };
        let Download { slot, stored, .. } = download;
        let rest = [BLANK; MAX_WORD];
        self.receiving = Some(Receiving { slot, length, id, received: stored, written: stored, erased, rest });
        Ok(Begun { slot, offset: stored })
    }

    /// Takes the next bytes of the file, as many as come; returns the offset that is wanted next. Erases each block before
    /// its first byte is written.
    ///
    /// # Errors
    /// [`Error::Offset`] and [`Error::TooLarge`] change nothing. [`Error::Flash`] ends the transfer; [`begin`](Self::begin)
    /// continues it. [`Error::NotReceiving`].
    pub fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<u32, Error> {
        let mut receiving = self.receiving.ok_or(Error::NotReceiving)?;
        let expected = receiving.received;
        if offset != expected {
            return Err(Error::Offset { expected, got: offset });
        }
        let end = u32::try_from(bytes.len()).ok().and_then(|n| n.checked_add(offset)).unwrap_or(u32::MAX);
        if end > receiving.length {
            return Err(Error::TooLarge { needed: end, has: receiving.length });
        }
        // After an error words may have been written that must not be written again.
        self.receiving = None;
        self.take(&mut receiving, bytes)?;
        self.receiving = Some(receiving);
        Ok(receiving.received)
    }

    /// Verifies the file where it is: its SHA-256, that the runtime can run it in the arena, the SHA-256 in its header, its
    /// signature, and its version. What is refused is given up.
    ///
    /// # Errors
    /// [`Error::NotReceiving`]; [`Error::Truncated`] if bytes are missing, which may still come; [`Error::Flash`]; else the
    /// file is refused: [`Error::Sha256`], [`Error::Load`], [`Error::Length`], [`Error::Arena`], [`Error::Unsigned`],
    /// [`Error::WrongSignature`], [`Error::Older`].
    pub fn finish<O: Ops>(&mut self) -> Result<(Slot, Info), Error> {
        let mut receiving = self.receiving.ok_or(Error::NotReceiving)?;
        let Receiving { slot, length, id, received, written, .. } = receiving;
        if received < length {
            return Err(Error::Truncated { needed: length, got: received });
        }
        self.receiving = None;
        if written < length {
            // The rest of the word stays as if erased.
            let rest = receiving.rest;
            self.put(&mut receiving, rest.get(..F::WRITE_SIZE).unwrap_or_default())?;
        }
        let verdict = self.verify::<O>(slot, length, &id);
        let download = Download { slot, length, stored: length, id };
        let mut contents = self.state.contents;
        let content = if verdict.is_ok() { Content::Verified } else { Content::Unknown };
        *slot.of_mut(&mut contents) = content;
        self.commit(State { contents, download: verdict.is_ok().then_some(download), ..self.state })?;
        verdict.map(|info| (slot, info))
    }

    /// Erases a slot as a whole, so that the next file can be written to it faster.
    ///
    /// # Errors
    /// [`Error::Busy`] if it runs, is active, or is on trial; [`Error::Flash`].
    pub fn erase(&mut self, slot: Slot) -> Result<(), Error> {
        if !self.is_free(slot) {
            return Err(Error::Busy);
        }
        self.receiving = self.receiving.filter(|receiving| receiving.slot != slot);
        let download = self.state.download.filter(|download| download.slot != slot);
        let mut contents = self.state.contents;
        *slot.of_mut(&mut contents) = Content::Unknown;
        self.commit(State { contents, download, ..self.state })?;
        let region = self.region(slot);
        self.flash.erase(region.start, region.start.saturating_add(region.len)).map_err(Error::flash)?;
        *slot.of_mut(&mut contents) = Content::Erased;
        self.commit(State { contents, ..self.state })
    }

    /// How much of the file that is being received has come, in bytes, and its length.
    pub fn progress(&self) -> Option<(u32, u32)> {
        self.receiving.map(|receiving| (receiving.received, receiving.length))
    }

    fn is_free(&self, slot: Slot) -> bool {
        self.running != Some(slot) && !self.state.needs(slot)
    }

    /// The free one of `slots` that loses least: the previous model comes last.
    fn slot_for(&self, slots: &[Slot], length: u32) -> Result<Slot, Error> {
        let mut free = slots.iter().copied().filter(|&slot| self.is_free(slot));
        let first = free.next().ok_or(Error::Busy)?;
        let fits = |slot: Slot| self.region(slot).len >= length;
        let rank = |slot: Slot| (fits(slot), slot.of(self.state.contents) != Content::Confirmed);
        let best = free.fold(first, |best, slot| if rank(slot) > rank(best) { slot } else { best });
        if fits(best) { Ok(best) } else { Err(Error::TooLarge { needed: length, has: self.region(best).len }) }
    }

    fn take(&mut self, receiving: &mut Receiving, mut bytes: &[u8]) -> Result<(), Error> {
        let block = F::ERASE_SIZE as u32;
        while !bytes.is_empty() {
            let waiting = receiving.received.wrapping_sub(receiving.written) as usize;
            let whole = bytes.len().wrapping_sub(bytes.len() % F::WRITE_SIZE);
            if waiting == 0 && whole > 0 {
                let in_block = block.wrapping_sub(receiving.written % block) as usize;
                let (now, later) = bytes.split_at_checked(whole.min(in_block)).unwrap_or((bytes, &[]));
                self.put(receiving, now)?;
                receiving.received = receiving.received.wrapping_add(now.len() as u32);
                bytes = later;
            } else {
                let room = receiving.rest.get_mut(waiting..F::WRITE_SIZE).unwrap_or_default();
                let (now, later) = bytes.split_at_checked(room.len()).unwrap_or((bytes, &[]));
                crate::log::put(room, now);
                receiving.received = receiving.received.wrapping_add(now.len() as u32);
                bytes = later;
                if waiting.wrapping_add(now.len()) == F::WRITE_SIZE {
                    let word = receiving.rest;
                    self.put(receiving, word.get(..F::WRITE_SIZE).unwrap_or_default())?;
                    receiving.rest = [BLANK; MAX_WORD];
                }
            }
        }
        Ok(())
    }

    /// Writes whole words that lie in one erase block.
    fn put(&mut self, receiving: &mut Receiving, words: &[u8]) -> Result<(), Error> {
        if receiving.written.is_multiple_of(F::ERASE_SIZE as u32) {
            self.enter_block(receiving)?;
        }
        let start = self.region(receiving.slot).start.wrapping_add(receiving.written);
        self.flash.write(start, words).map_err(Error::flash)?;
        receiving.written = receiving.written.wrapping_add(words.len() as u32);
        Ok(())
    }

    /// Notes now and then how far the download is, and erases the block that comes next.
    fn enter_block(&mut self, receiving: &Receiving) -> Result<(), Error> {
        let &Receiving { slot, length, written, erased, .. } = receiving;
        let block = F::ERASE_SIZE as u32;
        let every = length.div_ceil(block).div_ceil(NOTES).max(1).saturating_mul(block);
        if let Some(download) = self.state.download
            && written > download.stored
            && written.is_multiple_of(every)
        {
            self.commit(State { download: Some(Download { stored: written, ..download }), ..self.state })?;
        }
        let start = self.region(slot).start.wrapping_add(written);
        // Blank alone is not enough: a cut erase may look like that, and so does a file of 255s.
        let is_blank = |bytes: &[u8]| bytes.iter().all(|&byte| byte == BLANK);
        if erased && self.flash.mapped(start, block).is_some_and(is_blank) {
            return Ok(());
        }
        self.flash.erase(start, start.saturating_add(block)).map_err(Error::flash)
    }

    fn verify<O: Ops>(&self, slot: Slot, length: u32, id: &[u8; 16]) -> Result<Info, Error> {
        let bytes = self.file(slot).and_then(|bytes| bytes.get(..length as usize)).ok_or(Error::NotReceiving)?;
        if verify::sha256(bytes).first_chunk() != Some(id) {
            return Err(Error::Sha256);
        }
        let info = verify::check::<O>(bytes, self.keys, self.policy.arena_bytes, true)?;
        if info.length != length {
            return Err(Error::Length { header: info.length, announced: length });
        }
        if info.version < self.state.floor && !self.policy.allow_downgrade {
            return Err(Error::Older { have: self.state.floor, got: info.version });
        }
        Ok(info)
    }
}
