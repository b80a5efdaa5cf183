//! Walks a program over an arena.

use crate::error::{EngineError, IoError, SelfTestFailure};
use crate::format::{DType, Instruction, Port, SECTION_ALIGN};
use crate::model::Model;
use crate::observer::Observer;
use crate::op::dispatch::Kernel;
use crate::op::{Memory, bands, dispatch};
use crate::ops::{AllOps, Ops};
use crate::{io, self_test};

/// A model and the memory it runs in.
///
/// Fill the inputs, [`run`](Self::run), read the outputs; any number of times. A run may overwrite the inputs, because
/// the plan reuses their memory, so write them anew before each run. Ports are numbered as in [`Model::inputs`] and
/// [`Model::outputs`]; a number out of range gives an empty slice.
#[derive(Debug)]
pub struct Engine<'m, 'a, O = AllOps> {
    model: Model<'m, O>,
    arena: &'a mut [u8],
}

impl<'m, 'a, O: Ops> Engine<'m, 'a, O> {
    /// Takes the first [`Model::arena_bytes`] of `arena`, whatever they hold, and [resets](Self::reset) its state.
    ///
    /// # Errors
    /// If the arena is too small, or does not start at a multiple of 16.
    #[inline(never)]
    pub fn new(model: Model<'m, O>, arena: &'a mut [u8]) -> Result<Self, EngineError> {
        if !arena.as_ptr().addr().is_multiple_of(SECTION_ALIGN) {
            return Err(EngineError::ArenaMisaligned { needed: SECTION_ALIGN as u8 });
        }
        let needed = model.arena_bytes();
        let got = u32::try_from(arena.len()).unwrap_or(u32::MAX);
        match arena.split_at_mut_checked(needed as usize) {
            Some((arena, _)) => {
                let mut engine = Self { model, arena };
                engine.reset();
                Ok(engine)
            }
            None => Err(EngineError::ArenaTooSmall { needed, got }),
        }
    }

