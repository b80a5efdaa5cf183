//! A model file on the host, run by the very engine that runs on the device.

use mote_runtime::format::{Instruction, Port};
use mote_runtime::{AlignedBytes, Engine, LoadError, Model, Observer, SelfTestFailure};

/// Why a file cannot be run, or refuses its inputs.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The runtime refuses the file.
    #[error("{0}")]
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
    #[error("input {index} of shape {shape:?} holds {expected} {unit}, got {got}")]
    InputSize {
        /// Which input.
        index: usize,
        /// Shape of the input, in source order.
        shape: Vec<u32>,
        /// Elements or bytes.
        unit: &'static str,
        /// Size of the input.
        expected: usize,
        /// Size given.
        got: usize,
    },
}

/// A checked model file in memory.
#[derive(Clone, Debug)]
pub struct Session {
    blob: AlignedBytes,
}

impl Session {
    /// Copies `blob` to aligned memory and checks it.
    pub fn load(blob: Vec<u8>) -> Result<Self, SessionError> {
        let session = Self { blob: AlignedBytes::copy_of(&blob) };
        session.model()?;
        Ok(session)
    }

    /// The model in the file. Checks the file again.
    pub fn model(&self) -> Result<Model<'_>, SessionError> {
        Model::load(&self.blob).map_err(SessionError::Load)
    }

    /// An engine with an arena of its own. Make one per thread and keep it for many runs: it checks the file again.
    pub fn runner(&self) -> Result<Runner<'_>, SessionError> {
        Ok(Runner::new(self.model()?))
    }

    /// One run of a fresh [`Runner`].
    pub fn run(&self, inputs: &[Vec<f32>]) -> Result<Vec<Vec<f32>>, SessionError> {
        self.runner()?.run(inputs)
    }

    /// The file.
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }
}

/// A model and an arena of exactly the planned size. State of recurrent layers is reset before every run.
#[derive(Debug)]
pub struct Runner<'s> {
    model: Model<'s>,
    arena: AlignedBytes,
}

impl<'s> Runner<'s> {
    fn new(model: Model<'s>) -> Self {
        let arena = AlignedBytes::zeroed(model.arena_bytes() as usize);
        Self { model, arena }
    }

