//! The one trust boundary: after [`Model::load`], nothing in a model can make a run fail.

use crate::error::{Fault, LoadError};
use crate::format::decode::{self, Decode, Reader};
use crate::format::{
    Checksum, DType, HEADER_BYTES, Instruction, MAX_INSTRUCTIONS, Meta, Port, Program, Rounding, SECTION_ALIGN, Section,
};
use crate::header::{CONTROL_HEAD, CONTROL_REST, Header, SHA256};
use crate::op::bands::Chain;
use crate::op::dispatch::Kernel;
use crate::op::{self, Limits, Span, dispatch};
use crate::ops::{AllOps, Kernels, Ops};
use crate::self_test::SelfTest;
use core::marker::PhantomData;

/// A checked model. Borrows the file: weights and program stay where they are, usually in flash.
///
/// `O` chooses the kernels that can run it, see [`Ops`].
pub struct Model<'m, O = AllOps> {
    file: &'m [u8],
    header: Header,
    program: Program,
    instructions: &'m [u8],
    weights: &'m [u8],
    has_state: bool,
    ops: PhantomData<fn() -> O>,
}

impl<'m> Model<'m> {
    /// Checks a model file and borrows it, in time linear in the file and constant memory.
    ///
    /// `bytes` must start at a multiple of 16 in memory, which [`include_model!`](crate::include_model) ensures, and
    /// may be longer than the file: a whole flash partition, say. Checks everything that a run relies on. Does not
    /// check [`sha256`](Self::sha256) nor the signature, which are for deciding whom to trust, not for memory safety.
    ///
    /// # Errors
    /// [`LoadError`] names the first rule that the file breaks.
    pub fn load(bytes: &'m [u8]) -> Result<Self, LoadError> {
        Self::load_for(bytes)
    }
}

impl<'m, O: Ops> Model<'m, O> {
    /// As [`Model::load`], with the kernels that `O` chooses.
    ///
    /// # Errors
    /// As [`Model::load`]; an instruction whose kernel is not chosen is [`Fault::Unsupported`].
    #[inline(never)]
    pub fn load_for(bytes: &'m [u8]) -> Result<Self, LoadError> {
        let header = Header::read(bytes)?;
        if !bytes.as_ptr().addr().is_multiple_of(SECTION_ALIGN) {
            return Err(LoadError::Misaligned { needed: SECTION_ALIGN as u8 });
        }
        let got = bytes.len() as u32;
        let file =
            bytes.get(..header.total_bytes as usize).ok_or(LoadError::Truncated { needed: header.total_bytes, got })?;
        check_sums(file, &header)?;
        let section = |section| file.get(header.section(section)).ok_or(LoadError::Section { index: section as u8 });

        let mut reader = Reader::new(section(Section::Program)?);
        let program = Program::decode(&mut reader);
        let instructions = reader.rest();
        if reader.failed() || program.instruction_count > MAX_INSTRUCTIONS {
            return Err(LoadError::Encoding);
        }
        let weights = section(Section::Weights)?;
        let limits = Limits { arena_bytes: header.arena_bytes, weights, rounding: program.rounding };
        check_ports(&program, &limits)?;
        let has_state = check_instructions::<O>(reader, program.instruction_count, &limits)?;
        let meta = section(Section::Meta)?;
        if !meta.is_empty() && !decode::is_meta(meta) {
            return Err(LoadError::Encoding);
        }
        SelfTest::check(section(Section::SelfTest)?, &program)?;
        Ok(Self { file, header, program, instructions, weights, has_state, ops: PhantomData })
    }

    /// What the caller fills before a run.
    pub fn inputs(&self) -> &[Port] {
        &self.program.inputs
    }

    /// What the caller reads after a run.
    pub fn outputs(&self) -> &[Port] {
        &self.program.outputs
    }

    /// Bytes of arena that a run needs; exactly these are used.
    pub fn arena_bytes(&self) -> u32 {
        self.header.arena_bytes
    }

    /// How every requantization of this model rounds.
    pub fn rounding(&self) -> Rounding {
        self.program.rounding
    }

    /// True if an instruction keeps something between runs.
    pub(crate) fn has_state(&self) -> bool {
        self.has_state
    }

    /// The program, decoded one instruction at a time.
    pub fn instructions(&self) -> Instructions<'m, O> {
        Instructions { rest: self.instructions, left: self.program.instruction_count, ops: PhantomData }
    }

    /// The kernels that a firmware must link to run this model.
    pub fn kernels(&self) -> Kernels {
        let limits =
            Limits { arena_bytes: self.header.arena_bytes, weights: self.weights, rounding: self.program.rounding };
        let needs = |instruction: Instruction| dispatch::needs(&instruction, &limits);
        self.instructions().map(needs).fold(Kernels::of(&[]), Kernels::union)
    }

    /// The constants that instructions address.
    pub fn weights(&self) -> &'m [u8] {
        self.weights
    }

    /// Names, labels and provenance; all empty if the file was stripped.
    pub fn meta(&self) -> Meta<'m> {
        decode::meta(self.section(Section::Meta))
    }

    /// The stored test vectors; none if the file was stripped.
    pub fn self_test(&self) -> SelfTest<'m> {
        SelfTest::new(self.section(Section::SelfTest), &self.program)
    }

    /// A number that grows with every release of a model, for refusing downgrades.
    pub fn model_version(&self) -> u32 {
        self.header.model_version
    }

    /// Everything after the header: what [`sha256`](Self::sha256) is of.
    pub fn payload(&self) -> &'m [u8] {
        self.file.get(self.header.section(Section::Program).start..).unwrap_or_default()
    }

    /// SHA-256 of the [`payload`](Self::payload), as stored. [`Model::load`] does not compute it.
    pub fn sha256(&self) -> &'m [u8; 32] {
        self.file.get(SHA256..).and_then(|tail| tail.first_chunk()).unwrap_or(&[0; 32])
    }

    /// The Ed25519 signature, if the file has one. [`Model::load`] does not verify it.
    pub fn signature(&self) -> Option<&'m [u8; 64]> {
        if self.header.signed { self.file.get(HEADER_BYTES..).and_then(|tail| tail.first_chunk()) } else { None }
    }

    /// The whole file, without what may follow it in memory.
    pub fn as_bytes(&self) -> &'m [u8] {
        self.file
    }

    /// The bytes of one section.
    pub fn section(&self, section: Section) -> &'m [u8] {
        self.file.get(self.header.section(section)).unwrap_or_default()
    }
}

