//! Writing the file. The same contents always give the same bytes.

use super::{
    Checksum, FORMAT_VERSION, HEADER_BYTES, Instruction, MAGIC, MAX_INSTRUCTIONS, Meta, Port, Program, SECTION_ALIGN,
    SIGNATURE_BYTES, Section,
};
use crate::aligned::AlignedBytes;
use crate::header::{CONTROL_HEAD, CONTROL_REST, Header, SHA256};
use std::vec::Vec;

/// Everything a file holds. Only lengths are checked here: [`Model::load`](crate::Model::load) is the judge of the
/// result.
#[derive(Clone, Copy, Debug)]
pub struct Contents<'a> {
    /// Rounding and ports. Its `instruction_count` is not read.
    pub program: &'a Program,
    /// In order of execution.
    pub instructions: &'a [Instruction],
    /// `None` leaves the section empty.
    pub meta: Option<&'a Meta<'a>>,
    /// The constants that instructions address.
    pub weights: &'a [u8],
    /// Leaves the section empty if there are none.
    pub self_test: &'a [SelfTestVector],
    /// Bytes of arena the program needs.
    pub arena_bytes: u32,
    /// Grows with every release of the model.
    pub model_version: u32,
    /// Computes SHA-256, which this crate does not depend on.
    pub sha256: fn(&[u8]) -> [u8; 32],
}

/// One test vector: the stored bytes of every input, and of every output that must follow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelfTestVector {
    /// Bytes of each input, as the arena holds them.
    pub inputs: Vec<Vec<u8>>,
    /// Bytes of each expected output, as the arena holds them.
    pub outputs: Vec<Vec<u8>>,
}

/// Why [`write`] refused the contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteError {
    /// There are `found` instructions; a program may have `limit`.
    TooManyInstructions {
        /// Instructions given.
        found: usize,
        /// Most that a file may hold.
        limit: u32,
    },
    /// Test vector `vector` does not have one array of the right length for each port.
    SelfTest {
        /// Position in [`Contents::self_test`].
        vector: usize,
    },
    /// The file would be 4 GiB or more.
    TooLarge,
    /// The program or metadata cannot be encoded.
    Encoding,
}

impl core::fmt::Display for WriteError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::TooManyInstructions { found, limit } => {
                write!(f, "the program has {found} instructions, a model file holds at most {limit}")
            }
            Self::SelfTest { vector } => write!(f, "self-test vector {vector} does not fit the model's ports"),
            Self::TooLarge => write!(f, "the model file would be 4 GiB or more"),
            Self::Encoding => write!(f, "the program or its metadata cannot be encoded"),
        }
    }
}

impl std::error::Error for WriteError {}

/// Lays out a model file: header, sections, checksums.
///
/// # Errors
/// If the contents do not fit the format.
pub fn write(contents: &Contents) -> Result<Vec<u8>, WriteError> {
    let sections = [
        program_section(contents)?,
        contents.meta.map_or(Ok(Vec::new()), |meta| postcard::to_stdvec(meta).map_err(|_| WriteError::Encoding))?,
        contents.weights.to_vec(),
        self_test_section(contents)?,
    ];
    let mut file = std::vec![0; HEADER_BYTES];
    let mut lengths = Vec::new();
    for (index, section) in sections.iter().enumerate() {
        if index == Section::Weights as usize {
            file.resize(file.len().next_multiple_of(SECTION_ALIGN), 0);
        }
        lengths.extend_from_slice(&u32_of(section.len())?.to_le_bytes());
        file.extend_from_slice(section);
    }
    let total = u32_of(file.len())?;
    let sha256 = (contents.sha256)(&file[HEADER_BYTES..]);
    put(&mut file, 0, &MAGIC);
    put(&mut file, 4, &FORMAT_VERSION.to_le_bytes());
    put(&mut file, 6, &(HEADER_BYTES as u16).to_le_bytes());
    put(&mut file, 8, &total.to_le_bytes());
    put(&mut file, 32, &contents.model_version.to_le_bytes());
    put(&mut file, 36, &contents.arena_bytes.to_le_bytes());
    put(&mut file, 40, &lengths);
    put(&mut file, SHA256, &sha256);
    seal(&mut file);
    Ok(file)
}

