//! A board that is no emulator.

use embedded_io::{Read, Write};
use mote_firmware_app::service::ServiceBoard;
use mote_firmware_app::{Board, StackUsed};
use mote_store::{Layout, Mapped};

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

/// [`serve`](crate::serve) for a [`Device`]. When it returns, the board has to restart, whether the host asked for it, nothing can be
/// sent, or the store cannot be opened.
///
/// # Safety
/// To be called once.
pub unsafe fn serve_device<D: Device, F: Mapped, P: Read + Write>(
    device: D,
    flash: F,
    mut port: P,
    arena: &'static mut [u8],
) {
    // SAFETY: the caller's promise.
    let _ = unsafe { crate::serve(Served(device), flash, D::LAYOUT, &mut port, arena) };
}
