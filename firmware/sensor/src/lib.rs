//! From a sensor on a bus to a network's answer.
//!
//! A [`Source`] gives samples, one after the other; a [`Window`] keeps the newest of them; a [`Classifier`] writes a full window into the
//! engine's input, runs it, and says which class has the highest score. [`Accelerometer`] is a source over any I2C bus that
//! has `embedded_hal::i2c::I2c`: a board gives its HAL's bus, a test a mock of one. Another sensor is another `Source`.
//!
//! ```
//! use mote_runtime::{Arena, Engine, Model, include_model};
//! use mote_sensor::{Classifier, MOTION, Source};
//!
//! /// 32 samples of three axes, as the network was trained on; the window moves on by 16.
//! type Motion<'m, 'a> = Classifier<'m, 'a, mote_runtime::AllOps, 3, 32, 16>;
//!
//! fn watch<S: Source<3>>(mut sensor: S) -> Result<usize, mote_sensor::Error<S::Error>> {
//!     let mut arena = Arena::<1024>::new();
//!     let model = Model::load(MOTION).expect("the file is part of the program");
//!     let engine = Engine::new(model, arena.as_mut_slice()).expect("`mote inspect` says 520 bytes");
//!     let mut motion = Motion::new(engine).expect("the network takes such windows");
//!     loop {
//!         if let Some(answer) = motion.poll(&mut sensor)? {
//!             return Ok(answer.class);
//!         }
//!     }
//! }
//! ```
#![no_std]
#![forbid(unsafe_code)]

mod accelerometer;
mod classifier;
mod window;

pub use accelerometer::{Accelerometer, SensorError};
pub use bmi160::SlaveAddr;
pub use classifier::{Answer, Classifier, Error, Mismatch};
pub use window::Window;

/// A network that tells what a board does from 32 samples of an accelerometer at 50 Hz, in g: 0 it lies still, 1 it turns, 2 it is
/// shaken. `model/` has its recipe. It needs the kernels `Conv2d` and `FullyConnected`.
pub static MOTION: &[u8] = mote_runtime::include_model!("../model/motion.mote");

/// What gives samples of `CHANNELS` values each, in the units that the network was trained on.
pub trait Source<const CHANNELS: usize> {
    /// Why there is no sample.
    type Error;

    /// The next sample; none if there is no new one yet.
    ///
    /// # Errors
    /// If the sensor does not answer. The next call tries again.
    fn sample(&mut self) -> Result<Option<[f32; CHANNELS]>, Self::Error>;
}
