//! The partitions that `memory.x` sets aside for what the host puts into memory.

use core::slice;

unsafe extern "C" {
    static _model_start: u8;
    static _model_end: u8;
    static _job_start: u8;
    static _job_end: u8;
}

/// Where the `.mote` file is.
pub fn model() -> &'static [u8] {
    // SAFETY: the linker script defines both symbols as the ends of one memory region that holds nothing of the
    // program, so the bytes exist, are initialised by the machine, and nobody writes them while the program runs.
    unsafe { between(&raw const _model_start, &raw const _model_end) }
}

/// Where the job is.
pub fn job() -> &'static [u8] {
    // SAFETY: as in `model`.
    unsafe { between(&raw const _job_start, &raw const _job_end) }
}

/// # Safety
/// `start..end` must be memory that can be read and is never written.
unsafe fn between(start: *const u8, end: *const u8) -> &'static [u8] {
    // SAFETY: the caller's promise.
    unsafe { slice::from_raw_parts(start, end as usize - start as usize) }
}
