//! From windows to answers.

use crate::{Source, Window};
use mote_runtime::{Engine, IoError, Ops};

/// As many classes as an answer can tell apart.
const MAX_CLASSES: usize = 32;

/// An engine and the window that it looks at.
pub struct Classifier<'m, 'a, O: Ops, const CHANNELS: usize, const SAMPLES: usize, const HOP: usize> {
    engine: Engine<'m, 'a, O>,
    window: Window<CHANNELS, SAMPLES, HOP>,
    classes: usize,
}

/// What the network says about a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answer {
    /// The class with the highest score, counted from 0.
    pub class: usize,
    /// Its score, as the network gives it: a logit, say, or a probability.
    pub score: f32,
}

/// Why a network cannot look at such windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mismatch {
    /// Its input has `got` values, a window `needed`.
    Input {
        /// Values.
        needed: u32,
        /// Values.
        got: u32,
    },
    /// Its output has `got` values; 1 to `most` are classes.
    Output {
        /// Values.
        most: u32,
        /// Values.
        got: u32,
    },
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error<E> {
    /// The sensor.
    Sensor(E),
    /// The engine did not take the window. [`Classifier::new`] has compared the sizes, so that this does not happen.
    Engine(IoError),
}

impl<'m, 'a, O: Ops, const CHANNELS: usize, const SAMPLES: usize, const HOP: usize>
    Classifier<'m, 'a, O, CHANNELS, SAMPLES, HOP>
{
    /// Takes an engine.
    ///
    /// # Errors
    /// If its network does not take a window of `SAMPLES` times `CHANNELS` values as its first input, or its first output is no row of
    /// scores.
    pub fn new(engine: Engine<'m, 'a, O>) -> Result<Self, Mismatch> {
        let values = |port: Option<&mote_runtime::format::Port>| port.and_then(|port| port.elements()).unwrap_or(0);
        let got = values(engine.model().inputs().first());
        let needed = (CHANNELS * SAMPLES) as u32;
        if got != needed {
            return Err(Mismatch::Input { needed, got });
        }
        let got = values(engine.model().outputs().first());
        let classes = got as usize;
        if classes == 0 || classes > MAX_CLASSES {
            return Err(Mismatch::Output { most: MAX_CLASSES as u32, got });
        }
        Ok(Self { engine, window: Window::new(), classes })
    }

    /// Asks the sensor once; the answer if that filled a window. To be called again and again.
    ///
    /// # Errors
    /// If the sensor does not answer. What the window holds stays.
    pub fn poll<S: Source<CHANNELS>>(&mut self, sensor: &mut S) -> Result<Option<Answer>, Error<S::Error>> {
        match sensor.sample().map_err(Error::Sensor)? {
            Some(sample) if self.window.push(sample) => self.answer().map(Some).map_err(Error::Engine),
            _ => Ok(None),
        }
    }

    fn answer(&mut self) -> Result<Answer, IoError> {
        self.engine.write_f32(0, self.window.values())?;
        self.engine.run();
        let mut scores = [0.0; MAX_CLASSES];
        let scores = scores.get_mut(..self.classes).unwrap_or_default();
        self.engine.read_f32(0, scores)?;
        let first = Answer { class: 0, score: f32::NEG_INFINITY };
        Ok(scores.iter().enumerate().fold(
            first,
            |best, (class, &score)| {
                if score > best.score { Answer { class, score } } else { best }
            },
        ))
    }
}
