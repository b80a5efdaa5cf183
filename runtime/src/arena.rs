//! The one buffer a model runs in.

/// `N` bytes, aligned as [`Engine::new`](crate::Engine::new) wants them. May be a `static`, a local, or part of a
/// larger struct; any `&mut [u8]` that starts at a multiple of 16 serves as well.
#[derive(Clone, Debug)]
#[repr(C, align(16))]
pub struct Arena<const N: usize> {
    bytes: [u8; N],
}

impl<const N: usize> Arena<N> {
    /// All zeros.
    pub const fn new() -> Self {
        Self { bytes: [0; N] }
    }

    /// The bytes, to lend to an engine.
    pub const fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl<const N: usize> Default for Arena<N> {
    fn default() -> Self {
        Self::new()
    }
}
