//! The first 160 bytes: everything that can be known about a file before its checksums are.

use crate::error::LoadError;
use crate::format::{FLAG_SIGNED, FORMAT_VERSION, HEADER_BYTES, MAGIC, SECTION_ALIGN, SECTION_COUNT, Section};
use core::ops::Range;

/// A header whose sections lie in order, aligned and gapless, inside the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub total_bytes: u32,
    pub signed: bool,
    pub control_crc: u32,
    pub data_checksum: u32,
    pub model_version: u32,
    pub arena_bytes: u32,
    sections: [(u32, u32); SECTION_COUNT],
}

type Raw = [u8; HEADER_BYTES];

fn bytes_at<const N: usize>(raw: &Raw, at: usize) -> [u8; N] {
    raw.get(at..).and_then(|tail| tail.first_chunk()).copied().unwrap_or([0; N])
}

fn u32_at(raw: &Raw, at: usize) -> u32 {
    u32::from_le_bytes(bytes_at(raw, at))
}

fn u16_at(raw: &Raw, at: usize) -> u16 {
    u16::from_le_bytes(bytes_at(raw, at))
}

impl Header {
    /// Reads the header at the start of `bytes`, which may be longer than the file.
    pub fn read(bytes: &[u8]) -> Result<Self, LoadError> {
        let got = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let raw = bytes.first_chunk().ok_or(LoadError::Truncated { needed: HEADER_BYTES as u32, got })?;
        if bytes_at(raw, 0) != MAGIC {
            return Err(LoadError::Magic);
        }
        let found = u16_at(raw, 4);
        if found != FORMAT_VERSION {
            return Err(LoadError::Version { found, supported: FORMAT_VERSION });
        }
        let flags = u32_at(raw, 12);
        let signed = flags == FLAG_SIGNED;
        let signature: [u8; 64] = bytes_at(raw, 96);
        if usize::from(u16_at(raw, 6)) != HEADER_BYTES || flags & !FLAG_SIGNED != 0 {
            return Err(LoadError::Header);
        }
        if !signed && signature.iter().any(|&b| b != 0) {
            return Err(LoadError::Header);
        }
        let total_bytes = u32_at(raw, 8);
        if total_bytes > got {
            return Err(LoadError::Truncated { needed: total_bytes, got });
        }
        let mut sections = [(0, 0); SECTION_COUNT];
        for (index, section) in sections.iter_mut().enumerate() {
            *section = (u32_at(raw, 32 + 8 * index), u32_at(raw, 36 + 8 * index));
        }
        check_sections(bytes, total_bytes, &sections)?;
        Ok(Self {
            total_bytes,
            signed,
            control_crc: u32_at(raw, 16),
            data_checksum: u32_at(raw, 20),
            model_version: u32_at(raw, 24),
            arena_bytes: u32_at(raw, 28),
            sections,
        })
    }

    /// Where a section lies in the file.
    pub fn section(&self, section: Section) -> Range<usize> {
        let [program, meta, weights, self_test] = self.sections;
        let (offset, length) = match section {
            Section::Program => program,
            Section::Meta => meta,
            Section::Weights => weights,
            Section::SelfTest => self_test,
        };
        offset as usize..(offset as usize).saturating_add(length as usize)
    }
}

/// Each section must start at the first aligned byte after the one before, with zeros between, and the last must end
/// where the file does: there is one valid layout for given lengths, and no byte without a meaning.
fn check_sections(bytes: &[u8], total_bytes: u32, sections: &[(u32, u32)]) -> Result<(), LoadError> {
    let mut end = HEADER_BYTES as u32;
    for (index, &(offset, length)) in sections.iter().enumerate() {
        let fault = LoadError::Section { index: index as u8 };
        let start = end.checked_next_multiple_of(SECTION_ALIGN as u32).ok_or(fault)?;
        if offset != start {
            return Err(fault);
        }
        let padding = bytes.get(end as usize..start as usize).ok_or(fault)?;
        end = start.checked_add(length).ok_or(fault)?;
        if padding.iter().any(|&b| b != 0) || end > total_bytes {
            return Err(fault);
        }
    }
    if end == total_bytes { Ok(()) } else { Err(LoadError::Section { index: SECTION_COUNT as u8 - 1 }) }
}
