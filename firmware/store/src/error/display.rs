//! The same in words, for hosts.

use super::{Error, LayoutError};
use core::fmt::{Display, Formatter, Result};
use embedded_storage::nor_flash::NorFlashErrorKind;

impl Display for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match *self {
            Self::Layout(error) => write!(f, "the firmware's layout of the flash is wrong: {error}"),
            Self::Flash(kind) => {
                let reason = match kind {
                    NorFlashErrorKind::NotAligned => "an access is not aligned",
                    NorFlashErrorKind::OutOfBounds => "an access is out of bounds",
                    _ => "writing, erasing or reading failed",
                };
                write!(f, "the flash reports an error: {reason}")
            }
            Self::NoModel => write!(f, "there is no such model: none that may run, be activated or be returned to"),
            Self::Busy => write!(f, "both slots are needed: confirm or roll back the trial, or restart the device"),
            Self::NotReceiving => write!(f, "no file is being received: begin the transfer first"),
            Self::Offset { expected, got } => write!(f, "byte {expected} of the file comes next, not byte {got}"),
            Self::TooLarge { needed, has } => write!(f, "the file needs {needed} bytes, there is room for {has}"),
            Self::Truncated { needed, got } => write!(f, "the file is cut off: {got} bytes of {needed}"),
            Self::Length { header, announced } => {
                write!(f, "the file says that it has {header} bytes, {announced} were announced")
            }
            Self::Sha256 => write!(f, "the SHA-256 differs: transfer or storage damaged the file"),
            Self::Unsigned => write!(f, "the file has no signature, and this device accepts signed files only"),
            Self::WrongSignature => write!(f, "the signature is not of a key that this device trusts"),
            Self::Older { have, got } => {
                write!(f, "the model has version {got}, this device accepts {have} and above")
            }
            Self::Load(error) => write!(f, "the runtime refuses the model: {error}"),
            Self::Arena { needed, has } => write!(f, "the model needs {needed} bytes of arena, the device has {has}"),
            Self::Engine(error) => write!(f, "the engine refuses the arena: {error}"),
            Self::SelfTest(failure) => write!(f, "{failure}; the device has gone back"),
            Self::FewVectors { needed, found } => {
                write!(f, "the model has {found} self-test vectors, this device asks for {needed}; it has gone back")
            }
            Self::NoTrial => write!(f, "the running model is not on trial"),
            Self::Forbidden => write!(f, "this device does not return to a previous model"),
        }
    }
}

impl Display for LayoutError {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Unaligned => "a region is empty or not in whole erase blocks",
            Self::OutOfBounds => "a region ends behind the flash",
            Self::Overlap => "regions overlap",
            Self::ShortLog => "the log has fewer than two erase blocks",
            Self::NotMapped => "the flash does not show a slot in memory",
        })
    }
}

impl std::error::Error for Error {}
impl std::error::Error for LayoutError {}

#[cfg(test)]
mod tests {
    use super::*;
    use mote_runtime::{LoadError, SelfTestFailure};
    use std::string::ToString;

    #[test]
    fn numbers_come_back_as_the_same_error() {
        let mut found = 0;
        for kind in 0..100 {
            for a in 0..12 {
                if let Some(error) = Error::from_numbers([kind, a, 7, 0]) {
                    assert_eq!(error.numbers(), [kind, a, 7, 0]);
                    found += 1;
                }
            }
        }
        assert!(found > 60, "{found}");
        for kind in (0..20).filter(|kind| ![5, 6, 7, 8, 12, 14, 17].contains(kind)) {
            let error = Error::from_numbers([kind, 0, 0, 0]).expect("every kind has an error whose fields are 0");
            assert_eq!(error.numbers()[0], kind);
        }
        for kind in [2, 3, 4, 9, 10, 11, 18, 19, 20] {
            assert_eq!(Error::from_numbers([kind, 1, 0, 0]), None);
        }
    }

    #[test]
    fn messages_name_both_sides() {
        assert_eq!(
            Error::Older { have: 7, got: 3 }.to_string(),
            "the model has version 3, this device accepts 7 and above"
        );
        assert_eq!(
            Error::Load(LoadError::Magic).to_string(),
            "the runtime refuses the model: not a .mote file: it does not start with MOTE"
        );
        assert_eq!(
            Error::SelfTest(SelfTestFailure { vector: 1, output: 0, byte: 9 }).to_string(),
            "self-test vector 1: output 0 differs from the converter's at byte 9; the device has gone back"
        );
        assert!(Error::Layout(LayoutError::ShortLog).to_string().ends_with("fewer than two erase blocks"));
    }
}
