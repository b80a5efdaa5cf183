//! What the host asks for: a few words in front of the inputs, placed in memory beside the model.
//!
//! All integers are little-endian `u32`.
//!
//! | offset | field |
//! |---|---|
//! | 0 | magic `MJOB` |
//! | 4 | what to do: [`SELF_TEST`], [`MEASURE`], [`PROFILE`], [`OUTPUTS`], added up |
//! | 8 | number of samples |
//! | 12 | bytes of one sample: all inputs of the model, one after the other |
//! | 16 | timed runs, at least 1 where [`PROFILE`] is asked for |
//! | 20 | CRC-32 (ISO-HDLC) of bytes 0..20 and of the samples |
//! | 24 | samples |

use mote_runtime::format::Crc32;

/// First four bytes of a job.
pub const MAGIC: [u8; 4] = *b"MJOB";
/// Where the samples start.
pub const HEADER_BYTES: usize = 24;
/// Run the model's self-test vectors.
pub const SELF_TEST: u32 = 1;
/// Measure how much of arena and stack is really used.
pub const MEASURE: u32 = 2;
/// Measure time, in all and per instruction.
pub const PROFILE: u32 = 4;
/// Run every sample and print the outputs.
pub const OUTPUTS: u32 = 8;

/// Why a job was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobError {
    /// The job needs `needed` bytes; its memory has `got`.
    Truncated {
        /// Bytes.
        needed: u32,
        /// Bytes.
        got: u32,
    },
    /// The bytes do not match the checksum.
    Checksum,
    /// The model's inputs need `needed` bytes a sample; the job has `got`.
    SampleBytes {
        /// Bytes.
        needed: u32,
        /// Bytes.
        got: u32,
    },
}

impl JobError {
    /// Which error, and its fields.
    pub const fn numbers(self) -> [u32; 3] {
        match self {
            Self::Truncated { needed, got } => [0, needed, got],
            Self::Checksum => [1, 0, 0],
            Self::SampleBytes { needed, got } => [2, needed, got],
        }
    }
}

/// A checked job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job<'a> {
    /// Sum of [`SELF_TEST`], [`MEASURE`], [`PROFILE`] and [`OUTPUTS`].
    pub actions: u32,
    /// How often to run for the total time.
    pub timed_runs: u32,
    sample_bytes: usize,
    samples: &'a [u8],
}

impl<'a> Job<'a> {
    /// Reads the job at the start of `memory`. A board without one does everything that needs no inputs.
    #[inline(never)]
    pub fn read(memory: &'a [u8]) -> Result<Self, JobError> {
        if memory.get(..4) != Some(&MAGIC[..]) {
            return Ok(Self { actions: SELF_TEST | MEASURE | PROFILE, timed_runs: 1, sample_bytes: 0, samples: &[] });
        }
        let got = memory.len() as u32;
        let truncated = |needed: u64| JobError::Truncated { needed: needed.min(u32::MAX.into()) as u32, got };
        let (header, rest) = memory.split_at_checked(HEADER_BYTES).ok_or(truncated(HEADER_BYTES as u64))?;
        let word = |at: usize| {
            let bytes = header.get(at..at + 4).and_then(|b| b.try_into().ok());
            bytes.map_or(0, u32::from_le_bytes)
        };
        let sample_bytes = word(12);
        let total = u64::from(word(8)) * u64::from(sample_bytes);
        let samples = usize::try_from(total).ok().and_then(|n| rest.get(..n));
        let samples = samples.ok_or(truncated(total.saturating_add(HEADER_BYTES as u64)))?;
        let mut crc = Crc32::new();
        crc.update(header.get(..20).unwrap_or_default());
        crc.update(samples);
        if crc.finish() != word(20) {
            return Err(JobError::Checksum);
        }
        Ok(Self { actions: word(4), timed_runs: word(16), sample_bytes: sample_bytes as usize, samples })
    }

    /// True if `action` is asked for.
    pub fn wants(&self, action: u32) -> bool {
        self.actions & action != 0
    }

    /// The inputs, sample by sample.
    pub fn samples(&self) -> impl Iterator<Item = &'a [u8]> {
        self.samples.chunks_exact(self.sample_bytes.max(1))
    }

    /// `Ok` if there are no samples or each has `needed` bytes.
    pub fn expect_sample_bytes(&self, needed: usize) -> Result<(), JobError> {
        if self.samples.is_empty() || self.sample_bytes == needed {
            Ok(())
        } else {
            Err(JobError::SampleBytes { needed: needed as u32, got: self.sample_bytes as u32 })
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    fn job(samples: &[u8], sample_bytes: u32) -> Vec<u8> {
        let mut bytes = Vec::from(MAGIC);
        for word in [OUTPUTS, samples.len() as u32 / sample_bytes, sample_bytes, 1] {
            bytes.extend(word.to_le_bytes());
        }
        let mut crc = Crc32::new();
        crc.update(&bytes);
        crc.update(samples);
        bytes.extend(crc.finish().to_le_bytes());
        bytes.extend(samples);
        bytes
    }

    #[test]
    fn memory_without_a_job_asks_for_all_but_outputs() {
        let job = Job::read(&[0; 64]).unwrap();
        assert!(job.wants(SELF_TEST) && job.wants(MEASURE) && job.wants(PROFILE) && !job.wants(OUTPUTS));
        assert_eq!(job.samples().count(), 0);
        assert_eq!(job.expect_sample_bytes(77), Ok(()));
    }

    #[test]
    fn samples_come_back_and_bytes_behind_them_are_ignored() {
        let mut bytes = job(&[1, 2, 3, 4, 5, 6], 3);
        bytes.extend([9; 40]);
        let job = Job::read(&bytes).unwrap();
        assert_eq!(job.samples().collect::<Vec<_>>(), [&[1, 2, 3], &[4, 5, 6]]);
        assert_eq!(job.expect_sample_bytes(2), Err(JobError::SampleBytes { needed: 2, got: 3 }));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let bytes = job(&[1, 2, 3, 4, 5, 6], 3);
        for bit in 32..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Job::read(&damaged).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn every_truncation_is_noticed() {
        let bytes = job(&[1, 2, 3, 4, 5, 6], 3);
        for end in 4..bytes.len() {
            assert!(matches!(Job::read(&bytes[..end]), Err(JobError::Truncated { .. })), "{end}");
        }
    }
}
