//! What the service needs from a board beyond [`Board`].

use crate::Board;

/// A board that talks to a host. Of [`Board`], only the name and the clock are used.
pub trait ServiceBoard: Board {
    /// How many chunks the receiver keeps while flash is written; see [`Handler::WINDOW`](mote_link::Handler::WINDOW).
    const WINDOW: u8;
    /// Ticks of [`Board::ticks`] in a second; 0 if unknown.
    const TICKS_PER_SECOND: u32;
}
