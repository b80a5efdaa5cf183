//! Two networks that compute different things, and what a host computes with them.

use crate::common;
use crate::support::models;
use mote_runtime::{AlignedBytes, Engine, Model};

/// `y[i] = -1 - x[i]`. Not signed.
pub fn negation(version: u32, arena_bytes: u32) -> Vec<u8> {
    common::negation(!7, version, arena_bytes, models::sha256)
}

pub fn signed_negation(version: u32) -> Vec<u8> {
    models::sign(&negation(version, common::ARENA_BYTES), models::SEED)
}

/// Bytes of the first input, and of the arena.
pub fn sizes(file: &[u8]) -> (usize, u32) {
    let file = AlignedBytes::copy_of(file);
    let model = Model::load(&file).unwrap();
    (model.inputs()[0].bytes().unwrap() as usize, model.arena_bytes())
}

/// What the same engine computes on the host.
pub fn on_host(file: &[u8], input: &[u8]) -> Vec<u8> {
    let file = AlignedBytes::copy_of(file);
    let model = Model::load(&file).unwrap();
    let mut arena = AlignedBytes::zeroed(model.arena_bytes() as usize);
    let mut engine = Engine::new(model, &mut arena).unwrap();
    engine.input_bytes_mut(0).copy_from_slice(input);
    engine.run();
    engine.output_bytes(0).to_vec()
}

/// Inputs that differ from each other.
pub fn samples(bytes: usize) -> [Vec<u8>; 3] {
    [3u32, 50, 177]
        .map(|seed| (0..bytes as u32).map(|i| (i.wrapping_mul(seed * 2_654_435_761 / 7) >> 13) as u8).collect())
}
