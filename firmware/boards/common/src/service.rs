//! A device that a host flashes models to, asks and measures.

use embedded_io::{Read, Write};
use mote_firmware_app::LinkedOps;
use mote_firmware_app::service::{Config, KEYS, Service, ServiceBoard, Work};
use mote_store::{Error, Layout, Mapped, Policy};

/// For times of 100 instructions. A host asks for a bench run by run.
const TIME_WORDS: usize = 200;

/// Serves a host on the line `port` until it asks for a restart, or nothing can be sent; then the board has to restart.
///
/// # Errors
/// If the store cannot be opened.
///
/// # Safety
/// To be called once.
pub unsafe fn serve<B: ServiceBoard, F: Mapped, P: Read + Write>(
    board: B,
    flash: F,
    layout: Layout,
    port: &mut P,
    arena: &'static mut [u8],
) -> Result<(), Error> {
    // Here, as only an image that serves needs keys.
    const {
        assert!(
            cfg!(feature = "unsigned") || !KEYS.is_empty(),
            "no public keys: name .pub.pem files of `mote keygen` in MOTE_PUBLIC_KEYS, or build with the feature `unsigned`"
        );
    }
    static mut TIMES: [u32; TIME_WORDS] = [0; TIME_WORDS];
    // SAFETY: nothing else names them, and by the caller's promise this runs once.
    #[allow(static_mut_refs, reason = "as said")]
    let times = unsafe { &mut TIMES };
    let config = Config { layout, keys: KEYS, policy: Policy::new(arena.len() as u32) };
    let mut service = Service::<_, _, LinkedOps>::start(board, flash, config, Work { arena, times })?;
    let _ = mote_firmware_app::service::serve(&mut service, port);
    Ok(())
}
