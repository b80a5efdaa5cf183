//! A network of one instruction, `y[i] = -1 - x[i]`, by a table.

use mote_runtime::format::instruction::Lookup;
use mote_runtime::format::{Contents, DType, Instruction, Port, Program, Rounding, SelfTestVector, write};

pub const ELEMENTS: u32 = 40;
/// Bytes of arena that it needs.
#[allow(dead_code, reason = "not every test asks")]
pub const ARENA_BYTES: u32 = 48 + ELEMENTS;

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

/// One self-test vector, of which the first output byte is given: `!7` is right. Not signed.
pub fn negation(expected_first: u8, version: u32, arena_bytes: u32, sha256: fn(&[u8]) -> [u8; 32]) -> Vec<u8> {
    let program = Program {
        rounding: Rounding::Single,
        inputs: [port(0)].into_iter().collect(),
        outputs: [port(48)].into_iter().collect(),
        instruction_count: 1,
    };
    let table: Vec<u8> = (-128..=127i32).map(|x| (-1 - x) as u8).collect();
    let mut expected = vec![!7; ELEMENTS as usize];
    expected[0] = expected_first;
    let contents = Contents {
        program: &program,
        instructions: &[Instruction::Lookup(Lookup { x: 0, y: 48, len: ELEMENTS, table: 0 })],
        meta: None,
        weights: &table,
        self_test: &[SelfTestVector { inputs: vec![vec![7; ELEMENTS as usize]], outputs: vec![expected] }],
        arena_bytes,
        model_version: version,
        sha256,
    };
    write(&contents).unwrap()
}
