//! What the app needs from a board.

/// A way out for text, a clock, and a look at the stack.
pub trait Board {
    /// Name of the board's folder.
    const NAME: &'static str;

    /// Sends bytes to the host; returns when they are on their way.
    fn write(&mut self, bytes: &[u8]);

    /// Time in the board's own unit, never going back. `board.toml` says what a tick is.
    fn ticks(&mut self) -> u64;

    /// Fills the stack below the caller with a pattern, so that [`Board::stack_used`] can tell what was used since.
    fn paint_stack(&mut self);

    /// How deep the stack has been since the last [`Board::paint_stack`].
    fn stack_used(&mut self) -> StackUsed;
}

/// Stack depths in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StackUsed {
    /// Below the function that painted: what the painted-over calls needed.
    pub below_bytes: u32,
    /// From the top of the stack: what the whole program needed.
    pub total_bytes: u32,
}

/// The memory that a board gives to the app.
pub struct Memory<'a> {
    /// Where the `.mote` file is; may be longer than the file. Starts at a multiple of 16.
    pub model: &'a [u8],
    /// Where the job is; may be longer than the job.
    pub job: &'a [u8],
    /// For the engine; as large as the board can spare. Starts at a multiple of 16.
    pub arena: &'a mut [u8],
}
