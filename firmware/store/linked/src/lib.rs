//! Everything of the model store, linked for a device. `tests/linked.rs` of the store walks through it from
//! [`mote_store_linked`], and finds its size and every way to a panic.
#![no_std]

use mote_linked::Flash;
use mote_runtime::{Engine, Kernels, Model, Ops};
use mote_store::{Error, Key, Layout, Policy, Slot, Store};

/// No kernel: their size is counted elsewhere.
enum NoOps {}

impl Ops for NoOps {
    const KERNELS: Kernels = Kernels::of(&[]);
}

const LAYOUT: Layout = Layout::consecutive(0, 0x1_0000, 0x2000);

/// All that a device asks of the store. Never called; `no_mangle` keeps it from being optimised away.
///
/// # Errors
/// As the store.
#[unsafe(no_mangle)]
pub fn mote_store_linked(
    flash: &mut Flash,
    key: &[Key],
    bytes: &[u8],
    sha256: &[u8; 32],
    arena: &mut [u8],
) -> Result<u32, Error> {
    let mut store = Store::open(flash, LAYOUT, key, Policy::new(arena.len() as u32))?;
    let boot = store.boot::<NoOps>()?;
    if boot.trial {
        store.try_out::<NoOps>(arena)?;
    }
    let begun = store.begin(bytes.len() as u32, sha256)?;
    store.write(begun.offset, bytes)?;
    let (slot, info) = store.finish::<NoOps>()?;
    store.activate(slot)?;
    store.rollback()?;
    store.erase(Slot::B)?;
    let [a, b] = store.slots().map(|slot| slot.info.map_or(0, |info| info.length));
    Ok(info.version ^ a ^ b ^ store.floor())
}

/// What a device without a store has of this: the difference is what the store costs.
#[unsafe(no_mangle)]
pub fn mote_store_without(bytes: &[u8], arena: &mut [u8]) -> Option<u32> {
    let model = Model::<NoOps>::load_for(bytes).ok()?;
    Engine::new(model, arena).ok()?.self_test().ok()
}
