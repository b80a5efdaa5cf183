//! A device that a host flashes models to, asks and measures.

use crate::restart;
use embedded_io::{Read, Write};
use mote_firmware_app::service::{Config, KEYS, Service, ServiceBoard, Work};
use mote_firmware_app::{Board, LinkedOps, StackUsed};
use mote_store::{Layout, Mapped, Policy};

const _: () = assert!(
    cfg!(feature = "unsigned") || !KEYS.is_empty(),
    "no public keys: name .pub.pem files of `mote keygen` in MOTE_PUBLIC_KEYS, or build with the feature `unsigned`"
);

/// For times of 100 instructions. A host asks for a bench run by run.
const TIME_WORDS: usize = 200;

/// What a board is.
pub trait Device {
    /// Name of its folder.
    const NAME: &'static str;
    /// `hz` of the table `clock` in board.toml.
    const TICKS_PER_SECOND: u32;
    /// Where models lie: the table `store` in board.toml, but counted from the start of the flash.
    const LAYOUT: Layout;

    /// Time in ticks, never going back.
    fn ticks(&mut self) -> u64;
}

struct Served<D>(D);

impl<D: Device> Board for Served<D> {
    const NAME: &'static str = D::NAME;

    // A service says everything over the link.
    fn write(&mut self, _: &[u8]) {}

    fn ticks(&mut self) -> u64 {
        self.0.ticks()
    }

    fn paint_stack(&mut self) {}

    fn stack_used(&mut self) -> StackUsed {
        StackUsed::default()
    }
}

impl<D: Device> ServiceBoard for Served<D> {
    /// The host is silent while flash is written, when a core may be unable to take bytes from the line.
    const WINDOW: u8 = 1;
    const TICKS_PER_SECOND: u32 = D::TICKS_PER_SECOND;
}

/// Serves a host until it asks for a restart, and restarts; for ever. If the store cannot be opened, or nothing can be sent, it
/// restarts too.
///
/// # Safety
/// To be called once.
pub unsafe fn serve<D: Device, F: Mapped, P: Read + Write>(
    device: D,
    flash: F,
    mut port: P,
    arena: &'static mut [u8],
) -> ! {
    static mut TIMES: [u32; TIME_WORDS] = [0; TIME_WORDS];
    // SAFETY: nothing else names them, and by the caller's promise this runs once.
    #[allow(static_mut_refs, reason = "as said")]
    let times = unsafe { &mut TIMES };
    let config = Config { layout: D::LAYOUT, keys: KEYS, policy: Policy::new(arena.len() as u32) };
    if let Ok(mut service) = Service::<_, _, LinkedOps>::start(Served(device), flash, config, Work { arena, times }) {
        let _ = mote_firmware_app::service::serve(&mut service, &mut port);
    }
    restart()
}
