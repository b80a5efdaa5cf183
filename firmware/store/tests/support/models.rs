//! Model files: small, real, signed.

use ed25519_compact::{KeyPair, Seed};
use mote_runtime::format::{Contents, Program, SelfTestVector, seal, with_signature, write};
use mote_runtime::{AlignedBytes, Model};
use mote_store::signed_bytes;
use sha2::{Digest, Sha256};

/// Of the key that signs.
pub const SEED: u8 = 42;
const FILE: &[u8] = include_bytes!("../../../../runtime/tests/data/v2.mote");

pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

pub fn keys(seed: u8) -> KeyPair {
    KeyPair::from_seed(Seed::new([seed; 32]))
}

/// A model of about `1100 + extra` bytes: the runtime's test file with more weights, which nothing reads.
pub fn unsigned(version: u32, extra: usize) -> Vec<u8> {
    unsigned_with(version, extra, |_| ())
}

/// The same, with its test vectors changed.
pub fn unsigned_with(version: u32, extra: usize, change: impl FnOnce(&mut Vec<SelfTestVector>)) -> Vec<u8> {
    let file = AlignedBytes::copy_of(FILE);
    let model = Model::load(&file).unwrap();
    let program = Program {
        rounding: model.rounding(),
        inputs: model.inputs().iter().cloned().collect(),
        outputs: model.outputs().iter().cloned().collect(),
        instruction_count: 0,
    };
    let instructions: Vec<_> = model.instructions().collect();
    let mut weights = model.weights().to_vec();
    weights.extend((0..extra as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8 ^ version as u8));
    let vector = |v: mote_runtime::SelfTestVector| SelfTestVector {
        inputs: vec![v.inputs.to_vec()],
        outputs: vec![v.outputs.to_vec()],
    };
    let mut self_test: Vec<_> = model.self_test().map(vector).collect();
    change(&mut self_test);
    let contents = Contents {
        program: &program,
        instructions: &instructions,
        meta: Some(&model.meta()),
        weights: &weights,
        self_test: &self_test,
        arena_bytes: model.arena_bytes(),
        model_version: version,
        sha256,
    };
    write(&contents).unwrap()
}

/// Signs as a host does.
pub fn sign(file: &[u8], seed: u8) -> Vec<u8> {
    let open = with_signature(file, &[0; 64]).unwrap();
    let message = signed_bytes(&open).unwrap();
    with_signature(&open, &keys(seed).sk.sign(message, None)).unwrap()
}

pub fn signed(version: u32, extra: usize) -> Vec<u8> {
    sign(&unsigned(version, extra), SEED)
}

/// Signed, valid, and wrong: its test vectors ask for what no runtime computes.
pub fn failing(version: u32) -> Vec<u8> {
    sign(&unsigned_with(version, 500, |vectors| vectors[0].outputs[0][1] ^= 1), SEED)
}

/// Overwrites bytes and makes the checksums right again, but neither SHA-256 nor signature.
pub fn patched(file: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    seal(&mut file);
    file
}