    /// The model this engine runs.
    pub fn model(&self) -> &Model<'m, O> {
        &self.model
    }

    /// All bytes that runs work on, for looking at them or filling them with a pattern. Inputs, outputs and state lie here:
    /// after writing, [`reset`](Self::reset) and fill the inputs anew.
    pub fn arena_mut(&mut self) -> &mut [u8] {
        self.arena
    }

    /// Forgets what earlier runs have left in the state of recurrent instructions. Without such, does nothing.
    pub fn reset(&mut self) {
        if !self.model.has_state() {
            return;
        }
        let mut memory =
            Memory { arena: &mut *self.arena, weights: self.model.weights(), rounding: self.model.rounding() };
        for instruction in self.model.instructions() {
            let done = dispatch::reset::<O>(&instruction, &mut memory);
            debug_assert!(done.is_some(), "`check` accepted state that is not there: {instruction:?}");
        }
    }

    /// Runs the program once. Cannot fail: [`Model::load`] has checked every instruction.
    #[inline(never)]
    pub fn run(&mut self) {
        self.run_with(&mut ());
    }

    /// As [`run`](Self::run), calling `observer` around each instruction.
    pub fn run_with<W: Observer + ?Sized>(&mut self, observer: &mut W) {
        let mut memory =
            Memory { arena: &mut *self.arena, weights: self.model.weights(), rounding: self.model.rounding() };
        let mut instructions = self.model.instructions().enumerate();
        while let Some((index, instruction)) = instructions.next() {
            observer.before(index, &instruction);
            let done = dispatch::run_decoded::<O>(&instruction, &mut memory);
            debug_assert!(done.is_some(), "`check` accepted what `run` cannot do: {instruction:?}");
            observer.after(index, &instruction, memory.arena);
            if let Instruction::Bands(op) = instruction
                && O::KERNELS.contains(Kernel::Bands)
            {
                let following = instructions.clone().map(|(_, instruction)| instruction);
                let done = bands::run::<O>(&op, index, following, &mut memory, observer);
                debug_assert!(done.is_some(), "`check` accepted what `run` cannot do after instruction {index}");
                for _ in 0..op.count {
                    let _ = instructions.next();
                }
            }
        }
    }

    /// Runs the model's own test vectors and returns how many there are; 0 if the file was stripped of them. Resets the
    /// state before each of them and at the end.
    ///
    /// # Errors
    /// The first byte that differs from what the converter's host computed.
    #[inline(never)]
    pub fn self_test(&mut self) -> Result<u32, SelfTestFailure> {
        let mut vectors = 0;
        for (index, vector) in self.model.self_test().enumerate() {
            self.reset();
            let mut inputs = vector.inputs;
            for port in self.model.inputs() {
                let stored = io::bytes_mut(self.arena, port);
                let (given, rest) = inputs.split_at_checked(stored.len()).unwrap_or_default();
                stored.iter_mut().zip(given).for_each(|(stored, given)| *stored = *given);
                inputs = rest;
            }
            self.run();
            let mut expected = vector.outputs;
            for (output, port) in self.model.outputs().iter().enumerate() {
                let got = io::bytes(self.arena, port);
                let (given, rest) = expected.split_at_checked(got.len()).unwrap_or_default();
                if let Some(byte) = self_test::first_difference(given, got) {
                    return Err(self_test::failure(index, output, byte));
                }
                expected = rest;
            }
            vectors += 1;
        }
        self.reset();
        Ok(vectors)
    }

    /// Input `index` as stored: int8, in the order of its port's shape.
    pub fn input_mut(&mut self, index: usize) -> &mut [i8] {
        bytemuck::try_cast_slice_mut(self.input_bytes_mut(index)).unwrap_or_default()
    }

    /// Output `index` as stored: int8, in the order of its port's shape.
    pub fn output(&self, index: usize) -> &[i8] {
        bytemuck::try_cast_slice(self.output_bytes(index)).unwrap_or_default()
    }

    /// Input `index` as raw bytes, whatever its element type.
    pub fn input_bytes_mut(&mut self, index: usize) -> &mut [u8] {
        match self.model.inputs().get(index) {
            Some(port) => io::bytes_mut(self.arena, port),
            None => &mut [],
        }
    }

    /// Output `index` as raw bytes, whatever its element type.
    pub fn output_bytes(&self, index: usize) -> &[u8] {
        self.model.outputs().get(index).map_or(&[], |port| io::bytes(self.arena, port))
    }

    /// Input `index` as stored, if it is int16; else empty.
    pub fn input_i16_mut(&mut self, index: usize) -> &mut [i16] {
        match self.model.inputs().get(index) {
            Some(port) if port.dtype == DType::I16 => io::cast_mut(self.arena, port),
            _ => &mut [],
        }
    }

    /// Output `index` as stored, if it is int16; else empty.
    pub fn output_i16(&self, index: usize) -> &[i16] {
        match self.model.outputs().get(index) {
            Some(port) if port.dtype == DType::I16 => io::cast(self.arena, port),
            _ => &[],
        }
    }

    /// Input `index` as stored, if it is float32; else empty.
    pub fn input_f32_mut(&mut self, index: usize) -> &mut [f32] {
        match self.model.inputs().get(index) {
            Some(port) if port.dtype == DType::F32 => io::cast_mut(self.arena, port),
            _ => &mut [],
        }
    }

    /// Output `index` as stored, if it is float32; else empty.
    pub fn output_f32(&self, index: usize) -> &[f32] {
        match self.model.outputs().get(index) {
            Some(port) if port.dtype == DType::F32 => io::cast(self.arena, port),
            _ => &[],
        }
    }

    /// Writes real values in the order of the source network (NCHW, say) to input `index`: permutes and quantizes
    /// straight into the arena, rounding half away from zero; a NaN becomes the zero point.
    ///
    /// # Errors
    /// If there is no such input, or `values` is not exactly as long.
    pub fn write_f32(&mut self, index: usize, values: &[f32]) -> Result<(), IoError> {
        let port = port_for(self.model.inputs(), index, values.len())?;
        io::write_f32(self.arena, port, values);
        Ok(())
    }

    /// Reads output `index` as real values in the order of the source network.
    ///
    /// # Errors
    /// If there is no such output, or `values` is not exactly as long.
    pub fn read_f32(&self, index: usize, values: &mut [f32]) -> Result<(), IoError> {
        let port = port_for(self.model.outputs(), index, values.len())?;
        io::read_f32(self.arena, port, values);
        Ok(())
    }

    /// Writes quantized values in the order of the source network to int8 input `index`: only permutes.
    ///
    /// # Errors
    /// If there is no such input, it is not int8, or `values` is not exactly as long.
    pub fn write_i8(&mut self, index: usize, values: &[i8]) -> Result<(), IoError> {
        let port = stored_port_for(self.model.inputs(), index, values.len(), DType::I8)?;
        io::write_stored(self.arena, port, values);
        Ok(())
    }

    /// Reads int8 output `index` in the order of the source network: only permutes.
    ///
    /// # Errors
    /// If there is no such output, it is not int8, or `values` is not exactly as long.
    pub fn read_i8(&self, index: usize, values: &mut [i8]) -> Result<(), IoError> {
        let port = stored_port_for(self.model.outputs(), index, values.len(), DType::I8)?;
        io::read_stored(self.arena, port, values);
        Ok(())
    }

    /// As [`write_i8`](Self::write_i8), for int16 inputs.
    ///
    /// # Errors
    /// If there is no such input, it is not int16, or `values` is not exactly as long.
    pub fn write_i16(&mut self, index: usize, values: &[i16]) -> Result<(), IoError> {
        let port = stored_port_for(self.model.inputs(), index, values.len(), DType::I16)?;
        io::write_stored(self.arena, port, values);
        Ok(())
    }

    /// As [`read_i8`](Self::read_i8), for int16 outputs.
    ///
    /// # Errors
    /// If there is no such output, it is not int16, or `values` is not exactly as long.
    pub fn read_i16(&self, index: usize, values: &mut [i16]) -> Result<(), IoError> {
        let port = stored_port_for(self.model.outputs(), index, values.len(), DType::I16)?;
        io::read_stored(self.arena, port, values);
        Ok(())
    }
}

fn port_for(ports: &[Port], index: usize, got: usize) -> Result<&Port, IoError> {
    let port = ports.get(index).ok_or(IoError::NoSuchPort { ports: ports.len() as u8 })?;
    let needed = port.elements().unwrap_or(0);
    let got = u32::try_from(got).unwrap_or(u32::MAX);
    if got == needed { Ok(port) } else { Err(IoError::Length { needed, got }) }
}

fn stored_port_for(ports: &[Port], index: usize, got: usize, dtype: DType) -> Result<&Port, IoError> {
    let port = port_for(ports, index, got)?;
    if port.dtype == dtype { Ok(port) } else { Err(IoError::Type { stored: port.dtype }) }
}