/// `file` with `signature` in its header, in the place of one that it may have. Its SHA-256 stays the same.
///
/// # Errors
/// If `file` has no valid header.
pub fn with_signature(file: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> Result<Vec<u8>, crate::LoadError> {
    const _: () =
        assert!(SIGNATURE_BYTES.is_multiple_of(SECTION_ALIGN), "the padding before the weights must not change");
    let header = Header::read(file)?;
    let (header, payload) = file[..header.total_bytes as usize].split_at(header.section(Section::Program).start);
    let mut signed = [&header[..HEADER_BYTES], signature, payload].concat();
    let total = signed.len() as u32;
    put(&mut signed, 6, &((HEADER_BYTES + SIGNATURE_BYTES) as u16).to_le_bytes());
    put(&mut signed, 8, &total.to_le_bytes());
    seal(&mut signed);
    Ok(signed)
}

/// `file` as release `model_version` of its model, without the signature that it may have: that was for another version.
///
/// # Errors
/// If `file` has no valid header.
pub fn with_model_version(file: &[u8], model_version: u32) -> Result<Vec<u8>, crate::LoadError> {
    let header = Header::read(file)?;
    let (header, payload) = file[..header.total_bytes as usize].split_at(header.section(Section::Program).start);
    let mut unsigned = [&header[..HEADER_BYTES], payload].concat();
    let total = unsigned.len() as u32;
    put(&mut unsigned, 6, &(HEADER_BYTES as u16).to_le_bytes());
    put(&mut unsigned, 8, &total.to_le_bytes());
    put(&mut unsigned, 32, &model_version.to_le_bytes());
    seal(&mut unsigned);
    Ok(unsigned)
}

/// Recomputes both checksums of a file that was edited. Leaves anything whose header is not valid as it is.
pub fn seal(file: &mut [u8]) {
    let Ok(header) = Header::read(file) else { return };
    let copy = AlignedBytes::copy_of(&file[..header.total_bytes as usize]);
    let (control, data) = copy.split_at(header.section(Section::Weights).start);
    let sum = |parts: &[&[u8]]| parts.iter().try_fold(Checksum::default(), |sum, part| sum.and(part));
    let sums = [sum(&[&control[..CONTROL_HEAD], &control[CONTROL_REST..]]), sum(&[data])];
    for (sum, at) in sums.into_iter().zip([16, 24]) {
        put(file, at, &sum.unwrap_or_default().value().to_le_bytes());
    }
}

fn put(file: &mut [u8], at: usize, bytes: &[u8]) {
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

fn u32_of(n: usize) -> Result<u32, WriteError> {
    u32::try_from(n).map_err(|_| WriteError::TooLarge)
}

fn program_section(contents: &Contents) -> Result<Vec<u8>, WriteError> {
    let found = contents.instructions.len();
    if found > MAX_INSTRUCTIONS as usize {
        return Err(WriteError::TooManyInstructions { found, limit: MAX_INSTRUCTIONS });
    }
    let program = Program { instruction_count: u32_of(found)?, ..contents.program.clone() };
    let mut section = postcard::to_stdvec(&program).map_err(|_| WriteError::Encoding)?;
    for instruction in contents.instructions {
        section.extend(postcard::to_stdvec(instruction).map_err(|_| WriteError::Encoding)?);
    }
    Ok(section)
}

fn self_test_section(contents: &Contents) -> Result<Vec<u8>, WriteError> {
    if contents.self_test.is_empty() {
        return Ok(Vec::new());
    }
    let mut section = u32_of(contents.self_test.len())?.to_le_bytes().to_vec();
    for (vector, SelfTestVector { inputs, outputs }) in contents.self_test.iter().enumerate() {
        if !fits(inputs, &contents.program.inputs) || !fits(outputs, &contents.program.outputs) {
            return Err(WriteError::SelfTest { vector });
        }
        inputs.iter().chain(outputs).for_each(|bytes| section.extend_from_slice(bytes));
    }
    Ok(section)
}

fn fits(arrays: &[Vec<u8>], ports: &[Port]) -> bool {
    let same = |(array, port): (&Vec<u8>, &Port)| port.bytes().is_some_and(|n| n as usize == array.len());
    arrays.len() == ports.len() && arrays.iter().zip(ports).all(same)
}
