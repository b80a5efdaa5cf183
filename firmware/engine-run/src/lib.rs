//! Nothing but `Engine::run`, linked for a device. `checks` walks through it from [`mote_engine_run`] and finds every
//! way to a panic.
#![no_std]

use mote_linked as _;
use mote_runtime::Engine;

/// Where the walk starts. Never called; `no_mangle` keeps it from being optimised away.
#[unsafe(no_mangle)]
pub fn mote_engine_run(engine: &mut Engine<'_, '_>) {
    engine.run();
}
