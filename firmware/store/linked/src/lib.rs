//! Everything of the model store, linked for a device. `tests/linked.rs` of the store walks through it from
//! [`mote_store_linked`], and finds its size and every way to a panic.
#![no_std]

use core::panic::PanicInfo;
use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};
use mote_runtime::{Engine, Kernels, Model, Ops};
use mote_store::{Error, Key, Layout, Mapped, Policy, Slot, Store};

/// No kernel: their size is counted elsewhere.
enum NoOps {}

impl Ops for NoOps {
    const KERNELS: Kernels = Kernels::of(&[]);
}

const LAYOUT: Layout = Layout::consecutive(0, 0x1_0000, 0x2000);

/// A flash like that of many Cortex-M4: words of 8 bytes, blocks of 4 KB.
pub struct Flash {
    memory: &'static [u8],
}

impl ErrorType for Flash {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        let from = self.memory.get(offset as usize..).unwrap_or_default();
        bytes.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.memory.len()
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = 8;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        if mote_flash_erase(from, to) { Ok(()) } else { Err(NorFlashErrorKind::Other) }
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        let words = bytes.as_chunks().0.iter().zip((offset..).step_by(Self::WRITE_SIZE));
        let mut written = words.map(|(word, at)| mote_flash_write(at, u64::from_le_bytes(*word)));
        if written.all(|written| written) { Ok(()) } else { Err(NorFlashErrorKind::Other) }
    }
}

impl Mapped for Flash {
    fn mapped(&self, offset: u32, len: u32) -> Option<&[u8]> {
        self.memory.get(offset as usize..)?.get(..len as usize)
    }
}

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

unsafe extern "C" {
    /// Erases a range. Belongs to a driver, which is not counted.
    safe fn mote_flash_erase(from: u32, to: u32) -> bool;
    /// Writes a word. As above.
    safe fn mote_flash_write(offset: u32, word: u64) -> bool;
    /// Defined nowhere: a reference to it that the walk can reach is a panic that was linked.
    safe fn mote_panic_reached() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    mote_panic_reached()
}
