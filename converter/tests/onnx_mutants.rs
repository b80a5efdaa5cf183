//! Damaged ONNX files: an error or a graph, never a panic, never a hang.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use mote::import::onnx::{ImportOptions, import};
use mote::passes::run_default;

/// Longest that one file may take.
const LIMIT: Duration = Duration::from_secs(2);

struct XorShift(u64);

impl XorShift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

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

/// Imports and rewrites `count` mutants of a file. Returns how many imported, and what went wrong.
fn survive(path: &Path, count: usize, seed: u64) -> (usize, Vec<String>) {
    let original = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let places = structure(&original);
    let mut random = XorShift(seed);
    let mut imported = 0;
    let mut faults = Vec::new();
    for index in 0..count {
        let bytes = mutant(&original, &places, &mut random);
        let start = Instant::now();
        let run = || {
            let Ok(model) = import(&bytes, &ImportOptions::default()) else { return false };
            let mut graph = model.graph;
            // An error is fine: what it must not do is panic.
            let _ = run_default(&mut graph);
            true
        };
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(fine) => imported += usize::from(fine),
            Err(_) => faults.push(format!("{} mutant {index} of seed {seed}: panicked", path.display())),
        }
        if start.elapsed() > LIMIT {
            faults.push(format!("{} mutant {index} of seed {seed}: took {:?}", path.display(), start.elapsed()));
        }
    }
    (imported, faults)
}

#[test]
fn damaged_files_give_errors() {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/digits-cnn/model.onnx");
    let (imported, faults) = survive(&model, 300, 0x5eed);
    eprintln!("{imported} of 300 mutants still import");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(imported > 0 && imported < 300, "{imported} of 300 mutants import: they do not test the importer");
}
