//! Networks of the shared test data, compiled by microflow's macro, behind one trait.
#![no_std]

pub mod flat;

include!(concat!(env!("OUT_DIR"), "/nets.rs"));

/// The first sample of [`Only`]'s inputs.
pub static INPUT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/input.bin"));

/// A compiled network.
pub trait Net {
    /// Its folder's name.
    const NAME: &'static str;
    /// Where its file and its samples are.
    const FOLDER: &'static str;
    /// Runs it on int8 input in row-major order. Writes the outputs, which microflow gives as real numbers only, and says
    /// how many there are.
    fn run(input: &[i8], output: &mut [f32]) -> usize;
}

/// What [`each`] calls.
pub trait Visitor {
    /// For one network.
    fn visit<N: Net>(&mut self);
}

/// No network, to see what an image costs without one.
pub struct Nothing;

impl Net for Nothing {
    const NAME: &'static str = "none";
    const FOLDER: &'static str = "";
    fn run(_: &[i8], _: &mut [f32]) -> usize {
        0
    }
}
