//! The same in words, for hosts.

use super::{EngineError, Fault, IoError, LoadError, SelfTestFailure};
use core::fmt::{Display, Formatter, Result};

impl Display for LoadError {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match *self {
            Self::Truncated { needed, got } => write!(f, "the file is cut off: {got} bytes of {needed}"),
            Self::Magic => write!(f, "not a .mote file: it does not start with MOTE"),
            Self::Version { found, supported } => {
                write!(
                    f,
                    "the file has format version {found}, this runtime reads {supported}: convert the model again"
                )
            }
            Self::Header => write!(f, "the header has an unknown length, flag or reserved byte"),
            Self::Section { index } => {
                let name =
                    ["program", "metadata", "weights", "self-test"].get(usize::from(index)).unwrap_or(&"unknown");
                write!(f, "the {name} section is out of place")
            }
            Self::Checksum { data } => {
                let part = if data { "weights or self-test vectors" } else { "header, program or metadata" };
                write!(f, "checksum mismatch in {part}: transfer or storage damaged the file")
            }
            Self::Misaligned { needed } => write!(f, "the file must start at a multiple of {needed} in memory"),
            Self::Encoding => write!(f, "the program or the metadata cannot be decoded"),
            Self::Port { index } => write!(f, "input or output {index} (inputs count first) is not valid"),
            Self::Instruction { index, fault } => write!(f, "instruction {index}: {fault}"),
            Self::SelfTest => write!(f, "the self-test section does not fit its count and the model's ports"),
        }
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Encoding => "cannot be decoded",
            Self::Unsupported => "this runtime was built without its kernel (features `f32` and `half`)",
            Self::ArenaBounds => "an operand lies outside the arena",
            Self::WeightsBounds => "a constant lies outside the weights section",
            Self::Alignment => "an offset is not aligned to its element size",
            Self::Overlap => "operands overlap",
            Self::Shape => "shapes are empty, too large, or do not fit each other",
            Self::Parameter => "a parameter is outside its range",
        })
    }
}

impl Display for EngineError {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match *self {
            Self::ArenaTooSmall { needed, got } => write!(f, "the model needs {needed} bytes of arena, got {got}"),
            Self::ArenaMisaligned { needed } => write!(f, "the arena must start at a multiple of {needed}"),
        }
    }
}

impl Display for IoError {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match *self {
            Self::NoSuchPort { ports } => write!(f, "no such input or output: there are {ports}"),
            Self::Length { needed, got } => write!(f, "the tensor has {needed} elements, the array {got}"),
            Self::Type { stored } => write!(f, "the tensor is stored as {stored:?}"),
        }
    }
}

impl Display for SelfTestFailure {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self { vector, output, byte } = self;
        write!(f, "self-test vector {vector}: output {output} differs from the converter's at byte {byte}")
    }
}

impl std::error::Error for LoadError {}
impl std::error::Error for Fault {}
impl std::error::Error for EngineError {}
impl std::error::Error for IoError {}
impl std::error::Error for SelfTestFailure {}
