//! What can go wrong, in numbers that let the reader act. Nothing here allocates, and only hosts format.

#[cfg(feature = "std")]
mod display;
mod numbers;

/// Why [`crate::Model::load`] refused a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum LoadError {
    /// The bytes end before the header or before the length that the header states.
    Truncated {
        /// Bytes that the file needs.
        needed: u32,
        /// Bytes that were given.
        got: u32,
    },
    /// The file does not start with `MOTE`.
    Magic,
    /// The file was written for format `found`; this runtime reads `supported`.
    Version {
        /// Version in the file.
        found: u16,
        /// Version that this runtime reads.
        supported: u16,
    },
    /// The header's length, flags or reserved bytes are not those of this version.
    Header,
    /// A section lies outside the file, overlaps its neighbour, or is not aligned.
    Section {
        /// Index in the header's table, see [`crate::format::Section`].
        index: u8,
    },
    /// The bytes do not match the checksum: transfer or storage damaged the file.
    Checksum {
        /// True for the weights and self-test sections, false for header, program and metadata.
        data: bool,
    },
    /// The file must start at a multiple of `needed` in memory. `include_model!` does that.
    Misaligned {
        /// Bytes.
        needed: u8,
    },
    /// The program section's head or the metadata cannot be decoded.
    Encoding,
    /// An input or output is outside the arena, misaligned, of an unsupported type, or mis-shaped.
    Port {
        /// Inputs count from 0, outputs follow.
        index: u8,
    },
    /// Instruction `index` breaks a rule of its kernel.
    Instruction {
        /// Position in the program.
        index: u16,
        /// Which rule.
        fault: Fault,
    },
    /// The self-test section's length does not match its count and the ports.
    SelfTest,
}

/// Which rule an instruction breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Fault {
    /// It cannot be decoded.
    Encoding,
    /// The feature of this runtime that holds the kernel is off.
    Unsupported,
    /// An operand lies outside the arena.
    ArenaBounds,
    /// A constant lies outside the weights section.
    WeightsBounds,
    /// An offset is not aligned to its element size.
    Alignment,
    /// Operands overlap in a way that the kernel does not allow.
    Overlap,
    /// Shapes are empty, too large, or do not fit each other.
    Shape,
    /// A parameter (shift, zero point, clamp, scale, stride) is outside its range.
    Parameter,
}

/// Why [`crate::Engine::new`] refused an arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum EngineError {
    /// The arena holds `got` bytes; the plan needs `needed`.
    ArenaTooSmall {
        /// Bytes that the plan needs.
        needed: u32,
        /// Bytes that were given.
        got: u32,
    },
    /// The arena must start at a multiple of `needed`. [`crate::Arena`] does.
    ArenaMisaligned {
        /// Bytes.
        needed: u8,
    },
}

/// Why an [`crate::Engine`] refused to convert a caller's array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum IoError {
    /// The model has only `ports` inputs, or outputs.
    NoSuchPort {
        /// How many there are.
        ports: u8,
    },
    /// The array holds `got` elements; the tensor has `needed`.
    Length {
        /// Elements of the tensor.
        needed: u32,
        /// Elements of the array.
        got: u32,
    },
    /// The tensor is not stored as the type that was asked for.
    Type {
        /// How it is stored.
        stored: crate::format::DType,
    },
}

/// Where [`crate::Engine::self_test`] found a byte that differs from the converter's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SelfTestFailure {
    /// Test vector, from 0.
    pub vector: u32,
    /// Output, from 0.
    pub output: u8,
    /// Byte of that output as stored, from 0.
    pub byte: u32,
}
