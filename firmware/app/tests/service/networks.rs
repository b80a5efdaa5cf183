//! Two networks that compute different things, and what a host computes with them.

use crate::support::models;
use mote_runtime::format::instruction::Lookup;
use mote_runtime::format::{Contents, DType, Instruction, Port, Program, Rounding, SelfTestVector, write};
use mote_runtime::{AlignedBytes, Engine, Model};

const ELEMENTS: u32 = 40;

fn port(offset: u32) -> Port {
    Port {
        offset,
        dtype: DType::I8,
        shape: [1, ELEMENTS].into_iter().collect(),
        scale: 1.0,
        zero_point: 0,
        source_dtype: DType::I8,
        source_axes: [0, 1].into_iter().collect(),
    }
}

/// `y[i] = -1 - x[i]`, by a table. Not signed.
pub fn negation(version: u32, arena_bytes: u32) -> Vec<u8> {
    let program = Program {
        rounding: Rounding::Single,
        inputs: [port(0)].into_iter().collect(),
        outputs: [port(48)].into_iter().collect(),
        instruction_count: 1,
    };
    let table: Vec<u8> = (-128..=127i32).map(|x| (-1 - x) as u8).collect();
    let vector =
        SelfTestVector { inputs: vec![vec![7; ELEMENTS as usize]], outputs: vec![vec![!7; ELEMENTS as usize]] };
    let contents = Contents {
        program: &program,
        instructions: &[Instruction::Lookup(Lookup { x: 0, y: 48, len: ELEMENTS, table: 0 })],
        meta: None,
        weights: &table,
        self_test: &[vector],
        arena_bytes,
        model_version: version,
        sha256: models::sha256,
    };
    write(&contents).unwrap()
}

pub fn signed_negation(version: u32) -> Vec<u8> {
    models::sign(&negation(version, 88), models::SEED)
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