    /// The model.
    pub fn model(&self) -> &Model<'s> {
        &self.model
    }

    /// What the caller gives.
    pub fn inputs(&self) -> &[Port] {
        self.model.inputs()
    }

    /// What the caller gets.
    pub fn outputs(&self) -> &[Port] {
        self.model.outputs()
    }

    /// Bytes of arena that the plan needs.
    pub fn arena_bytes(&self) -> usize {
        self.arena.len()
    }

    /// Quantizes and permutes source-order float arrays, runs, and gives source-order float arrays back.
    pub fn run(&mut self, inputs: &[Vec<f32>]) -> Result<Vec<Vec<f32>>, SessionError> {
        let mut engine = self.filled(inputs)?;
        engine.run();
        Ok(read_outputs(&engine))
    }

    /// As [`Self::run`]; `observe` gets every instruction's index, the instruction, and the whole arena after it.
    pub fn run_observed(
        &mut self,
        inputs: &[Vec<f32>],
        observe: &mut dyn FnMut(usize, &Instruction, &[u8]),
    ) -> Result<Vec<Vec<f32>>, SessionError> {
        let mut engine = self.filled(inputs)?;
        engine.run_with(&mut After(observe));
        Ok(read_outputs(&engine))
    }

    /// Runs on stored bytes (int8 or float32, stored order) and gives stored bytes back.
    pub fn run_raw(&mut self, inputs: &[&[u8]]) -> Result<Vec<Vec<u8>>, SessionError> {
        self.run_raw_observed(inputs, &mut |_, _, _| {})
    }

    /// As [`Self::run_raw`], observed as [`Self::run_observed`].
    pub fn run_raw_observed(
        &mut self,
        inputs: &[&[u8]],
        observe: &mut dyn FnMut(usize, &Instruction, &[u8]),
    ) -> Result<Vec<Vec<u8>>, SessionError> {
        check_count(self.inputs(), inputs.len())?;
        let mut engine = engine(&self.model, &mut self.arena);
        for (index, given) in inputs.iter().enumerate() {
            let stored = engine.input_bytes_mut(index);
            if stored.len() != given.len() {
                let expected = stored.len();
                return Err(size_error(&self.model, index, "bytes", expected, given.len()));
            }
            stored.copy_from_slice(given);
        }
        engine.run_with(&mut After(observe));
        Ok((0..self.model.outputs().len()).map(|i| engine.output_bytes(i).to_vec()).collect())
    }

    /// The bytes that the arena holds for source-order float arrays: what [`Self::run_raw`] takes.
    pub fn store_inputs(&mut self, inputs: &[Vec<f32>]) -> Result<Vec<Vec<u8>>, SessionError> {
        let mut engine = self.filled(inputs)?;
        Ok((0..inputs.len()).map(|i| engine.input_bytes_mut(i).to_vec()).collect())
    }

    /// Runs the vectors in the file; gives how many there are.
    pub fn self_test(&mut self) -> Result<u32, SelfTestFailure> {
        engine(&self.model, &mut self.arena).self_test()
    }

    /// One past the highest arena byte that a run with `inputs` writes: the arena is painted with one pattern, then
    /// with its complement, so that a byte that happens to equal the paint once is seen the other time.
    pub fn high_water_mark(&mut self, inputs: &[Vec<f32>]) -> Result<usize, SessionError> {
        let mut mark = 0;
        for paint in [0x55u8, 0xaa] {
            self.arena.fill(paint);
            self.run(inputs)?;
            let written = self.arena.iter().rposition(|&byte| byte != paint).map_or(0, |last| last + 1);
            mark = mark.max(written);
        }
        Ok(mark)
    }

    fn filled(&mut self, inputs: &[Vec<f32>]) -> Result<Engine<'s, '_>, SessionError> {
        check_count(self.inputs(), inputs.len())?;
        let mut engine = engine(&self.model, &mut self.arena);
        for (index, values) in inputs.iter().enumerate() {
            if engine.write_f32(index, values).is_err() {
                let expected = self.model.inputs().get(index).and_then(Port::elements).unwrap_or(0) as usize;
                return Err(size_error(&self.model, index, "elements", expected, values.len()));
            }
        }
        Ok(engine)
    }
}

fn engine<'s, 'a>(model: &Model<'s>, arena: &'a mut AlignedBytes) -> Engine<'s, 'a> {
    Engine::new(model.clone(), arena).expect("the arena is aligned and as large as the model asks")
}

fn read_outputs(engine: &Engine) -> Vec<Vec<f32>> {
    let read = |(index, port): (usize, &Port)| {
        let mut values = vec![0.0; port.elements().unwrap_or(0) as usize];
        engine.read_f32(index, &mut values).expect("the array is as long as its port");
        values
    };
    engine.model().outputs().iter().enumerate().map(read).collect()
}

fn check_count(ports: &[Port], got: usize) -> Result<(), SessionError> {
    if ports.len() == got { Ok(()) } else { Err(SessionError::InputCount { expected: ports.len(), got }) }
}

fn size_error(model: &Model, index: usize, unit: &'static str, expected: usize, got: usize) -> SessionError {
    let shape = model.inputs().get(index).map(source_shape).unwrap_or_default();
    SessionError::InputSize { index, shape, unit, expected, got }
}

/// Sizes per axis in the order of the source network.
pub fn source_shape(port: &Port) -> Vec<u32> {
    let mut shape = vec![0; port.shape.len()];
    for (&size, &axis) in port.shape.iter().zip(&port.source_axes) {
        if let Some(slot) = shape.get_mut(usize::from(axis)) {
            *slot = size;
        }
    }
    shape
}

struct After<'f>(&'f mut dyn FnMut(usize, &Instruction, &[u8]));

impl Observer for After<'_> {
    fn after(&mut self, index: usize, instruction: &Instruction, arena: &[u8]) {
        (self.0)(index, instruction, arena);
    }
}
