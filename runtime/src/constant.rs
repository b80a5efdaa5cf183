//! Programs that are known when a firmware is compiled: what the crates of `mote convert --emit rust` are made of.
//!
//! A model file is data: it is checked when it is loaded, and decoded when it runs. A [`Program`] is code: its
//! instructions are constants, so nothing is decoded or dispatched, and the linker keeps the kernels that it names and no
//! others. In return a new network needs a new firmware. The kernels are the same, and so are the bytes that come out.
//!
//! Instructions are not checked here, because the converter has checked them; an instruction with wrong operands ends
//! without having written outside the arena.
//!
//! ```
//! use mote_runtime::{Arena, Kernel, Kernels, Ops};
//! use mote_runtime::constant::{Engine, Memory, Port, Program};
//! use mote_runtime::format::instruction::Lookup;
//! use mote_runtime::format::{DType, Instruction, Rounding};
//!
//! static TABLE: [u8; 256] = [7; 256];
//!
//! enum Sevens {}
//!
//! impl Ops for Sevens {
//!     const KERNELS: Kernels = Kernels::of(&[Kernel::Lookup]);
//! }
//!
//! impl Program for Sevens {
//!     const ARENA_BYTES: usize = 4;
//!     const ROUNDING: Rounding = Rounding::Single;
//!     const INPUTS: &'static [Port] = &[Port { offset: 0, elements: 4, dtype: DType::I8, scale: 1.0, zero_point: 0 }];
//!     const OUTPUTS: &'static [Port] = Self::INPUTS;
//!
//!     fn weights() -> &'static [u8] {
//!         &TABLE
//!     }
//!
//!     fn run(memory: &mut Memory<'_, Self>) {
//!         memory.run(&const { Instruction::Lookup(Lookup { x: 0, y: 0, len: 4, table: 0 }) });
//!     }
//! }
//!
//! let mut arena = Arena::<{ Sevens::ARENA_BYTES }>::new();
//! let mut engine = Engine::<Sevens>::new(arena.as_mut_slice()).unwrap();
//! engine.input_mut(0).copy_from_slice(&[1, 2, 3, 4]);
//! engine.run();
//! assert_eq!(engine.output(0), [7; 4]);
//! ```

use crate::error::EngineError;
use crate::format::instruction::Bands;
use crate::format::{DType, Instruction, Rounding, SECTION_ALIGN};
use crate::op::{self, dispatch};
use crate::ops::Ops;
use bytemuck::Pod;
use core::marker::PhantomData;

/// A network as constants. Its [`Ops`] are the kernels of its instructions, see [`Model::kernels`](crate::Model::kernels).
pub trait Program: Ops + Sized {
    /// Bytes of arena that a run needs.
    const ARENA_BYTES: usize;
    /// How every requantization rounds.
    const ROUNDING: Rounding;
    /// What the caller fills before a run.
    const INPUTS: &'static [Port];
    /// What the caller reads after a run.
    const OUTPUTS: &'static [Port];

    /// The constants that instructions address; they start at a multiple of 4 in memory.
    fn weights() -> &'static [u8];

    /// Hands every instruction to [`Memory::run`], in order.
    fn run(memory: &mut Memory<'_, Self>);

    /// Hands every instruction that has state to [`Memory::reset`].
    fn reset(memory: &mut Memory<'_, Self>) {
        let _ = memory;
    }
}

/// An input or an output, as the arena holds it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Port {
    /// First byte in the arena, aligned to the element size.
    pub offset: u32,
    /// How many elements.
    pub elements: u32,
    /// Element type: `I8`, `I16` or `F32`.
    pub dtype: DType,
    /// `real = scale * (stored - zero_point)`; 1 for `F32`.
    pub scale: f32,
    /// See `scale`; 0 for `I16` and `F32`.
    pub zero_point: i32,
}

/// What instructions work on.
pub struct Memory<'a, O>(op::Memory<'static, 'a>, PhantomData<fn() -> O>);

