//! Nothing but `Engine::run`, linked for a device. `checks` walks through it from [`mote_engine_run`] and finds every
//! way to a panic.
#![no_std]

use core::panic::PanicInfo;
use mote_runtime::Engine;

/// Where the walk starts. Never called; `no_mangle` keeps it from being optimised away.
#[unsafe(no_mangle)]
pub fn mote_engine_run(engine: &mut Engine<'_, '_>) {
    engine.run();
}

/// Can panic, so that the check can show that it would notice.
#[unsafe(no_mangle)]
pub fn mote_control(bytes: &[u8], index: usize) -> u8 {
    bytes[index]
}

unsafe extern "C" {
    /// Defined nowhere: a reference to it that the walk can reach is a panic that was linked.
    safe fn mote_panic_reached() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    mote_panic_reached()
}