impl<O> Clone for Model<'_, O> {
    fn clone(&self) -> Self {
        Self { program: self.program.clone(), ..*self }
    }
}

impl<O> core::fmt::Debug for Model<'_, O> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Model").field("header", &self.header).field("program", &self.program).finish_non_exhaustive()
    }
}

/// The instructions of a [`Model`], in order.
#[derive(Debug)]
pub struct Instructions<'m, O = AllOps> {
    rest: &'m [u8],
    left: u32,
    ops: PhantomData<fn() -> O>,
}

impl<O> Clone for Instructions<'_, O> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<O: Ops> Iterator for Instructions<'_, O> {
    type Item = Instruction;

    fn next(&mut self) -> Option<Instruction> {
        self.left = self.left.checked_sub(1)?;
        // Cannot fail: `load` decoded the same bytes.
        let mut reader = Reader::new(self.rest);
        let instruction = dispatch::decode::<O>(&mut reader);
        self.rest = reader.rest();
        instruction
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl<O: Ops> ExactSizeIterator for Instructions<'_, O> {}

fn check_sums(file: &[u8], header: &Header) -> Result<(), LoadError> {
    let (control, data) = file.split_at_checked(header.section(Section::Weights).start).ok_or(LoadError::Header)?;
    let (head, rest) = control.get(..CONTROL_HEAD).zip(control.get(CONTROL_REST..)).ok_or(LoadError::Header)?;
    // Never `None`: the file starts at a multiple of 16, and so do all parts.
    let control = Checksum::default().and(head).and_then(|sum| sum.and(rest));
    if control.map(Checksum::value) != Some(header.control_checksum) {
        return Err(LoadError::Checksum { data: false });
    }
    let data = Checksum::default().and(data);
    if data.map(Checksum::value) != Some(header.data_checksum) {
        return Err(LoadError::Checksum { data: true });
    }
    Ok(())
}

fn check_ports(program: &Program, limits: &Limits) -> Result<(), LoadError> {
    for (index, port) in program.inputs.iter().chain(&program.outputs).enumerate() {
        check_port(port, limits).ok_or(LoadError::Port { index: index as u8 })?;
    }
    // Writing one input must not change another.
    for (index, port) in program.inputs.iter().enumerate() {
        let span = check_port(port, limits);
        let clash = |before: &Port| match (check_port(before, limits), span) {
            (Some(before), Some(span)) => before.overlaps(span),
            _ => true,
        };
        if program.inputs.iter().take(index).any(clash) {
            return Err(LoadError::Port { index: index as u8 });
        }
    }
    Ok(())
}

/// The port's place in the arena, or `None` if it breaks a rule.
fn check_port(port: &Port, limits: &Limits) -> Option<Span> {
    let elements = op::product(&port.shape).ok()?;
    let (bytes, zero_points) = match port.dtype {
        DType::I8 => (1, -128..=127),
        DType::I16 => (2, 0..=0),
        DType::F32 => (4, 0..=0),
        _ => return None,
    };
    let span = limits.arena_of(port.offset, elements, bytes);
    let scale = if bytes == 4 { port.scale == 1.0 } else { port.scale.is_finite() && port.scale > 0.0 };
    let quantization = scale && zero_points.contains(&port.zero_point);
    let rank = port.shape.len();
    let seen = port.source_axes.iter().fold(0u32, |seen, &axis| seen | 1u32.checked_shl(axis.into()).unwrap_or(0));
    let permutation = port.source_axes.len() == rank && seen == (1 << rank) - 1;
    if quantization && permutation { span.ok() } else { None }
}

/// Checks every instruction; true if one of them has state.
fn check_instructions<O: Ops>(mut reader: Reader, count: u32, limits: &Limits) -> Result<bool, LoadError> {
    let mut has_state = false;
    let mut chain = Chain::default();
    for index in 0..count {
        let refuse = |fault| LoadError::Instruction { index: index as u16, fault };
        // By reference: an instruction is as long as the longest one, and copying it costs as much as checking it.
        match &dispatch::decode::<O>(&mut reader) {
            _ if reader.failed() => return Err(refuse(Fault::Encoding)),
            None => return Err(refuse(Fault::Unsupported)),
            Some(instruction) if O::KERNELS.contains(Kernel::Bands) && chain.is_open() => {
                chain.push::<O>(instruction, limits).map_err(refuse)?;
            }
            Some(instruction) => {
                dispatch::check::<O>(instruction, limits).map_err(refuse)?;
                has_state |= dispatch::has_state::<O>(instruction);
                if let Instruction::Bands(bands) = instruction {
                    chain = Chain::new(bands);
                }
            }
        }
    }
    if reader.rest().is_empty() && !chain.is_open() { Ok(has_state) } else { Err(LoadError::Encoding) }
}
