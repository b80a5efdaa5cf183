//! What makes a Cortex-M3 as strict as a Cortex-M0+.

/// A Cortex-M0+ faults on unaligned accesses; the Cortex-M3 that runs this build does so when asked to.
pub fn trap_unaligned_accesses() {
    const CONFIGURATION_AND_CONTROL: *mut u32 = 0xE000_ED14 as *mut u32;
    const UNALIGN_TRP: u32 = 1 << 3;
    // SAFETY: a core register of every ARMv7-M; the bit makes faults out of unaligned accesses and changes nothing
    // else.
    unsafe { CONFIGURATION_AND_CONTROL.write_volatile(CONFIGURATION_AND_CONTROL.read_volatile() | UNALIGN_TRP) };
}