impl<O: Ops> Memory<'_, O> {
    /// Runs one instruction. With a constant, as `&const { … }`, only its kernel is linked.
    #[inline(always)]
    pub fn run(&mut self, instruction: &Instruction) {
        let done = dispatch::run::<O>(instruction, &mut self.0);
        debug_assert!(done.is_some(), "operands that cannot be fetched: {instruction:?}");
    }

    /// Runs the instructions after a [`Bands`](Instruction::Bands), which are `following`, in bands.
    pub fn run_bands(&mut self, following: &[Instruction]) {
        let bands = Bands { count: following.len() as u32 };
        let done = op::bands::run::<O>(&bands, 0, following.iter().copied(), &mut self.0, &mut ());
        debug_assert!(done.is_some(), "operands that cannot be fetched: {following:?}");
    }

    /// Sets the state of one instruction to its initial value.
    #[inline(always)]
    pub fn reset(&mut self, instruction: &Instruction) {
        let done = dispatch::reset::<O>(instruction, &mut self.0);
        debug_assert!(done.is_some(), "state that cannot be fetched: {instruction:?}");
    }
}

/// A program and the memory it runs in. Used as [`crate::Engine`]: fill the inputs, run, read the outputs.
#[derive(Debug)]
pub struct Engine<'a, P> {
    arena: &'a mut [u8],
    program: PhantomData<fn() -> P>,
}

impl<'a, P: Program> Engine<'a, P> {
    /// Takes the first [`Program::ARENA_BYTES`] of `arena`, whatever they hold, and [resets](Self::reset) its state.
    ///
    /// # Errors
    /// If the arena is too small, or does not start at a multiple of 16.
    pub fn new(arena: &'a mut [u8]) -> Result<Self, EngineError> {
        if !arena.as_ptr().addr().is_multiple_of(SECTION_ALIGN) {
            return Err(EngineError::ArenaMisaligned { needed: SECTION_ALIGN as u8 });
        }
        let got = u32::try_from(arena.len()).unwrap_or(u32::MAX);
        let too_small = EngineError::ArenaTooSmall { needed: P::ARENA_BYTES as u32, got };
        let (arena, _) = arena.split_at_mut_checked(P::ARENA_BYTES).ok_or(too_small)?;
        let mut engine = Self { arena, program: PhantomData };
        engine.reset();
        Ok(engine)
    }

    /// Forgets what earlier runs have left in the state of recurrent instructions. Without such, does nothing.
    pub fn reset(&mut self) {
        P::reset(&mut self.memory());
    }

    /// Runs the program once. It may overwrite the inputs: write them anew before each run.
    pub fn run(&mut self) {
        P::run(&mut self.memory());
    }

    fn memory(&mut self) -> Memory<'_, P> {
        Memory(op::Memory { arena: &mut *self.arena, weights: P::weights(), rounding: P::ROUNDING }, PhantomData)
    }

    /// Input `index` as stored, if it is int8; else empty.
    pub fn input_mut(&mut self, index: usize) -> &mut [i8] {
        self.elements_mut(index, DType::I8)
    }

    /// Output `index` as stored, if it is int8; else empty.
    pub fn output(&self, index: usize) -> &[i8] {
        self.elements(index, DType::I8)
    }

    /// Input `index` as stored, if it is int16; else empty.
    pub fn input_i16_mut(&mut self, index: usize) -> &mut [i16] {
        self.elements_mut(index, DType::I16)
    }

    /// Output `index` as stored, if it is int16; else empty.
    pub fn output_i16(&self, index: usize) -> &[i16] {
        self.elements(index, DType::I16)
    }

    /// Input `index` as stored, if it is float32; else empty.
    pub fn input_f32_mut(&mut self, index: usize) -> &mut [f32] {
        self.elements_mut(index, DType::F32)
    }

    /// Output `index` as stored, if it is float32; else empty.
    pub fn output_f32(&self, index: usize) -> &[f32] {
        self.elements(index, DType::F32)
    }

    fn elements_mut<T: Pod>(&mut self, index: usize, dtype: DType) -> &mut [T] {
        let range = port_range(P::INPUTS, index, dtype);
        let bytes = self.arena.get_mut(range).unwrap_or_default();
        bytemuck::try_cast_slice_mut(bytes).unwrap_or_default()
    }

    fn elements<T: Pod>(&self, index: usize, dtype: DType) -> &[T] {
        let range = port_range(P::OUTPUTS, index, dtype);
        bytemuck::try_cast_slice(self.arena.get(range).unwrap_or_default()).unwrap_or_default()
    }
}

/// Where port `index` lies, if it exists and holds `dtype`; else an empty range.
fn port_range(ports: &[Port], index: usize, dtype: DType) -> core::ops::Range<usize> {
    match ports.get(index) {
        Some(port) if port.dtype == dtype => {
            let start = port.offset as usize;
            start..start.saturating_add((port.elements as usize).saturating_mul(dtype.bytes() as usize))
        }
        _ => 0..0,
    }
}
