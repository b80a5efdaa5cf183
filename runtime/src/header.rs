//! The start of a file: everything that can be known about it before its checksums are.

use crate::error::LoadError;
use crate::format::{FORMAT_VERSION, HEADER_BYTES, MAGIC, SECTION_ALIGN, SECTION_COUNT, SIGNATURE_BYTES, Section};
use core::ops::Range;

/// A header whose sections fill the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub total_bytes: u32,
    pub signed: bool,
    pub control_checksum: u64,
    pub data_checksum: u64,
    pub model_version: u32,
    pub arena_bytes: u32,
    /// Where each section starts and ends.
    sections: [(u32, u32); SECTION_COUNT],
}

/// What the checksum of header, program and metadata covers: up to here, and from [`CONTROL_REST`] to the weights.
pub(crate) const CONTROL_HEAD: usize = 16;
/// See [`CONTROL_HEAD`]; between the two lie the checksums.
pub(crate) const CONTROL_REST: usize = 32;
/// Where the SHA-256 is.
pub(crate) const SHA256: usize = 56;

const LENGTHS: usize = 40;

type Raw = [u8; HEADER_BYTES];

fn bytes_at<const N: usize>(raw: &Raw, at: usize) -> [u8; N] {
    raw.get(at..).and_then(|tail| tail.first_chunk()).copied().unwrap_or([0; N])
}

fn u32_at(raw: &Raw, at: usize) -> u32 {
    u32::from_le_bytes(bytes_at(raw, at))
}

fn u16_at(raw: &Raw, at: usize) -> usize {
    u16::from_le_bytes(bytes_at(raw, at)).into()
}

impl Header {
    /// Reads the header at the start of `bytes`, which may be longer than the file.
    pub fn read(bytes: &[u8]) -> Result<Self, LoadError> {
        let got = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let raw: &Raw = bytes.first_chunk().ok_or(LoadError::Truncated { needed: HEADER_BYTES as u32, got })?;
        if bytes_at(raw, 0) != MAGIC {
            return Err(LoadError::Magic);
        }
        let found = u16_at(raw, 4) as u16;
        if found != FORMAT_VERSION {
            return Err(LoadError::Version { found, supported: FORMAT_VERSION });
        }
        let header_bytes = u16_at(raw, 6);
        let signed = header_bytes == HEADER_BYTES + SIGNATURE_BYTES;
        if (!signed && header_bytes != HEADER_BYTES) || u32_at(raw, 12) != 0 {
            return Err(LoadError::Header);
        }
        let total_bytes = u32_at(raw, 8);
        if total_bytes > got {
            return Err(LoadError::Truncated { needed: total_bytes, got });
        }
        Ok(Self {
            total_bytes,
            signed,
            control_checksum: u64::from_le_bytes(bytes_at(raw, 16)),
            data_checksum: u64::from_le_bytes(bytes_at(raw, 24)),
            model_version: u32_at(raw, 32),
            arena_bytes: u32_at(raw, 36),
            sections: sections(raw, bytes, header_bytes as u32, total_bytes)?,
        })
    }

    /// Where a section lies in the file.
    pub fn section(&self, section: Section) -> Range<usize> {
        let [program, meta, weights, self_test] = self.sections;
        let (start, end) = match section {
            Section::Program => program,
            Section::Meta => meta,
            Section::Weights => weights,
            Section::SelfTest => self_test,
        };
        start as usize..end as usize
    }
}

/// Each section starts where the one before ends, the weights at the next aligned byte with zeros between, and the last
/// ends where the file does: there is one valid layout for given lengths, and no byte without a meaning.
fn sections(raw: &Raw, bytes: &[u8], header: u32, total: u32) -> Result<[(u32, u32); SECTION_COUNT], LoadError> {
    let mut sections = [(0, 0); SECTION_COUNT];
    let mut end = header;
    for (index, section) in sections.iter_mut().enumerate() {
        let fault = LoadError::Section { index: index as u8 };
        let mut start = end;
        if index == Section::Weights as usize {
            start = end.checked_next_multiple_of(SECTION_ALIGN as u32).ok_or(fault)?;
            let padding = bytes.get(end as usize..start as usize).ok_or(fault)?;
            if padding.iter().any(|&b| b != 0) {
                return Err(fault);
            }
        }
        end = start.checked_add(u32_at(raw, LENGTHS.wrapping_add(index.wrapping_mul(4)))).ok_or(fault)?;
        if end > total {
            return Err(fault);
        }
        *section = (start, end);
    }
    if end == total { Ok(sections) } else { Err(LoadError::Section { index: SECTION_COUNT as u8 - 1 }) }
}
