//! Damaged ONNX files: an error or a model, never a panic, never a hang. `MOTE_MUTANTS=10000` tries more.

mod support;

use std::path::Path;

use support::mutate::{XorShift, count, survive};

/// Positions outside of long runs of weights: those with text or small numbers near by.
fn structure(bytes: &[u8]) -> Vec<usize> {
    let texty =
        |window: &[u8]| window.windows(4).any(|w| w.iter().all(|b| b.is_ascii_alphanumeric() || b"/_.:".contains(b)));
    let near = |i: usize| bytes.get(i.saturating_sub(24)..(i + 24).min(bytes.len())).is_some_and(texty);
    (0..bytes.len()).filter(|&i| near(i)).collect()
}

/// One to four changes.
fn mutant(original: &[u8], places: &[usize], random: &mut XorShift) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for _ in 0..=random.below(4) {
        let at = places[random.below(places.len())].min(bytes.len().saturating_sub(1));
        match random.below(8) {
            0..=2 => bytes[at] ^= 1 << random.below(8),
            3 | 4 => bytes[at] = random.next() as u8,
            5 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            6 => drop(bytes.drain(at..(at + 1 + random.below(8)).min(bytes.len()))),
            _ if random.below(8) == 0 => bytes.truncate(at.max(1)),
            _ => bytes.insert(at, random.next() as u8),
        }
    }
    bytes
}

#[test]
fn damaged_files_give_errors() {
    damage("digits-cnn", "../models/digits-cnn/model.onnx");
}

#[test]
fn damaged_quantized_files_give_errors() {
    damage("digits_qdq_u8", "tests/quantized_onnx/digits_qdq_u8.onnx");
    damage("digits_qlinear_u8", "tests/quantized_onnx/digits_qlinear_u8.onnx");
}

fn damage(name: &str, path: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let original = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let places = structure(&original);
    let n = count(300);
    let (converted, faults) = survive(name, &original, n, 0x5eed, &|bytes, random| mutant(bytes, &places, random));
    eprintln!("{converted} of {n} mutants still convert");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(converted > 0 && converted < n, "{converted} of {n} mutants convert: they do not test the importer");
}
