//! What is in a linked image.

use super::BenchError;
use object::{Object, ObjectSection, SectionFlags, elf};
use std::path::PathBuf;

/// A firmware image.
#[derive(Clone, Debug)]
pub struct Image {
    /// The ELF file.
    pub path: PathBuf,
    /// Bytes of flash: vectors, code, constants, and the initial values of static data. There is no model in it.
    pub code_bytes: u64,
}

impl Image {
    /// Measures an ELF file.
    pub fn read(path: PathBuf) -> Result<Self, BenchError> {
        let bytes = std::fs::read(&path).map_err(|error| BenchError::Unreadable { path: path.clone(), error })?;
        let file = object::File::parse(&*bytes).map_err(|error| BenchError::Image { path: path.clone(), error })?;
        let code_bytes = file.sections().filter(is_stored).map(|section| section.size()).sum();
        Ok(Self { path, code_bytes })
    }
}

/// True for what a programmer would write to flash: sections that are loaded and have contents.
fn is_stored<'d>(section: &impl ObjectSection<'d>) -> bool {
    let SectionFlags::Elf { sh_flags, .. } = section.flags() else { return false };
    let loaded = sh_flags.0 & elf::SHF_ALLOC.0 != 0;
    loaded && section.file_range().is_some()
}
