//! What names tell.

use object::{Object, ObjectSection, ObjectSymbol, SectionFlags, elf};
use rustc_demangle::demangle;

/// True for a function that only a panic calls. `name` is demangled.
pub fn is_panic(name: &str) -> bool {
    // Slice indexing, `copy_from_slice`, `unwrap` and the like end in functions of these names outside `core::panicking`.
    let ends = ["_fail", "_failed", "len_mismatch", "_overflow"];
    name.contains("panic") || name.ends_with("rust_begin_unwind") || ends.iter().any(|end| name.ends_with(end))
}

/// True for what an allocator would bring. `name` is demangled.
pub fn is_allocator(name: &str) -> bool {
    let exact = ["malloc", "calloc", "realloc", "free", "_sbrk", "posix_memalign", "aligned_alloc"];
    exact.contains(&name) || name.contains("__rust_alloc") || name.contains("__rg_alloc") || name.contains("alloc::")
}

/// The demangled names, without hashes, of all functions and data in a linked image.
pub fn names(image: &[u8]) -> Result<Vec<String>, object::Error> {
    let file = object::File::parse(image)?;
    let named = file.symbols().filter_map(|symbol| symbol.name().ok().filter(|name| !name.is_empty()).map(plain));
    Ok(named.collect())
}

/// Bytes of flash that an image takes.
pub fn stored_bytes(image: &[u8]) -> Result<u64, object::Error> {
    let file = object::File::parse(image)?;
    let stored = file.sections().filter(|section| is_loaded(section) && section.file_range().is_some());
    Ok(stored.map(|section| section.size()).sum())
}

pub(crate) fn is_loaded<'d>(section: &impl ObjectSection<'d>) -> bool {
    matches!(section.flags(), SectionFlags::Elf { sh_flags, .. } if sh_flags.0 & elf::SHF_ALLOC.0 != 0)
}

/// Demangled, without the hash.
pub(crate) fn plain(name: &str) -> String {
    format!("{:#}", demangle(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_ways_to_panic_are_known() {
        for name in [
            "core::panicking::panic_bounds_check",
            "core::slice::index::slice_end_index_len_fail",
            "core::option::unwrap_failed",
            "core::slice::<impl [T]>::copy_from_slice::len_mismatch_fail",
            "__rustc::rust_begin_unwind",
            "mote_panic_reached",
        ] {
            assert!(is_panic(name), "{name}");
        }
        assert!(!is_panic("mote_runtime::op::conv2d::conv2d"));
        assert!(is_allocator("__rust_alloc") && is_allocator("malloc") && !is_allocator("memcpy"));
    }
}
