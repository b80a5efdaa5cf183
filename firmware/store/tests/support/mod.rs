//! A NOR flash that can lose power, models to put into it, and a device that uses both.
#![allow(dead_code, reason = "each test binary uses a part")]

pub mod flash;
pub mod models;

use flash::SimFlash;
use mote_runtime::{AllOps, Arena};
use mote_store::{Boot, Error, Key, Layout, Policy, Slot, Store};
use std::sync::LazyLock;

/// Words of 4 bytes, blocks of 512: two slots of eight blocks, and a log of two.
pub type Flash = SimFlash<4, 512>;
pub const LAYOUT: Layout = Layout::consecutive(0, 4096, 1024);
/// What the models need.
pub const ARENA_BYTES: u32 = 288;

/// Two, so that the right one is not always the first.
pub static KEYS: LazyLock<[Key; 2]> = LazyLock::new(|| [*models::keys(7).pk, *models::keys(models::SEED).pk]);

/// Of a device that has more arena than the models need.
pub fn policy() -> Policy {
    Policy::new(512)
}

pub fn open<const W: usize, const E: usize>(
    flash: &mut SimFlash<W, E>,
    layout: Layout,
) -> Result<Store<'static, &mut SimFlash<W, E>>, Error> {
    Store::open(flash, layout, &*KEYS, policy())
}

/// Sends a file as a host does: from wherever the device wants it, `chunk` bytes at a time.
pub fn send<const W: usize, const E: usize>(
    store: &mut Store<'_, &mut SimFlash<W, E>>,
    file: &[u8],
    chunk: usize,
) -> Result<Slot, Error> {
    let begun = store.begin(file.len() as u32, &models::sha256(file))?;
    let mut offset = begun.offset;
    while (offset as usize) < file.len() {
        let rest = &file[offset as usize..];
        offset = store.write(offset, &rest[..rest.len().min(chunk)])?;
    }
    store.finish::<AllOps>().map(|(slot, _)| slot)
}

/// Sends, activates, restarts, and tries it out.
pub fn update<const W: usize, const E: usize>(
    store: &mut Store<'_, &mut SimFlash<W, E>>,
    file: &[u8],
    chunk: usize,
) -> Result<(), Error> {
    let slot = send(store, file, chunk)?;
    store.activate(slot)?;
    start(store)?;
    Ok(())
}

/// What a device does when it starts: boots, and runs the self-test of a trial.
pub fn start<const W: usize, const E: usize>(store: &mut Store<'_, &mut SimFlash<W, E>>) -> Result<Boot, Error> {
    let boot = store.boot::<AllOps>()?;
    if boot.trial {
        let mut arena = Arena::<{ ARENA_BYTES as usize }>::new();
        if store.try_out::<AllOps>(arena.as_mut_slice()).is_err() {
            return store.boot::<AllOps>();
        }
    }
    Ok(boot)
}

/// The file that runs.
pub fn running<const W: usize, const E: usize>(store: &Store<'_, &mut SimFlash<W, E>>) -> Vec<u8> {
    let slot = store.running().expect("a model runs");
    let info = store.slots()[slot as usize].info.expect("it has a header");
    store.file(slot).unwrap()[..info.length as usize].to_vec()
}
